#!/bin/sh
# Resolve every locks/<name>.in into locks/<name>.txt with hashes, and constraints.txt for MWAA.
# Argument: MWAA's own constraints file, which the Airflow environment must agree with.
set -eu
cd "$(dirname "$0")/.."
sh local/setup.sh uv
mwaa=${1:-}
for source in locks/*.in; do
    name=$(basename "$source" .in)
    set -- --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url --python-version 3.12
    if [ "$name" = airflow ]; then
        [ -n "$mwaa" ] || { echo "lock: name MWAA's constraints: make lock MWAA=…/constraints.txt" >&2; exit 2; }
        set -- "$@" --constraint "$mwaa"
    fi
    if [ "$name" = guard ]; then set -- "$@" --no-deps; fi
    .venv/uv/bin/uv pip compile "$@" "$source" --output-file "locks/$name.txt"
    echo "lock: $name, $(grep -c '^[a-zA-Z0-9].*==' "locks/$name.txt") packages"
done
# MWAA reads plain pins: the same versions without hashes.
sed -n 's/^\([a-zA-Z0-9._-]*\(\[[a-z,]*\]\)\{0,1\}==[^ ]*\).*/\1/p' locks/airflow.txt | grep -v '^pytest==' >constraints.txt
