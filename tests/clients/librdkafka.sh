#!/usr/bin/env bash
# librdkafka's own test suite against a broker with an empty data directory:
#   librdkafka.sh HOST:PORT                 in librdkafka's quick mode: a few minutes
#   librdkafka.sh HOST:PORT full            everything, and with the consumer protocol of KIP-848 too: half an hour
#   librdkafka.sh HOST:PORT noautocreate    what wants a broker with auto.create.topics.enable=false
# Prints `ok TEST` for each that passed, on standard error what failed, or was skipped without a reason in librdkafka_skipped.txt, and then
# ends with code 1.
# Tests without a broker (they emulate one) are left out: they say nothing about ours.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
suite=$here/../peers/librdkafka.sh
# These cut sockets, by number: others in the same process can lose theirs to them.
sockets=0049,0068,0075,0076,0088
AT_ONCE=3

skipped() { grep -o '^[0-9]\{4\}' "$here/librdkafka_skipped.txt" | paste -sd,; }

# pass NAME VARIABLE=VALUE… -- ARGS…: one process of the suite, the summary in NAME.log, the rest in NAME.err.
pass() {
  local name=$1 variables=(); shift
  while [ "$1" != -- ]; do variables+=("$1"); shift; done
  shift
  [ -z "${ALONE:-}" ] || { variables+=(TESTS="$ALONE"); set -- "$@" -p1; }
  env "${variables[@]}" "$suite" run "$broker" "$scratch/$name" "$@" >"$scratch/$name.log" 2>"$scratch/$name.err"
  local code=$?
  [ $code = 77 ] && { tail -1 "$scratch/$name.err" >&2; exit 77; }
  return $code
}

# The rows of the summary: ok, or what became of it; those that were filtered out are of another pass. One that says nothing has crashed.
report() { # NAME CODE
  sed 's/\x1b\[[0-9;]*m//g' "$scratch/$1.log" | awk -v pass="$1" -v code="$2" -v again="$scratch/$1.again" -F'|' '
    /^\| / {
      name = $2; state = $3; why = $5; gsub(/ /, "", name); gsub(/ /, "", state)
      if (name == "<MAIN>") next
      if (state == "PASSED") { print "ok " pass ": " name; passed++ }
      else if (state == "FAILED" || state == "RUNNING") {
        print "FAILED " pass ": " name ":" why >"/dev/stderr"; print substr(name, 1, 4) >>again; failed++
      }
      else if (state == "SKIPPED" && why !~ /^ *$|Filtered|included in TESTS_SKIP/) { print "FAILED " pass ": " name " was skipped:" why >"/dev/stderr"; failed++ }
    }
    END { if (code != 0 && !failed) { print "FAILED " pass ": ended with code " code >"/dev/stderr"; failed++ } exit !passed || failed }'
}

# A test that failed is run again, alone: many of the suite have opinions on how long things take.
again() { # NAME
  [ -s "$scratch/$1.again" ] || return 1
  local tests; tests=$(sort -u "$scratch/$1.again" | paste -sd,)
  echo "again, alone: $tests" >&2
  rm "$scratch/$1.again"
  ALONE=$tests "pass_$1"; report "$1" $?
}

passes() { # NAME… of passes that run at the same time
  local name failed=0 codes=() i=0 to_repeat=()
  for name in "$@"; do "pass_$name" & codes+=($!); done
  for name in "$@"; do
    wait "${codes[$i]}"; local code=$?; i=$((i + 1))
    [ $code = 77 ] && exit 77
    report "$name" "$code" || { to_repeat+=("$name"); sed 's/\x1b\[[0-9;]*m//g' "$scratch/$name.err" | grep -a -A2 'TEST FAILURE' >&2; }
  done
  for name in "${to_repeat[@]}"; do again "$name" || failed=1; done
  return $failed
}

pass_quick() { pass quick TESTS_SKIP="$(skipped),0082" -- -L -E -Q "-p$AT_ONCE"; }
pass_sockets() { pass sockets TESTS="$sockets" -- -L -Q -p1; }
pass_full() { pass full TESTS_SKIP="$(skipped)" -- -L -E "-p$AT_ONCE"; }
pass_consumer() { pass consumer TESTS_SKIP="$(skipped | sed 's/0153,\?//')" TEST_CONSUMER_GROUP_PROTOCOL=consumer -- -L -E "-p$AT_ONCE"; }
pass_noautocreate() { pass noautocreate -- -L -Q -p1 -s noautocreate; }

[ $# = 1 ] || [ $# = 2 ] || { sed -n '2,7p' "$0" | cut -c3-; exit 2; }
broker=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$suite" install || exit
case ${2:-quick} in
  quick) passes quick sockets ;;
  full) passes full sockets && passes consumer ;;
  noautocreate) passes noautocreate ;;
  *) sed -n '2,7p' "$0" | cut -c3-; exit 2 ;;
esac
