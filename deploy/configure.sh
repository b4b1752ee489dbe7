#!/bin/sh
# Writes the settings of deploy/settings.conf into the files of this folder, and names each file that it changes. A second run
# changes nothing. Exit status 2, and no file is changed, if a setting is missing or has no usable form.
set -eu
cd "$(dirname -- "$0")"

refuse() { echo "configure.sh: settings.conf: $*" >&2; exit 2; }

# Prints the value of setting $1.
setting() {
    grep -q "^$1=" settings.conf || refuse "$1 is missing; add a line $1=VALUE"
    sed -n "s/^$1=//p" settings.conf | tail -n 1
}

# Does $1 have the form of the extended regular expression $2?
has_form() { printf '%s\n' "$1" | grep -Eqx "$2"; }

# Prints $1 with the special characters of a sed replacement and of a sed pattern escaped.
escaped() { printf '%s\n' "$1" | sed 's/[][\.*^$|&]/\\&/g'; }

# Edits file $1 with the sed commands after it.
edit() {
    file=$1; shift
    sed "$@" "$file" >"$file.new"
    if cmp -s "$file" "$file.new"; then rm "$file.new"; else
        cat "$file.new" >"$file" # keeps mode and owner
        rm "$file.new"
        echo "configure.sh: changed $file"
    fi
}

url='https?://[^][:space:]"'\''\\{}|[]+'
runbook=$(setting RUNBOOK_URL)
webhook=$(setting ALERT_WEBHOOK_URL)
image=$(setting IMAGE)
has_form "$runbook" "$url" || refuse "RUNBOOK_URL=$runbook is not an address; write https://HOST/PATH"
case $runbook in *'#'*) refuse "RUNBOOK_URL=$runbook contains #; alerts add the heading themselves" ;; esac
[ -z "$webhook" ] || has_form "$webhook" "$url" || refuse 'ALERT_WEBHOOK_URL is not an address; write https://HOST/PATH'
has_form "$image" '[a-z0-9][a-z0-9._/:-]*:[A-Za-z0-9_][A-Za-z0-9_.-]*' || refuse "IMAGE=$image has no version; write NAME:VERSION"

# The rules are the source of the address; all other files have it from there.
before=$(sed -n 's/^ *runbook_url: \([^#]*\)#.*/\1/p' prometheus/rules/memeval-alerts.yaml | head -n 1)
for file in prometheus/rules/memeval-alerts.yaml prometheus/tests/*.yaml kubernetes/prometheusrule.yaml \
    grafana/dashboards/*.json grafana/provisioning/alerting/*.yaml; do
    edit "$file" "s|$(escaped "$before")\([#\"]\)|$(escaped "$runbook")\1|g"
done

receiver='[]'
[ -z "$webhook" ] || receiver="[{url: \"$webhook\"}]"
edit alertmanager/alertmanager.yaml "s|^    webhook_configs: .*|    webhook_configs: $(escaped "$receiver")|"

edit compose.yaml "/^  exporter:/,/^  [a-z]/s|^    image: .*|    image: $(escaped "$image")|"
edit kubernetes/kustomization.yaml -e "/^  - name: otel-memeval\$/,/newTag/s|newName: .*|newName: $(escaped "${image%:*}")|" \
    -e "/^  - name: otel-memeval\$/,/newTag/s|newTag: .*|newTag: $(escaped "${image##*:}")|"
