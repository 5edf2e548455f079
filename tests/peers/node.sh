#!/usr/bin/env bash
# Node with the packages that node/package-lock.json pins.
#   node.sh install               the packages; the other form does it by itself
#   node.sh PROGRAM.mjs ARGS…     runs a program with them (which finds them with `require`, by NODE_PATH)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"

install() {
  need node node npm
  [ "$(node -p 'parseInt(process.versions.node)')" -ge 18 ] || skip node "node is $(node --version); 18 or newer is needed"
  packages() { cp "$here"/node/package*.json . && npm ci --silent --no-audit --no-fund; }
  install_once node "$(node --version), $(cksum <"$here/node/package-lock.json"), layout 1" packages
}

case ${1:-}/$# in
  install/1) install ;;
  */0) sed -n '2,4p' "$0" | cut -c3-; exit 2 ;;
  *) install; NODE_PATH=$peers/node/node_modules exec node "$@" ;;
esac
