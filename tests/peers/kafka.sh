#!/usr/bin/env bash
# Apache Kafka 4.3.0, one KRaft node on 127.0.0.1: the reference that clients' tests and results are compared with.
#   kafka.sh install              the jars (about 10 s); start and tool do it by themselves
#   kafka.sh start PORT           a node with an empty data directory on PORT (0: picks one; PORT+1 is its controller's);
#                                 waits until it answers and prints HOST:PORT on stdout
#   kafka.sh stop PORT            ends it and returns when it is gone; data and logs stay until wipe or the next start
#   kafka.sh wipe PORT            removes data and logs of a stopped node
#   kafka.sh pid PORT             for CPU and memory accounting
#   kafka.sh classpath [streams]  for programs that use the Java client, or Kafka Streams (75 MB more, RocksDB)
#   kafka.sh tool CLASS ARGS…     one of Kafka's programs, e.g. kafka.tools.DumpLogSegments --files …
#   kafka.sh definitions DIR      unpacks the definitions of Kafka's messages (JSON) from the jars into DIR
# KAFKA_HEAP (default "-Xms256m -Xmx1g") sets the node's heap, KAFKA_SETTINGS adds lines to its properties. A topic is auto-created with one partition.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"
version="kafka 4.3.0, layout 1"
lib=$peers/kafka/lib
quiet=-Dorg.slf4j.simpleLogger.defaultLogLevel=warn

install_jars() { jars "$here/kafka-pom.xml" "$PWD/lib"; }
install_streams() { jars "$here/kafka-streams-pom.xml" "$PWD/lib" -DincludeArtifactIds=kafka-streams,rocksdbjni; }
install() { need kafka mvn; need_java kafka; install_once kafka "$version" install_jars; }

configure() { # PORT DIRECTORY
  cat >"$2/server.properties" <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(($1 + 1))
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$(($1 + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$1
log.dirs=$2/data
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
${KAFKA_SETTINGS:-}
P
  java $quiet -cp "$lib/*" kafka.tools.StorageTool format -t bWlsbHN0cmVhbS1wZWVyMQ -c "$2/server.properties" \
    >"$2/format.log" 2>&1 || fail "cannot format the data directory; see $2/format.log"
}

start() { # PORT
  local port directory
  port=$(claim_port kafka "$1" 2) || exit 1
  directory=$peers/run/kafka-$port
  say "starting on 127.0.0.1:$port, log $directory/broker.log"
  configure "$port" "$directory"
  # shellcheck disable=SC2086 # the heap is several words
  spawn "$directory" broker java ${KAFKA_HEAP:--Xms256m -Xmx1g} -XX:+UseG1GC -Djava.awt.headless=true $quiet \
    -cp "$lib/*" kafka.Kafka "$directory/server.properties"
  for _ in $(seq 240); do
    alive "$directory/broker.pid" || fail "the node ended; see $directory/broker.log"
    # The port opens before the node is unfenced; a topic listing answers when it is.
    if listens "$port" && tool org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$port" --list \
      >"$directory/ready.log" 2>&1; then echo "127.0.0.1:$port"; return; fi
    sleep 0.25
  done
  stop_all kafka "$port"
  fail "not ready after 60 s; see $directory/broker.log"
}

definitions() { # DIRECTORY
  need kafka python3
  python3 - "$1" "$lib"/kafka-{clients,group-coordinator,transaction-coordinator}-4.3.0.jar <<'P'
import pathlib, sys, zipfile
directory = pathlib.Path(sys.argv[1])
directory.mkdir(parents=True, exist_ok=True)
for jar in sys.argv[2:]:
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if name.startswith("common/message/") and name.endswith(".json"):
                (directory / name.rsplit("/", 1)[1]).write_bytes(archive.read(name))
P
}

tool() { java -Xmx512m $quiet -cp "$lib/*" "$@"; }

case ${1:-}/$# in
  install/1) install ;;
  start/2) install; start "$2" ;;
  stop/2) stop_all kafka "$2" ;;
  wipe/2) runs kafka "$2" && fail "the node on port $2 runs; stop it first"; rm -rf "$peers/run/kafka-$2" ;;
  pid/2) cat "$peers/run/kafka-$2/broker.pid" ;;
  classpath/1) install; echo "$lib/*" ;;
  classpath/2) [ "$2" = streams ] || fail "no classpath $2"; install; install_once kafka-streams "$version" install_streams; echo "$lib/*:$peers/kafka-streams/lib/*" ;;
  tool/*) install; shift; tool "$@" ;;
  definitions/2) install; definitions "$2" ;;
  *) sed -n '2,12p' "$0" | cut -c3-; exit 2 ;;
esac
