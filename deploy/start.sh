#!/bin/sh
# Starts all services of deploy/compose.yaml and waits until they are healthy. Arguments are passed to `docker compose up`.
set -eu
cd "$(dirname -- "$0")"

refuse() { echo "start.sh: $*" >&2; exit 2; }

install='install Docker with Compose 2.20 or later: https://docs.docker.com/compose/install/'
version=$(docker compose version --short 2>/dev/null) || refuse "\`docker compose\` is not here; $install"
case ${version#v} in
    [01].* | 2.[0-9].* | 2.1[0-9].*) refuse "\`docker compose\` has version $version, which is too old; $install" ;;
esac
docker info >/dev/null 2>&1 || refuse 'no Docker engine answers (`docker info`); start it, or ask for the right to use it'

sh configure.sh
sh secrets/make.sh
docker compose up --build --detach --wait "$@"
cat <<'TEXT'
Grafana     http://127.0.0.1:3000   user admin, password in deploy/secrets/grafana_admin_password
Exporter    http://127.0.0.1:9464
Prometheus  http://127.0.0.1:9090
TEXT
