#!/usr/bin/env bash
# Runs one client program, or all, against a broker: run.sh CLIENT|all HOST:PORT. Installs what the client needs (../peers/cache.sh).
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peers=$here/../peers
clients="kafka_python aiokafka_client confluent kafkajs java kcat"

run() { # CLIENT HOST:PORT
  case $1 in
    kafka_python | aiokafka_client | confluent) "$peers/python.sh" clients "$here/$1.py" "$2" ;;
    kafkajs) "$peers/node.sh" "$here/kafkajs.mjs" "$2" ;;
    java)
      local classpath
      classpath=$("$peers/kafka.sh" classpath) || return
      java -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$classpath" "$here/JavaClient.java" "$2" ;;
    kcat) "$here/kcat.sh" "$2" ;;
    *) echo "no client $1; there are: $clients" >&2; return 2 ;;
  esac
}

case ${1:-}/$# in
  all/2)
    failed=""
    for client in $clients; do
      echo "== $client"
      run "$client" "$2" || failed+=" $client($?)"
    done
    [ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; } ;;
  */2) run "$1" "$2" ;;
  *) sed -n '2p' "$0" | cut -c3-; exit 2 ;;
esac
