#!/usr/bin/env bash
# kcat against a broker: kcat.sh HOST:PORT. The checks are those of the Python programs beside it as far as a command line has them;
# kcat has no admin calls, so topics come by auto-creation (one partition). One `ok NAME` line each, code 1 at the first failure.
set -euo pipefail
[ $# = 1 ] || { sed -n '2,3p' "$0" | cut -c3-; exit 2; }
broker=$1
peers=$(cd "$(dirname "$0")/../peers" && pwd)
"$peers/kcat.sh" install
scratch=$(mktemp -d)
name="starting"
trap 'code=$?; [ "$code" = 0 ] || echo "FAILED $name"; rm -rf "$scratch"; kill $(jobs -p) 2>/dev/null || true' EXIT
topic=conformance-kcat-$$-$(date +%s)

k() { timeout 60 kcat -b "$broker" "$@"; }
check() { [ "$name" = starting ] || echo "ok $name"; name=$1; }
same() { # ACTUAL EXPECTED WHAT
  [ "$1" = "$2" ] && return
  echo "$3: expected ${2:0:300}, got ${1:0:300}" >&2
  exit 1
}
await() { # COMMAND…: until it succeeds, at most 60 s
  local i
  for i in $(seq 240); do "$@" && return; sleep 0.25; done
  echo "not within 60 s: $*" >&2
  exit 1
}

check "produce: auto-creation of a topic"
printf 'a:1\nb:2\na:3\n' | k -P -t "$topic" -K :
check "metadata"
same "$(k -L -J -t "$topic" | grep -o '"partition":[0-9]*' | sort -u)" '"partition":0' "partitions"
k -L | grep -q "topic \"$topic\" with 1 partitions"

check "fetch with key, offset and partition"
same "$(k -C -t "$topic" -e -q -f '%p %o %k=%s|')" "0 0 a=1|0 1 b=2|0 2 a=3|" "records"

count=3
for codec in none gzip snappy lz4 zstd; do
  check "produce and fetch: $codec"
  seq 1000 | sed "s/.*/$codec-& some text that is compressed &/" >"$scratch/in"
  k -P -t "$topic" -z "$codec" -X linger.ms=50 <"$scratch/in"
  k -C -t "$topic" -o "$count" -e -q >"$scratch/out"
  cmp "$scratch/in" "$scratch/out"
  count=$((count + 1000))
done

for acks in 0 1 all; do
  check "produce: acks $acks"
  echo "acks $acks" | k -P -t "$topic" -X acks=$acks
  arrived() { [ "$(k -C -t "$topic" -o "$count" -e -q)" = "acks $acks" ]; }
  await arrived
  count=$((count + 1))
done

check "produce: idempotent"
seq 500 | k -P -t "$topic" -X enable.idempotence=true
same "$(k -C -t "$topic" -o "$count" -e -q | cksum)" "$(seq 500 | cksum)" "records"
count=$((count + 500))

check "headers, null key, null and empty value"
printf 'key\t\n' | k -P -t "$topic" -K '\t' -Z -H one=1 -H one= -H 'é=ü'
printf '\tvalue\n' | k -P -t "$topic" -K '\t' -Z
same "$(k -C -t "$topic" -o "$count" -e -q -f '%K %S %h|')" "3 -1 one=1,one=,é=ü|-1 5 |" "records"
count=$((count + 2))

check "produce: a record of 1 MB, and one that is too large: refused"
head -c 1000000 /dev/zero | tr '\0' x >"$scratch/large"
k -P -t "$topic" -X message.max.bytes=4000000 "$scratch/large"
same "$(k -C -t "$topic" -o "$count" -e -q -f '%S')" 1000000 "size"
cat "$scratch/large" "$scratch/large" >"$scratch/too-large"
if k -P -t "$topic" -X message.max.bytes=4000000 "$scratch/too-large" 2>"$scratch/error"; then echo "2 MB were taken" >&2; exit 1; fi
grep -qi "message size too large" "$scratch/error"
count=$((count + 1))

check "offsets by time"
stamp=$(k -C -t "$topic" -o 1003 -c 1 -q -f %T)
found=$(k -Q -t "$topic:0:$stamp" | grep -o 'offset [0-9]*' | cut -d' ' -f2)
same "$(k -C -t "$topic" -o "$found" -c 1 -q -f %T)" "$stamp" "timestamp at the offset found"
[ "$found" -le 1003 ]
same "$(k -C -t "$topic" -o "s@$stamp" -c 1 -q -f %o)" "$found" "offset by -o s@"
same "$(k -C -t "$topic" -o -1 -e -q -f %o)" "$((count - 1))" "last record"
same "$(k -C -t "$topic" -o beginning -c 2 -q -f %o,)" "0,1," "first records"

check "long poll ends when a record comes"
# The fetch may wait longer than the deadline: only a broker that answers as soon as records come passes.
timeout 20 kcat -b "$broker" -C -t "$topic" -o "$count" -c 1 -q -u -X fetch.wait.max.ms=30000 >"$scratch/woken" 2>/dev/null &
waiting=$!
k -C -t "$topic" -o "$((count - 1))" -c 1 -q -f '%o\n' >/dev/null # a round trip later the fetch above waits, or finds the record at once
echo wakes | k -P -t "$topic"
wait "$waiting"
same "$(cat "$scratch/woken")" wakes "record"
count=$((count + 1))

check "group: commits survive the member"
k -X auto.offset.reset=earliest -X session.timeout.ms=6000 -G "$topic-group" -c 5 -q -f '%o,' "$topic" >"$scratch/first" 2>/dev/null
same "$(cat "$scratch/first")" "0,1,2,3,4," "first five"
k -X auto.offset.reset=earliest -X session.timeout.ms=6000 -G "$topic-group" -c 3 -q -f '%o,' "$topic" >"$scratch/next" 2>/dev/null
same "$(cat "$scratch/next")" "5,6,7," "next three"
check done
