"""The transactional torture test: broker and clients are killed with kill -9 at random moments, and every record is accounted for.

    tests/peers/python.sh clients tests/kill/torture/run.py MILLSTREAM CYCLES [OPTION OF MILLSTREAM START…]

Writers of three clients (librdkafka, aiokafka, Java) fill a topic in transactions, some aborted on purpose, some left open until the
broker aborts them. Groups copy it exactly once, reading committed records and sending offsets to their transactions: one with the classic
protocol and one with KIP-848, each of a librdkafka and a Java member, and one of an aiokafka that takes all partitions. In each cycle
the broker is killed and started again, or a client is killed and its successor started, or both; or a client is stopped (SIGSTOP) while
a successor with its transactional id goes on, or while the others of its group take over, and then wakes up as a zombie. In the end all
clients are killed and nobody follows: open transactions have to end by themselves. `check.py` says what has to hold then.

MILLSTREAM_TORTURE_SEED repeats the order of the kills (not what they meet). Everything is kept in a directory under the system's
temporary one when something is wrong, and is said where.
"""

import collections
import heapq
import itertools
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from confluent_kafka.admin import AdminClient, NewTopic

import check
from ledger import INPUT, PARTITIONS, SESSION_TIMEOUT_MS, output_of

HERE = pathlib.Path(__file__).parent
KAFKA = HERE.parent.parent / "peers" / "kafka.sh"
START_S = 60
SKIPPED = 77
# Another one at every start: a killed process loses no page cache, whichever it is.
POLICIES = ["none", "interval", "group"]
GROUPS = ["classic", "consumer", "alone"]
SETTINGS = {
    "group.min.session.timeout.ms": 1000,
    "group.consumer.session.timeout.ms": SESSION_TIMEOUT_MS,
    "group.consumer.heartbeat.interval.ms": 500,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,
}
WORKERS = {
    "confluent-write": ("confluent", "write"),
    "aiokafka-write": ("aiokafka", "write"),
    "java-write": ("java", "write"),
    "confluent-classic": ("confluent", "copy", "classic", "classic"),
    "java-classic": ("java", "copy", "classic", "classic"),
    "confluent-consumer": ("confluent", "copy", "consumer", "consumer"),
    "java-consumer": ("java", "copy", "consumer", "consumer"),
    "aiokafka-alone": ("aiokafka", "copy", "alone", "classic"),
}
# What happens in a cycle, and how often of a hundred.
EVENTS = {"broker": 35, "broker_twice": 5, "client": 25, "both": 15, "zombie": 12, "sleeper": 8}


class Broker:
    def __init__(self, binary, data, log, options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        settings = [f"{name}={value}" for name, value in SETTINGS.items()]
        self.command = [binary, "start", "--data-dir", data, "--kafka-listener", self.address, "--http-listener", "127.0.0.1:0",
                        *itertools.chain.from_iterable(("-X", setting) for setting in settings), *options]
        self.log, self.process = log, None

    def start(self):
        with open(self.log, "ab") as log:
            command = [*self.command, "--fsync", random.choice(POLICIES)]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)

    def ready(self):
        """Waits until the broker says so; it listens then."""
        for line in self.process.stdout:
            if line.startswith(b"millstream ready "):
                return
        raise check.Wrong(f"the broker does not start: exit code {self.process.wait()}, see {self.log}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.terminate()
        if self.process.wait(START_S) != 0:
            raise check.Wrong(f"the broker ended with code {self.process.returncode}")


class Torture:
    def __init__(self, binary, cycles, directory, options):
        self.cycles, self.directory = cycles, directory
        self.ledgers, self.data = directory / "ledgers", directory / "data"
        self.ledgers.mkdir()
        self.broker = Broker(binary, self.data, directory / "broker.log", options)
        self.incarnations, self.running, self.zombies = collections.Counter(), {}, []
        self.later, self.order = [], itertools.count()
        self.done, self.ended = collections.Counter(), 0
        self.java = self.compile_java()

    def compile_java(self):
        found = subprocess.run([KAFKA, "classpath"], stdout=subprocess.PIPE, text=True)
        if found.returncode == SKIPPED:
            sys.exit(SKIPPED)
        found.check_returncode()
        classpath = found.stdout.strip()
        subprocess.check_call(["javac", "-cp", classpath, "-d", self.directory, HERE / "JavaWorker.java"])
        # Short lives: no time to optimise.
        return ["java", "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp",
                f"{self.directory}:{classpath}", "JavaWorker"]

    def start_worker(self, name):
        client, role, *group = WORKERS[name]
        incarnation = self.incarnations[name]
        self.incarnations[name] += 1
        program = self.java if client == "java" else [sys.executable, HERE / f"{client}_worker.py"]
        ledger = self.ledgers / f"{name}.{incarnation}.log"
        with open(self.directory / "clients.log", "ab") as log:
            command = [*program, role, name, str(incarnation), self.broker.address, ledger, *group]
            self.running[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def at(self, delay_s, action):
        heapq.heappush(self.later, (time.monotonic() + delay_s, next(self.order), action))

    def wait(self, seconds):
        """Does what is due meanwhile, and replaces workers that have ended."""
        until = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            while self.later and self.later[0][0] <= now:
                heapq.heappop(self.later)[2]()
            for name, process in list(self.running.items()):
                if process.poll() is not None:
                    self.ended += 1
                    self.start_worker(name)
            if now >= until:
                return
            time.sleep(min(0.02, until - now))

    def event_broker(self):
        self.broker.kill()
        time.sleep(random.choice([0, 0, 0.2, 1]) * random.random())
        self.broker.start()
        self.broker.ready()

    def event_broker_twice(self):
        """Killed again while it recovers."""
        self.broker.kill()
        self.broker.start()
        time.sleep(random.random() * 0.2)
        self.event_broker()

    def event_client(self):
        name = random.choice(list(self.running))
        self.running[name].kill()
        self.running[name].wait()
        self.start_worker(name)

    def event_both(self):
        name = random.choice(list(self.running))
        self.running[name].kill()
        self.event_broker()
        self.running[name].wait()
        self.start_worker(name)

    def event_zombie(self):
        """A client wakes up when its successor has its transactional id."""
        name = random.choice(list(self.running))
        zombie = self.running[name]
        zombie.send_signal(signal.SIGSTOP)
        self.start_worker(name)
        self.zombies.append(zombie)
        self.at(1 + 4 * random.random(), lambda: zombie.send_signal(signal.SIGCONT))
        self.at(12, zombie.kill)

    def event_sleeper(self):
        """A client wakes up when the others of its group have taken over."""
        name = random.choice([name for name, (_, role, *_) in WORKERS.items() if role == "copy"])
        sleeper = self.running[name]
        sleeper.send_signal(signal.SIGSTOP)
        self.at(SESSION_TIMEOUT_MS / 1000 * (0.8 + random.random()), lambda: sleeper.send_signal(signal.SIGCONT))

    def torture(self):
        self.broker.start()
        self.broker.ready()
        admin = AdminClient({"bootstrap.servers": self.broker.address})
        topics = [INPUT, *map(output_of, GROUPS)]
        for created in admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in topics]).values():
            created.result(timeout=START_S)
        for name in WORKERS:
            self.start_worker(name)
        self.wait_for_all()
        events, weights = list(EVENTS), list(EVENTS.values())
        for cycle in range(self.cycles):
            event = random.choices(events, weights)[0]
            getattr(self, f"event_{event}")()
            self.done[event] += 1
            self.wait(0.3 + random.random() * 3)
            if (cycle + 1) % 20 == 0:
                print(f"cycle {cycle + 1}: {dict(self.done)}, {self.ended} workers ended by themselves", flush=True)
        self.kill_clients()

    def wait_for_all(self):
        """Everybody has committed something: from now on something can be lost."""
        give_up = time.monotonic() + START_S
        while idle := [name for name in WORKERS if check.Ledgers(self.ledgers).committed_by()[name] == 0]:
            if time.monotonic() > give_up:
                raise check.Wrong(f"these commit nothing, undisturbed: {idle}; see {self.directory}/clients.log")
            self.wait(0.5)

    def kill_clients(self):
        for process in [*self.running.values(), *self.zombies]:
            process.kill()
            process.wait()

    def check(self):
        address = self.broker.address
        topics = {topic: check.delivered(address, topic) for topic in [INPUT, *map(output_of, GROUPS)]}
        offsets = {group: check.group_offsets(address, group) for group in GROUPS}
        ledgers = check.Ledgers(self.ledgers)
        print("ended because:", *(f"  {count:4} {why}" for why, count in ledgers.reasons.most_common()), sep="\n")
        print("aborted because:", *(f"  {count:4} {why}" for why, count in ledgers.failures.most_common()), sep="\n")
        check.check_transactions(ledgers, topics)
        for group in GROUPS:
            check.check_copies(topics, group, offsets[group])
        self.broker.stop()
        check.check_files(topics, self.data)
        records = {topic: sum(map(len, partitions)) for topic, partitions in topics.items()}
        print(f"{self.cycles} cycles {dict(self.done)}; transactions {dict(ledgers.counts())}; committed {dict(ledgers.committed_by())}; "
              f"records delivered {records}: all accounted for")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    binary, cycles, *options = sys.argv[1:]
    seed = int(os.environ.get("MILLSTREAM_TORTURE_SEED", random.randrange(1 << 32)))
    random.seed(seed)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="torture-"))
    print(f"seed {seed}, directory {directory}", flush=True)
    torture = Torture(binary, int(cycles), directory, options)
    try:
        torture.torture()
        torture.check()
    except BaseException:
        print(f"kept: {directory}", flush=True)
        raise
    finally:
        torture.kill_clients()
        if torture.broker.process and torture.broker.process.poll() is None:
            torture.broker.kill()
    shutil.rmtree(directory)


main()
