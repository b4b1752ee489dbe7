#!/bin/sh
# Creates the files of secrets that deploy/compose.yaml mounts; existing files are not changed.
#
#     postgres_password        random
#     grafana_admin_password   random; the user is admin
#     openai_api_key           empty: the scenarios use their local model server. To use a key, write it into the file.
#
# In a container a secret has the mode of its file, and containers use other users. Therefore all users may read the files, but
# only you can enter their folder.
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
