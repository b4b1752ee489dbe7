#!/bin/sh
# Makes the files of secrets that deploy/compose.yaml mounts, where they are missing; what is there stays as it is.
#
#     postgres_password        random
#     grafana_admin_password   random; the user is admin
#     openai_api_key           empty: the scenarios use their local model server. Put your key in, without a line's end or with.
#
# In a container a secret keeps the mode that its file has here, and the users there are others than here. So the files can be
# read by all, and their folder can be entered by you alone.
set -eu
cd "$(dirname -- "$0")"

chmod 700 .
umask 022
for name in postgres_password grafana_admin_password; do
    if [ ! -s "$name" ]; then
        od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$name.new"
        mv "$name.new" "$name"
    fi
done
if [ ! -e openai_api_key ]; then : >openai_api_key; fi
chmod 444 postgres_password grafana_admin_password
chmod 644 openai_api_key
