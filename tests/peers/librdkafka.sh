#!/usr/bin/env bash
# librdkafka's own test suite, built from the sources that the crate rdkafka-sys ships.
#   librdkafka.sh install         fetches and builds it (about 3 min of CPU time, 300 MB), and the packages it needs where apt-get and root are at hand
#   librdkafka.sh run HOST:PORT SCRATCH ARGS…
#                                 its test-runner against a broker; the variables TESTS, TESTS_SKIP and others say what (tests/README.md
#                                 in the crate's sources). SCRATCH is a directory for its configuration and what it leaves behind
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/cache.sh"
crate=4.10.0+2.12.1
version="rdkafka-sys $crate, layout 3"
home=$peers/librdkafka

# What one broker without authorization can't do is taken out of tests that check more than that; each line says what.
adapt() { # in the directory of the tests
  # Three replicas are asked for, but only one matters.
  sed -i 's/\(create_topic_wait_exists(.*\), 3, 5000)/\1, 1, 5000)/' 0098-consumer-txn.cpp 0103-transactions.c 0107-topic_recreate.c
  sed -i 's/create_topic(NULL, topic.c_str(), 1, 3);/create_topic(NULL, topic.c_str(), 1, 1);/' 0111-delay_create_topics.cpp
  # Access control lists.
  sed -i '/^ *do_test_\(Create\|Describe\|Delete\)Acls(rk/d' 0081-admin.c
  sed -i '/^ *do_test_consumer([a-z]*, [a-z]*, true);/d' 0109-auto_create_topics.cpp
  # A broker's setting for authentication: another that changes while it runs.
  sed -i 's/sasl.kerberos.min.time.before.relogin/log.cleaner.delete.retention.ms/' 0081-admin.c
  # Apache Kafka 4 has no segments below 1 MiB.
  sed -i 's/"segment.bytes", "20000"/"segment.bytes", "1048576"/' 0129-fetch_aborted_msgs.c
}

# The layout of a Kafka installation, as far as the tests look into it.
kafka_home() {
  local libraries
  mkdir -p kafka/bin
  libraries=$("$here/kafka.sh" classpath)
  ln -sfn "${libraries%/\*}" kafka/libs
  printf '#!/bin/sh\nexec java -cp "$CLASSPATH:%s" "$@"\n' "$libraries" >kafka/bin/kafka-run-class.sh
  printf '#!/bin/sh\nexec "%s" tool org.apache.kafka.tools.TopicCommand "$@"\n' "$here/kafka.sh" >kafka/bin/kafka-topics.sh
  chmod +x kafka/bin/*
}

steps() {
  local manifest
  mkdir -p fetch/src; touch fetch/src/lib.rs
  printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n[dependencies]\nrdkafka-sys = { version = "=%s", default-features = false }\n' "$crate" >fetch/Cargo.toml
  manifest=$(cd fetch && env -u CARGO_TARGET_DIR cargo metadata --format-version 1 | grep -o '[^"]*/rdkafka-sys-[^"]*/Cargo.toml' | head -1)
  cp -r "${manifest%/*}/librdkafka" source
  rm -rf fetch
  cd source
  chmod -R u+w .
  (cd tests && adapt)
  ./configure --disable-gssapi --disable-curl --disable-ssl --disable-syslog
  make -j2 libs
  make -j2 -C tests build
  cd ..
  kafka_home
  KAFKA_PATH=$PWD/kafka make -C source/tests/java
  find source -name '*.o' -delete
}

packages() {
  [ -e /usr/include/rapidjson/schema.h ] && [ -e /usr/include/zstd.h ] && [ -e /usr/include/zlib.h ] && return
  need librdkafka apt-get
  [ "$(id -u)" = 0 ] || skip librdkafka "headers are missing; install the packages rapidjson-dev libzstd-dev zlib1g-dev"
  say "installing the packages rapidjson-dev libzstd-dev zlib1g-dev"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rapidjson-dev libzstd-dev zlib1g-dev; } \
    >"$peers/librdkafka-packages.log" 2>&1 || fail "cannot install packages; see $peers/librdkafka-packages.log"
}

install() {
  [ "$(cat "$home/.done" 2>/dev/null)" = "$version" ] && return
  need librdkafka cargo gcc g++ make javac flock
  (flock 8; packages) 8>"$peers/librdkafka-packages.lock"
  install_once librdkafka "$version" steps
}

run() { # HOST:PORT SCRATCH ARGS…
  local broker=$1 scratch=$2; shift 2
  # Tests find things beside them, and write where they are.
  mkdir -p "$scratch/tests"
  ln -sfn "$home/source/src" "$scratch/src"
  cd "$scratch/tests"
  ln -sfn "$home/source/tests/java" java
  ln -sfn "$home/source/tests/interceptor_test" interceptor_test
  printf 'java:\n' >Makefile # it is built already
  printf 'metadata.broker.list=%s\ntest.topic.random=true\n' "$broker" >test.conf
  RDKAFKA_TEST_CONF=test.conf RDKAFKA_GITVER=$crate TEST_KAFKA_VERSION=4.3.0 KAFKA_PATH=$home/kafka BROKERS=$broker \
    LD_LIBRARY_PATH=$home/source/src:$home/source/src-cpp exec "$home/source/tests/test-runner" "$@"
}

case ${1:-}/$# in
  install/1) install ;;
  run/[3-9]*) install; shift; run "$@" ;;
  *) sed -n '2,6p' "$0" | cut -c3-; exit 2 ;;
esac
