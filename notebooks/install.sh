#!/bin/sh
# On a notebook instance: make the kernel of the notebooks from the wheels that came with them.
# It needs no network. `make package` puts requirements.txt and wheels/ beside this file.
set -eu
cd "$(dirname "$0")"

find_python() {
    for candidate in \
        "${PYTHON:-}" python3.12 \
        /home/ec2-user/anaconda3/bin/python /home/ec2-user/anaconda3/envs/*/bin/python; do
        [ -n "$candidate" ] || continue
        if version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) &&
            [ "$version" = 3.12 ]; then
            echo "$candidate"
            return
        fi
    done
    echo "install: no Python 3.12 on this instance: put one below $(pwd), which outlives a restart," >&2
    echo "install: and run 'PYTHON=/path/to/python3.12 sh install.sh' in a terminal" >&2
    return 1
}

wanted=$(cksum <requirements.txt)
if [ "$(cat .venv/.stamp 2>/dev/null)" != "$wanted" ]; then
    python=$(find_python)
    rm -rf .venv
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --no-index --find-links wheels --require-hashes --requirement requirements.txt
    echo "$wanted" >.venv/.stamp
fi
# The kernel's folder does not outlive a restart of the instance; the environment does.
.venv/bin/python -m ipykernel install --user --name python3 --display-name Solvencia
echo "install: the kernel Solvencia is ready"
