#!/usr/bin/env bash
# Runs one client program, or all, against a broker: run.sh CLIENT|all HOST:PORT [ARGUMENT…]. Installs what the client needs (../peers/cache.sh).
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peers=$here/../peers
clients="kafka_python aiokafka_client confluent consumer_groups kafkajs java java_groups java_quotas kcat"

# compiled CLASS CLASSPATH: the directory of a Java program's classes, one for each state of its sources.
compiled() {
  local sources=("$here/Checks.java" "$here/$1.java") directory scratch
  directory=${MILLSTREAM_PEERS:-$HOME/.cache/millstream-peers}/run/classes-$(cat "${sources[@]}" | cksum | cut -d' ' -f1)
  if [ ! -d "$directory" ]; then
    scratch=$(mktemp -d "$directory.XXXXXX")
    javac -proc:none -d "$scratch" -cp "$2" "${sources[@]}" >&2 || { rm -rf "$scratch"; return 1; }
    mv -T "$scratch" "$directory" 2>/dev/null || rm -rf "$scratch" # another was faster
  fi
  echo "$directory"
}

java_client() { # CLASS [ARGUMENT…]
  local classpath classes
  classpath=$(java_classpath "$1") || return
  classes=$(compiled "$1" "$classpath") || return
  java -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel="${LOG_LEVEL:-error}" -cp "$classes:$classpath" "$@"
}

java_classpath() { # CLASS
  case $1 in
    WordCount) "$peers/kafka.sh" classpath streams ;;
    *) "$peers/kafka.sh" classpath ;;
  esac
}

java_class() { # CLIENT
  case $1 in
    java) echo JavaClient ;;
    java_groups) echo ConsumerGroups ;;
    java_quotas) echo Quotas ;;
    java_metrics) echo ClientMetrics ;;
    streams) echo WordCount ;;
    tools) echo Tools ;;
  esac
}

run() { # CLIENT HOST:PORT [ARGUMENT…]
  case $1 in
    kafka_python | aiokafka_client | confluent | consumer_groups) "$peers/python.sh" clients "$here/$1.py" "${@:2}" ;;
    kafkajs) "$peers/node.sh" "$here/kafkajs.mjs" "$2" ;;
    java | java_groups | java_quotas | java_metrics | streams | tools) java_client "$(java_class "$1")" "${@:2}" ;;
    kcat) "$here/kcat.sh" "$2" ;;
    *) echo "no client $1; there are: $clients java_metrics streams tools" >&2; return 2 ;;
  esac
}

case ${1:-}/$# in
  ready/2)
    case $(java_class "$2") in
      "") echo "no way to prepare $2 alone" >&2; exit 2 ;;
      *) class=$(java_class "$2"); classpath=$(java_classpath "$class") || exit; compiled "$class" "$classpath" >/dev/null ;;
    esac ;;
  all/2)
    failed=""
    for client in $clients; do
      echo "== $client"
      run "$client" "$2" || failed+=" $client($?)"
    done
    [ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; } ;;
  */[0-1]) sed -n '2p' "$0" | cut -c3-; exit 2 ;;
  *) run "$@" ;;
esac
