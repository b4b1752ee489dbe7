#!/bin/sh
# Builds the programs of the real stack, unless they are in the user's cache, and tests deploy/ with them:
#
#     sh tests/deploy/stack/run.sh
#
# Arguments go to pytest. With --built, as in CI, nothing is built: tests of a missing program are left out, by name.
set -eu
cd "$(dirname -- "$0")/../../.."

if ! command -v go >/dev/null; then
    echo 'left out: the real stack of deploy/ (OpenTelemetry Collector, Prometheus 3, Jaeger), because Go is not installed'
    exit 0
fi
if [ "${1:-}" = --built ]; then
    shift
    case $(python -m tests.deploy.stack.build --missing) in
        *collector* | *prometheus*)
            echo 'left out: the real stack of deploy/ is not built yet; sh tests/deploy/stack/run.sh builds it'
            exit 0 ;;
    esac
else
    python -m tests.deploy.stack.build
fi
exec pytest tests/deploy/stack "$@"
