#!/usr/bin/env bash
# kcat, the command-line client over librdkafka, from the system's packages.
#   kcat.sh install               installs it where apt-get and root are at hand, else skips
#   kcat.sh ARGS…                 runs it
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"

install() {
  command -v kcat >/dev/null && return
  need kcat apt-get flock
  [ "$(id -u)" = 0 ] || skip kcat "kcat is not installed; install the package kcat"
  (
    flock 9
    command -v kcat >/dev/null && exit 0
    say "installing the package kcat"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends kcat; } >"$peers/kcat.log" 2>&1 9>&- || exit 1
  ) 9>"$peers/kcat.lock" || fail "cannot install kcat; see $peers/kcat.log"
}

case ${1:-}/$# in
  install/1) install ;;
  */0) sed -n '2,4p' "$0" | cut -c3-; exit 2 ;;
  *) install; exec kcat "$@" ;;
esac
