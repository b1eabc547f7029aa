#!/usr/bin/env bash
# Makes everything that Graft needs inside this folder: .venv with the versions of constraints.txt, and build/ with the
# static files. What is up to date is left alone, so a second call takes a fraction of a second.
# Usage: scripts/setup.sh run | test      (test: also what the tests and checks need)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

purpose=${1:?run or test}
case $purpose in
    run) extras=train,local ;;
    test) extras=train,local,dev ;;
    *) echo "Usage: scripts/setup.sh run | test" >&2; exit 2 ;;
esac
python=.venv/bin/python
log=build/setup.log
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

fail() {
    echo "$1" >&2
    exit 1
}

# Runs a command whose output only matters when it fails.
quietly() {
    local began=$SECONDS words=$1
    shift
    printf '%s … ' "$words"
    if ! "$@" >>"$log" 2>&1; then
        echo "failed:"
        tail -n 25 "$log" >&2
        fail "Setup stopped at “$words”; all of it is in $log. Run the same command to try again."
    fi
    echo "$((SECONDS - began)) s"
}

# Every Python on the path is asked, because the first one may be a shim that finds no 3.11.
find_python() {
    local candidate without_venv=""
    while read -r candidate; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            "$candidate" -c 'import ensurepip, venv' 2>/dev/null && echo "$candidate" && return
            without_venv=$candidate
        fi
    done < <(type -aP python3.11 python3 python)
    [ -z "$without_venv" ] ||
        fail "$without_venv cannot make virtual environments: install its venv module (Debian 12: python3.11-venv)."
    fail "Graft needs Python 3.11, and there is none here: install it (Debian 12: python3.11 and python3.11-venv)."
}

# What decides which packages are installed; the folder too, because a virtual environment cannot be moved.
wanted() {
    echo "$PWD $1"
    cat pyproject.toml constraints.txt .venv/pyvenv.cfg
}

is_installed() {
    [ -x "$python" ] && [ -f ".venv/graft-$1" ] && [ "$(wanted "$1")" = "$(cat ".venv/graft-$1")" ]
}

# Made here and not half made.
usable_venv() {
    grep -qsF "$PWD/.venv" .venv/bin/activate && "$python" -c 'import pip, sys; sys.exit(sys.version_info[:2] != (3, 11))'
} 2>/dev/null

# With a newer pip than Python brings: it can tell others how far a download is.
make_venv() {
    "$1" -m venv --clear .venv
    "$python" -m pip install --constraint constraints.txt --upgrade pip
}

install_packages() {
    local source torch
    if ! usable_venv; then
        source=$(find_python)
        quietly "Making .venv with $("$source" --version)" make_venv "$source"
    fi
    # torch first and alone: another package that is free to choose would take its newest build.
    torch=$(grep '^torch==' constraints.txt)
    quietly "Installing PyTorch ${torch#torch==}" \
        "$python" -m pip install --constraint constraints.txt "$torch" setuptools
    quietly "Installing the other packages" \
        "$python" -m pip install --constraint constraints.txt --no-build-isolation --editable ".[$extras]"
    wanted "$purpose" >".venv/graft-$purpose"
}

static_is_built() {
    [ -f build/static.stamp ] && [ -f build/static/staticfiles.json ] &&
        [ -z "$(find finetune_app/static finetune_app/web/icons.txt package-lock.json scripts/build_static.py \
            constraints.txt -newer build/static.stamp -print -quit)" ]
}

collect_static() {
    # Django's settings make a data folder; a build has its own, and none of the caller's variables.
    env -u PORT -u HOST -u DATABASE_URL -u REDIS_URL -u STORAGE_URL GRAFT_HOME="$PWD/build/home" \
        "$python" manage.py collectstatic --noinput --verbosity 0
}

mkdir -p build
exec 9<constraints.txt
if command -v flock >/dev/null && ! flock --nonblock 9; then
    echo "Another setup runs in this folder; waiting for it."
    flock 9
fi
is_installed test || is_installed "$purpose" || { : >"$log"; install_packages; }
if ! static_is_built; then
    quietly "Building stylesheets and scripts" "$python" scripts/build_static.py
    quietly "Collecting static files" collect_static
    touch build/static.stamp
fi
