#!/usr/bin/env bash
# Python environments of the peers, one per file in python/ (NAME.txt: pinned packages).
#   python.sh install NAME        makes the environment; the others do it by themselves
#   python.sh NAME PROGRAM ARGS…  runs a Python program in it
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"

install() { # NAME
  local requirements=$here/python/$1.txt
  [ -e "$requirements" ] || fail "no environment $1; there are: $(cd "$here/python" && echo *.txt)"
  need "$1" python3
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    skip "$1" "python3 is older than 3.11 or lacks its module venv"
  venv() { python3 -m venv . && bin/python -m pip install -q --disable-pip-version-check -r "$requirements"; }
  install_once "python-$1" "$(python3 --version), $(cksum <"$requirements"), layout 1" venv
}

case ${1:-}/$# in
  install/2) install "$2" ;;
  */0 | */1) sed -n '2,4p' "$0" | cut -c3-; exit 2 ;;
  *) install "$1"; environment=$1; shift; exec "$peers/python-$environment/bin/python" "$@" ;;
esac
