#!/usr/bin/env bash
# Runs one client program, or all, against a broker: run.sh CLIENT|all HOST:PORT [ARGUMENT]. Installs what the client needs (../peers/cache.sh).
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peers=$here/../peers
clients="kafka_python aiokafka_client confluent consumer_groups kafkajs java java_groups kcat"

java_client() { # FILE HOST:PORT [ARGUMENT]
  local classpath
  classpath=$("$peers/kafka.sh" classpath) || return
  java -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$classpath" "$here/$1" "${@:2}"
}

run() { # CLIENT HOST:PORT [ARGUMENT]
  case $1 in
    kafka_python | aiokafka_client | confluent | consumer_groups) "$peers/python.sh" clients "$here/$1.py" "${@:2}" ;;
    kafkajs) "$peers/node.sh" "$here/kafkajs.mjs" "$2" ;;
    java) java_client JavaClient.java "$2" ;;
    java_groups) java_client ConsumerGroups.java "${@:2}" ;;
    kcat) "$here/kcat.sh" "$2" ;;
    *) echo "no client $1; there are: $clients" >&2; return 2 ;;
  esac
}

case ${1:-}/$# in
  ready/2)
    case $2 in
      java*) "$peers/kafka.sh" classpath ;;
      *) echo "no way to prepare $2 alone" >&2; exit 2 ;;
    esac ;;
  all/2)
    failed=""
    for client in $clients; do
      echo "== $client"
      run "$client" "$2" || failed+=" $client($?)"
    done
    [ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; } ;;
  */2 | */3) run "$@" ;;
  *) sed -n '2p' "$0" | cut -c3-; exit 2 ;;
esac
