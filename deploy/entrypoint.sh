#!/bin/sh
# Runs a command with secrets from files: for every variable NAME_FILE that names a file below /run/secrets (or
# $MEMEVAL_SECRETS), NAME is set to the content of the file. An empty file means that there is no key: NAME stays unset.
set -eu

folder=${MEMEVAL_SECRETS:-/run/secrets}
for name in $(env | sed -n "s|^\([A-Za-z_][A-Za-z0-9_]*\)_FILE=$folder/.*|\1|p"); do
    file=$(eval "echo \"\$${name}_FILE\"")
    if [ ! -r "$file" ]; then
        echo "${name}_FILE names $file, which cannot be read; create it with sh deploy/secrets/make.sh" >&2
        exit 2
    fi
    value=$(cat "$file")
    if [ -n "$value" ]; then export "$name=$value"; fi
    unset "${name}_FILE"
done
exec "$@"
