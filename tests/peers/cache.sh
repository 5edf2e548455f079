# Where peers live and how they are installed once; sourced by the scripts beside it, not run.
#
# Everything goes below ${MILLSTREAM_PEERS:-$HOME/.cache/millstream-peers}: NAME/ holds an installation, NAME.log what its
# installer said, run/ the data and logs of servers. An installation is complete when NAME/.done holds the
# versions that the script wants; anything else is removed and installed anew. A lock file per peer lets parallel
# tests ask for the same one. Exit code 77 and the line `skipped: NAME: reason` mean that a toolchain is missing:
# callers print the line, and fail when CI=true.

peers=${MILLSTREAM_PEERS:-$HOME/.cache/millstream-peers}
mkdir -p "$peers/run"

say() { echo "${0##*/}: $*" >&2; }
fail() { say "$*"; exit 1; }
skip() { echo "skipped: $1: $2" >&2; exit 77; } # PEER REASON

# need PEER PROGRAM…: every program is on the path, or the peer is skipped.
need() {
  local peer=$1 program; shift
  for program in "$@"; do command -v "$program" >/dev/null || skip "$peer" "$program is not installed"; done
}

# need_java PEER: Java 17 or newer.
need_java() {
  need "$1" java
  local major
  major=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -1)
  [ "${major:-0}" -ge 17 ] || skip "$1" "java is version ${major:-unknown}; 17 or newer is needed"
}

# install_once PEER VERSIONS FUNCTION: runs FUNCTION in the empty directory $peers/PEER unless its marker says VERSIONS.
install_once() {
  local peer=$1 versions=$2 steps=$3 home=$peers/$1
  [ "$(cat "$home/.done" 2>/dev/null)" = "$versions" ] && return
  need "$peer" flock
  (
    flock 9
    [ "$(cat "$home/.done" 2>/dev/null)" = "$versions" ] && exit 0
    say "installing $peer into $home"
    rm -rf "$home"; mkdir -p "$home"
    # Not the condition of an `if`: errexit must hold inside the steps.
    (set -e; cd "$home"; "$steps") >"$home.log" 2>&1 9>&- || exit 1
    echo "$versions" >"$home/.done"
  ) 9>"$peers/$peer.lock" || fail "cannot install $peer; the end of $home.log:
$(tail -5 "$home.log" 2>/dev/null)"
}

# jars POM DIRECTORY [OPTIONS…]: the dependencies of a POM, copied into a directory.
jars() {
  local pom=$1 directory=$2; shift 2
  mkdir -p "$directory"; cp "$pom" "$directory/pom.xml"
  mvn -q -B --color never -f "$directory/pom.xml" dependency:copy-dependencies -DoutputDirectory="$directory" "$@"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# claim_port PEER PORT PORTS: the first port of PORTS free ones in a row (PORT itself, or with 0 one that is picked), and the
# directory $peers/run/PEER-PORT, emptied. Making the directory is the claim, so that parallel starts never share one.
claim_port() {
  local peer=$1 port=$2 ports=$3 i tries
  if [ "$port" != 0 ]; then
    runs "$peer" "$port" && fail "$peer already runs on port $port; stop it first: ${0##*/} stop $port"
    for i in $(seq 0 $((ports - 1))); do listens $((port + i)) && fail "port $((port + i)) is taken by another process"; done
    rm -rf "$peers/run/$peer-$port"; mkdir -p "$peers/run/$peer-$port"; echo "$port"; return
  fi
  for tries in $(seq 200); do
    port=$((20000 + RANDOM % 1200 * 10)) # below the range from which the system takes ports for clients
    for i in $(seq 0 $((ports - 1))); do listens $((port + i)) && continue 2; done
    mkdir "$peers/run/$peer-$port" 2>/dev/null && { echo "$port"; return; }
  done
  fail "no free port after $tries tries; remove old directories in $peers/run"
}

# spawn DIRECTORY ROLE COMMAND…: a server of its own session, its pid in DIRECTORY/ROLE.pid, its output in DIRECTORY/ROLE.log.
spawn() {
  local directory=$1 role=$2; shift 2
  setsid "$@" >>"$directory/$role.log" 2>&1 </dev/null &
  echo $! >"$directory/$role.pid"
}

# alive PID_FILE: the process runs and is the one that we started (pids come round again).
alive() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$(dirname "$1")"
}
runs() { local f; for f in "$peers/run/$1-$2"/*.pid; do alive "$f" && return 0; done; return 1; } # PEER PORT

# stop_all PEER PORT: SIGTERM to each server of that port, SIGKILL after 20 s; returns when they are gone.
stop_all() {
  local f i
  for f in "$peers/run/$1-$2"/*.pid; do alive "$f" && kill "$(cat "$f")" 2>/dev/null; done
  for f in "$peers/run/$1-$2"/*.pid; do
    for i in $(seq 200); do alive "$f" || continue 2; sleep 0.1; done
    say "$f does not end on SIGTERM: killing it"; kill -9 "$(cat "$f")"
  done
  return 0
}
