#!/bin/sh
# Build the environments named as arguments (locks/<name>.txt) below .venv/, each with its own
# Python 3.12. One that is there and matches its lock is left alone, and needs no network.
set -eu
cd "$(dirname "$0")/.."

find_python() {
    for candidate in \
        "${PYTHON:-}" python3.12 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python3.12 \
        "$(command -v uv >/dev/null 2>&1 && uv python find --offline 3.12 2>/dev/null)"; do
        [ -n "$candidate" ] || continue
        # A pyenv shim may stand on PATH and yet refuse to run: ask it.
        if version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) &&
            [ "$version" = 3.12 ]; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    echo "setup: no Python 3.12 was found on PATH, in pyenv's versions folder or by uv." >&2
    echo "setup: install it (for example 'pyenv install 3.12' or 'uv python install 3.12')," >&2
    echo "setup: or name it: make $* PYTHON=/path/to/python3.12" >&2
    return 1
}

stamp() { cat "locks/$1.txt" local/setup.sh | cksum; }

is_ready() { [ -x ".venv/$1/bin/python" ] && [ "$(cat ".venv/$1/.stamp" 2>/dev/null)" = "$(stamp "$1")" ]; }

missing=
for name in "$@"; do is_ready "$name" || missing="$missing $name"; done
[ -n "$missing" ] || exit 0

python=$(find_python run)
if ! is_ready uv; then
    echo "setup: uv (the installer)"
    rm -rf .venv/uv
    "$python" -m venv .venv/uv
    .venv/uv/bin/python -m pip install --quiet --disable-pip-version-check \
        --require-hashes --requirement locks/uv.txt
    stamp uv >.venv/uv/.stamp
fi
for name in $missing; do
    [ "$name" != uv ] || continue
    echo "setup: environment '$name' ($(grep -c '^[a-zA-Z0-9].*==' "locks/$name.txt") packages)"
    started=$(date +%s)
    rm -rf ".venv/$name"
    .venv/uv/bin/uv venv --quiet --python "$python" ".venv/$name"
    .venv/uv/bin/uv pip sync --quiet --require-hashes --python ".venv/$name/bin/python" "locks/$name.txt"
    stamp "$name" >".venv/$name/.stamp"
    echo "setup: environment '$name' ready after $(($(date +%s) - started)) s"
done
