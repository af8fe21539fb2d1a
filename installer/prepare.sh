# Sourced by run, test, bundle and package: `prepare run|test [arguments]` sets up what is missing and returns with
# $own, the environment's Python, ready. The work itself is in prepare.py; here a Python is found that can start it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
own=$root/.venv/bin/python

prepare() {
    local target=$1
    shift
    if "$own" -ES "$root/installer/prepare.py" ready "$target" -- "$@" 2>/dev/null; then return; fi
    find_python || return 1
    "$python" -E "$root/installer/prepare.py" prepare "$target" -- "$@"
}

# Why each candidate is started and not only looked up: a pyenv shim is on the PATH for versions that do not run.
_python_rank() {
    "$1" -c '
import sys
if not (3, 10) <= sys.version_info < (3, 14): raise SystemExit(1)
try: import ensurepip, venv
except ImportError: print(0, "%d.%d" % sys.version_info[:2], sys.executable)
else: print(1, "%d.%d" % sys.version_info[:2], sys.executable)' 2>/dev/null
}

# Puts into $python the newest Python 3.10 to 3.13 of this machine, one that can make a virtual environment before one
# that cannot. Says what to install, and returns 1, when there is none.
find_python() {
    local candidate
    if [ -n "${AOI_PYTHON:-}" ]; then
        if ! _python_rank "$AOI_PYTHON" >/dev/null; then
            echo "error: AOI_PYTHON=$AOI_PYTHON is not a Python 3.10 to 3.13 that runs" >&2
            echo "  found: $("$AOI_PYTHON" --version 2>&1 | head -n 1)" >&2
            return 1
        fi
        python=$AOI_PYTHON
        return 0
    fi
    # the version that the environment has stays, until someone asks for another
    if _python_rank "$root/.venv/bin/python" >/dev/null; then
        python=$root/.venv/bin/python
        return 0
    fi
    python=$(for candidate in python3.13 python3.12 python3.11 python3.10 python3 python; do
        _python_rank "$candidate"
    done | sort -k1,1nr -k2,2Vr -s | head -n 1 | cut -d' ' -f3-)
    [ -n "$python" ] && return 0
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] && [ -z "${_python_tried:-}" ]; then
        _python_tried=1
        echo "No Python 3.10 to 3.13 here: apt-get install python3 python3-venv"
        apt-get update -qq || true
        export DEBIAN_FRONTEND=noninteractive
        apt-get install -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends python3 python3-venv || true
        find_python
        return
    fi
    {
        echo "error: no Python 3.10 to 3.13 found (looked for python3.13, python3.12, python3.11, python3.10, python3)"
        if command -v python3 >/dev/null; then echo "  found: $(python3 --version 2>&1)"; fi
        if command -v apt-get >/dev/null; then
            echo "  install one: sudo apt-get install python3 python3-venv"
        else
            echo "  install one with your package manager, or from python.org"
        fi
        echo "  or name one: AOI_PYTHON=/path/to/python3 bash installer/run"
    } >&2
    return 1
}
