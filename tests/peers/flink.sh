#!/usr/bin/env bash
# Apache Flink 2.2.1 on 127.0.0.1: one JobManager, one TaskManager with two slots, the SQL client and the Kafka connector.
#   flink.sh install              (about 1 minute); start does it by itself
#   flink.sh start PORT [CONFIG]  REST on PORT (0: picks one; PORT+1 is the JobManager's), both processes empty of state;
#                                 lines of the file CONFIG are added to config.yaml; prints HOST:PORT when ready
#   flink.sh stop PORT            ends both and returns when they are gone
#   flink.sh wipe PORT            removes logs and state of a stopped one
#   flink.sh sql PORT FILE        runs a file of statements with the SQL client (each ends in ";" at the end of its line);
#                                 fails when a statement does, which the client itself does not
#   flink.sh jobs PORT            one line per job: ID STATE NAME
#   flink.sh wait PORT JOB_ID     until the job ends, at most 30 minutes; prints its state, fails unless FINISHED
#   flink.sh taskmanager-pid PORT for CPU and memory accounting; jobmanager-pid likewise
# FLINK_TASK_HEAP_MB (default 700) sizes the heap of the TaskManager's tasks, FLINK_MANAGED_MB (256) its state backend's memory.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"
flink=2.2.1
version="flink $flink, kafka connector 5.0.0-2.2, layout 1"
home=$peers/flink
export FLINK_LIB_DIR=$home/dist/pyflink/lib FLINK_OPT_DIR=$home/dist/pyflink/opt FLINK_PLUGINS_DIR=$home/dist/pyflink/plugins

install_flink() {
  python3 -m pip install -q --no-deps --target dist "apache-flink-libraries==$flink"
  jars "$here/flink-pom.xml" "$PWD/extra" -DexcludeTransitive=true
  cp extra/flink-sql-connector-kafka-*.jar dist/pyflink/lib/
}
install() { need flink mvn curl python3; need_java flink; install_once flink "$version" install_flink; }

configure() { # PORT DIRECTORY [CONFIG]
  mkdir -p "$2/conf" "$2/tmp"
  cat >"$2/conf/config.yaml" <<P
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: $(($1 + 1))
jobmanager.bind-host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.host: 127.0.0.1
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: $1
jobmanager.memory.process.size: 1600m
taskmanager.numberOfTaskSlots: 2
parallelism.default: 2
io.tmp.dirs: $2/tmp
P
  if [ -n "${3:-}" ]; then cat "$3" >>"$2/conf/config.yaml"; fi
  cat >"$2/conf/log4j.properties" <<'P'
rootLogger.level = WARN
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %-5p %c{1} - %m%n
P
}

# The options of Flink's own start scripts, which the Python packaging lacks: packages that Java 17 hides from it, and where the
# configuration of port PORT is.
java_options() { # PORT
  local p
  for p in lang lang.reflect net io nio text time util util.concurrent util.concurrent.atomic util.concurrent.locks; do
    echo "--add-opens=java.base/java.$p=ALL-UNNAMED"
  done
  echo "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED -Dlog4j.configurationFile=$peers/run/flink-$1/conf/log4j.properties"
}

# The memory of a TaskManager, split as Flink's start script would.
memory() {
  local option
  for option in network.min=128mb network.max=128mb framework.off-heap.size=128mb framework.heap.size=128mb \
    managed.size="${FLINK_MANAGED_MB:-256}mb" task.heap.size="${FLINK_TASK_HEAP_MB:-700}mb" task.off-heap.size=0b \
    jvm-overhead.min=256mb jvm-overhead.max=256mb jvm-metaspace.size=512mb; do echo "-D taskmanager.memory.$option"; done
  echo "-D taskmanager.cpu.cores=2.0"
}

await() { # PORT ROLE PATTERN: until the REST overview shows the pattern
  local directory=$peers/run/flink-$1
  for _ in $(seq 240); do
    alive "$directory/$2.pid" || fail "the $2 ended; see $directory/$2.log"
    curl -sf "http://127.0.0.1:$1/overview" 2>/dev/null | grep -q "$3" && return
    sleep 0.25
  done
  stop_all flink "$1"
  fail "no $2 after 60 s; see $directory/$2.log"
}

# shellcheck disable=SC2046 # the options are several words
start() { # PORT [CONFIG]
  local port directory
  port=$(claim_port flink "$1" 2) || exit 1
  directory=$peers/run/flink-$port
  say "starting on 127.0.0.1:$port, logs in $directory"
  configure "$port" "$directory" "${2:-}"
  export FLINK_CONF_DIR=$directory/conf
  spawn "$directory" jobmanager java -Xmx800m $(java_options "$port") -cp "$FLINK_LIB_DIR/*" \
    org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint --configDir "$directory/conf" --executionMode cluster
  await "$port" jobmanager '"taskmanagers"'
  spawn "$directory" taskmanager java "-Xmx$((${FLINK_TASK_HEAP_MB:-700} + 128))m" -XX:MaxDirectMemorySize=512m -XX:MaxMetaspaceSize=512m \
    $(java_options "$port") -cp "$FLINK_LIB_DIR/*" org.apache.flink.runtime.taskexecutor.TaskManagerRunner \
    --configDir "$directory/conf" $(memory)
  await "$port" taskmanager '"taskmanagers":1'
  echo "127.0.0.1:$port"
}

# shellcheck disable=SC2046
sql() { # PORT FILE
  local directory=$peers/run/flink-$1 output
  runs flink "$1" || fail "no Flink runs on port $1; start it first: flink.sh start $1"
  output=$directory/sql-$$.log
  FLINK_CONF_DIR=$directory/conf java -Xmx512m $(java_options "$1") \
    -cp "$FLINK_LIB_DIR/*:$FLINK_OPT_DIR/flink-sql-client-$flink.jar:$FLINK_OPT_DIR/flink-python-$flink.jar:$home/extra/*" \
    org.apache.flink.table.client.SqlClient -f "$2" --history "$directory/history" 2>"$output.err" | tee "$output" || fail "the SQL client failed; see $output.err"
  if grep -q '\[ERROR\]' "$output"; then fail "a statement failed; see $output"; fi
}

jobs() { # PORT
  curl -sf "http://127.0.0.1:$1/jobs/overview" | python3 -c '
import json, sys
for job in sorted(json.load(sys.stdin)["jobs"], key=lambda job: job["start-time"]):
    print(job["jid"], job["state"], job["name"])'
}

wait_for() { # PORT JOB_ID
  local state
  for _ in $(seq 3600); do
    state=$(jobs "$1" | grep "^$2 " | cut -d' ' -f2) || fail "no job $2 on port $1"
    case $state in
      FINISHED) echo "$state"; return ;;
      FAILED | CANCELED) echo "$state"; fail "job $2 $state; see $peers/run/flink-$1/taskmanager.log" ;;
    esac
    sleep 0.5
  done
  fail "job $2 has not ended after 30 minutes"
}

case ${1:-}/$# in
  install/1) install ;;
  start/2 | start/3) install; start "$2" "${3:-}" ;;
  stop/2) stop_all flink "$2" ;;
  wipe/2) runs flink "$2" && fail "the one on port $2 runs; stop it first"; rm -rf "$peers/run/flink-$2" ;;
  sql/3) sql "$2" "$3" ;;
  jobs/2) jobs "$2" ;;
  wait/3) wait_for "$2" "$3" ;;
  taskmanager-pid/2 | jobmanager-pid/2) cat "$peers/run/flink-$2/${1%-pid}.pid" ;;
  *) sed -n '2,14p' "$0" | cut -c3-; exit 2 ;;
esac
