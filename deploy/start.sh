#!/bin/sh
# Starts all services of deploy/compose.yaml and waits until they are healthy. Arguments are passed to `docker compose up`.
set -eu
cd "$(dirname -- "$0")"

sh secrets/make.sh
docker compose up --build --detach --wait "$@"
cat <<'TEXT'
Grafana     http://127.0.0.1:3000   user admin, password in deploy/secrets/grafana_admin_password
Exporter    http://127.0.0.1:9464
Prometheus  http://127.0.0.1:9090
TEXT
