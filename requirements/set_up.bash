# Sourced by ./run and ./test, which set $here: makes $here/.venv exactly what a lock says.
# A stamp with the lock's checksum is written last. An environment without it, or with another one, was interrupted or is
# out of date and is made anew, because pip takes a half-installed package for an installed one.

venv="$here/.venv"
unset PYTHONDONTWRITEBYTECODE # without compiled files every process starts seconds later, each time

set_up() { # run | dev
    if command -v flock > /dev/null; then
        exec 9> "$here/.setup.lock"
        flock 9
    fi
    if ! up_to_date run; then
        make_venv
    fi
    if ! up_to_date "$1"; then
        install "$1"
    fi
    exec 9>&-
}

up_to_date() { # run | dev
    [[ -f "$venv/.locked-$1" && "$(checksum "$1")" == "$(< "$venv/.locked-$1")" ]] \
        && "$venv/bin/python" -c 'import pip' 2> /dev/null # the system's Python may have gone on without us
}

checksum() { # run | dev
    cat "$here"/requirements/{pip,"$1"}.txt "$here/requirements/set_up.bash" | cksum
}

make_venv() {
    local python
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' 2> /dev/null \
        || give_up "Python's venv module is missing. On Debian and Ubuntu: apt install python3-venv"
    "$python" -m venv --clear "$venv" || give_up "could not make $venv with $python (see above)."
}

find_python() {
    local python
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
            echo "$python"
            return
        fi
    done
    command -v python3 > /dev/null || give_up "python3 was not found. Paydesk needs Python 3.11 or newer."
    give_up "Paydesk needs Python 3.11 or newer; this machine's python3 is $(python3 --version 2>&1)."
}

install() { # run | dev
    rm -f "$venv"/.locked-*
    echo "Installing $(grep -c '^[a-z].*==' "$here/requirements/$1.txt") packages into .venv (once, about half a minute) …" >&2
    pip_install pip
    pip_install "$1"
    add_command
    if [[ $1 == dev ]]; then
        checksum run > "$venv/.locked-run" # dev.txt holds all of run.txt
    fi
    checksum "$1" > "$venv/.locked-$1"
}

# Every package is in the lock: nothing to resolve. What is imported compiles itself, which is a fraction of all.
pip_install() { # lock
    PIP_USER=0 "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check --retries 2 \
        --require-hashes --no-deps --only-binary :all: --no-compile -r "$here/requirements/$1.txt" \
        > "$venv/install.log" 2>&1 || explain_pip "$venv/install.log"
}

explain_pip() { # log
    grep -v '^WARNING: Location' "$1" | tail -n 15 >&2
    if grep -qiE 'name resolution|name or service|unreachable|NewConnection|ProxyError|timed out|from versions: none' "$1"; then
        give_up "the packages could not be downloaded: is this machine online? (pip's own settings, such as a mirror or a proxy, are respected.)"
    fi
    give_up "the packages could not be installed; what pip said is above, all of it in $1"
}

# The `paydesk` command, and the checkout on the path of this environment; both survive moving the checkout elsewhere.
add_command() {
    local site
    for site in "$venv"/lib/python3*/site-packages; do
        echo ../../../.. > "$site/paydesk.pth"
    done
    cat > "$venv/bin/paydesk" << 'SHIM'
#!/bin/sh
''''exec "$(dirname "$(readlink -f "$0")")/python" "$(readlink -f "$0")" "$@" # '''
import sys

from app.cli import main

sys.exit(main())
SHIM
    chmod +x "$venv/bin/paydesk"
}

give_up() { # sentence
    echo "Paydesk cannot be set up: $1" >&2
    exit 1
}
