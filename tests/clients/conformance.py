"""What the Python client programs share: the records they send, how they compare and report.

Each program drives one unmodified client against the broker at HOST:PORT and runs the same checks in the same order. It prints `ok NAME`
per check and ends with code 1 at the first that fails, saying what was expected and what came. Nothing is timed:
the deadlines only turn a hang into a failure. Topics and groups get fresh names, so that a broker may be used many times. The
programs pass on Apache Kafka, which is how we know that they are right.
"""

import contextlib
import faulthandler
import os
import sys
import time
from collections import defaultdict, namedtuple

# headers: a list of (name, bytes or None); timestamp in milliseconds
Record = namedtuple("Record", "partition key value headers timestamp")

PARTITIONS = 4
WAIT_S = 60  # until something that must happen
HANG_S = 300  # the whole program
LARGE = 1_000_000  # bytes; the broker takes batches of up to 1,048,588
TOO_LARGE = 2_000_000
FETCH_WAIT_MS = 25_000  # longer than LONG_POLL_S: only a broker that answers as soon as records come passes
LONG_POLL_S = 15


def address(usage):
    """HOST:PORT from the command line; from here on a hang ends the program."""
    if len(sys.argv) != 2 or ":" not in sys.argv[1]:
        sys.exit(usage)
    faulthandler.dump_traceback_later(HANG_S, exit=True)
    return sys.argv[1]


def fresh(client, name):
    return f"conformance-{client}-{name}-{os.getpid()}-{time.time_ns() // 1_000_000}"


@contextlib.contextmanager
def check(name):
    try:
        yield
    except Exception as error:
        print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
        raise
    print(f"ok {name}", flush=True)


def same(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: expected {shorten(expected)}, got {shorten(actual)}")


def shorten(value):
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}… ({len(text)} characters)"


def until(condition, what):
    """Calls condition until it returns something true."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if result := condition():
            return result
    raise AssertionError(f"not within {WAIT_S} s: {what}")


@contextlib.contextmanager
def refused(error, what):
    """The body must raise this error."""
    try:
        yield
    except error:
        return
    raise AssertionError(f"{what}: no {error.__name__}")


def now_ms():
    return time.time_ns() // 1_000_000


def batch(label, count=200, null_header=b""):
    """Records over all partitions: keys, null keys, empty and null values, headers with empty, repeated and non-ASCII parts (and null
    values: pass None as null_header where the client can send them). Their timestamps grow by 10 ms within a partition and lie an hour back,
    so that retention leaves them."""
    first = now_ms() - 3_600_000
    headers = [[], [("h", b"1")], [("h", b"1"), ("h", b""), ("é", b"\x00\xff")], [("none", null_header)]]
    records = []
    for i in range(count):
        key = None if i % 7 == 3 else f"{label}-{i % 13}".encode()
        value = None if i % 7 == 5 else b"" if i % 7 == 6 else f"{label} {i} ".encode() * (1 + i % 50)
        records.append(Record(i % PARTITIONS, key, value, headers[i // PARTITIONS % 4], first + i // PARTITIONS * 10))
    return records


def compare(actual, expected, what):
    """Equal per partition and in order. Headers without any may come back as None or ()."""

    def by_partition(records):
        partitions = defaultdict(list)
        for record in records:
            partitions[record.partition].append(record._replace(headers=list(record.headers or [])))
        return partitions

    actual, expected = by_partition(actual), by_partition(expected)
    for partition in range(PARTITIONS):
        same(len(actual[partition]), len(expected[partition]), f"{what}: records in partition {partition}")
        for offset, pair in enumerate(zip(actual[partition], expected[partition], strict=True)):
            same(pair[0], pair[1], f"{what}: record {offset} of partition {partition}")


def shared(assignments):
    """Two members have two partitions each, and together all four."""
    return all(len(a) == PARTITIONS // 2 for a in assignments) and len(set().union(*assignments)) == PARTITIONS
