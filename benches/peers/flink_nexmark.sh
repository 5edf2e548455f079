#!/usr/bin/env bash
# Nexmark queries in Apache Flink over the topic nexmark of a broker.
#   flink_nexmark.sh start              a Flink with the published settings; prints its port
#   flink_nexmark.sh run PORT BROKER QUERY…
#                                       runs each query (q0, q12) over what the topic holds now and prints a line of JSON for each: events,
#                                       CPU seconds of the TaskManager alone from submission to end, their quotient, its resident memory
#   flink_nexmark.sh stop PORT
# A Flink that stays up is warm from the second query on; the first one pays for compilation. Measure several rounds, and alternate
# with the other side. Start a fresh one for each query when memory is what is asked.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peers=$here/../../tests/peers
ticks=$(getconf CLK_TCK)

cpu_ticks() { # PID: user and system time (fields 14 and 15, counted after the name in brackets, which may hold spaces)
  sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

topic_events() { # BROKER
  "$peers/kafka.sh" tool org.apache.kafka.tools.GetOffsetShell --bootstrap-server "$1" --topic nexmark --time latest |
    awk -F: '{ sum += $3 } END { print sum + 0 }'
}

run() { # PORT BROKER QUERY
  local scratch pid events before after began job
  scratch=$(mktemp -d)
  pid=$("$peers/flink.sh" taskmanager-pid "$1")
  events=$(topic_events "$2")
  [ "$events" -gt 0 ] || { echo "the topic nexmark of $2 is empty" >&2; return 1; }
  { echo "SET 'pipeline.name' = '$3-$$-$RANDOM';"; sed "s|BROKER|$2|" "$here/nexmark.sql" "$here/nexmark-$3.sql"; } >"$scratch/query.sql"
  before=$(cpu_ticks "$pid") began=$(date +%s.%N)
  "$peers/flink.sh" sql "$1" "$scratch/query.sql" >"$scratch/log"
  job=$(sed -n 's/.*Job ID: \([0-9a-f]*\).*/\1/p' "$scratch/log" | tail -1)
  "$peers/flink.sh" wait "$1" "$job" >/dev/null
  after=$(cpu_ticks "$pid")
  awk -v query="$3" -v events="$events" -v ticks="$ticks" -v cpu=$((after - before)) -v began="$began" -v ended="$(date +%s.%N)" \
    -v resident_kb="$(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")" 'BEGIN {
      printf "{\"peer\": \"flink\", \"job\": \"%s\", \"events\": %d, \"cpu_seconds\": %.2f, \"wall_seconds\": %.2f, \"events_per_cpu_second\": %d, \"resident_bytes\": %d}\n",
        query, events, cpu / ticks, ended - began, events / (cpu / ticks), resident_kb * 1024 }'
  rm -rf "$scratch"
}

case ${1:-}/$# in
  start/1)
    export FLINK_TASK_HEAP_MB=${FLINK_TASK_HEAP_MB:-2172} FLINK_MANAGED_MB=${FLINK_MANAGED_MB:-2048}
    address=$("$peers/flink.sh" start 0 "$here/nexmark-flink.yaml"); echo "${address##*:}" ;;
  stop/2) "$peers/flink.sh" stop "$2"; "$peers/flink.sh" wipe "$2" ;;
  run/[4-9]) port=$2 broker=$3; shift 3; for query in "$@"; do run "$port" "$broker" "$query"; done ;;
  *) sed -n '2,9p' "$0" | cut -c3-; exit 2 ;;
esac
