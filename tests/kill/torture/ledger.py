"""The ledger of a worker of the torture test: what it begins, asks for and is told, a line each, before it goes on.

    NANOSECONDS ready                          the transactional id is this process's: init_transactions has returned
    NANOSECONDS begun N                        transaction N is open; records follow
    NANOSECONDS committing N RECORDS           every record was handed over; the commit is asked for next
    NANOSECONDS committed N | aborted N        what the client said of it
    NANOSECONDS failed N ERROR                 no transaction, or one whose end was not told
    NANOSECONDS stopped ERROR                  the worker gives up; its successor goes on

A line is one write, so that a process that is killed leaves whole lines and at most a part of the last. Time is the machine's monotonic
clock, the same for all processes.
"""

import os
import time


class Ledger:
    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def say(self, *words):
        line = " ".join(map(str, (time.monotonic_ns(), *words)))
        os.write(self.file, (line.replace("\n", " ") + "\n").encode())


class Plan:
    """What a worker is to do, from its command line: ROLE NAME INCARNATION BROKER LEDGER [GROUP PROTOCOL]."""

    def __init__(self, arguments):
        self.role, self.name, incarnation, self.broker, path, *rest = arguments
        self.incarnation = int(incarnation)
        self.group, self.protocol = rest if rest else (None, None)
        self.ledger = Ledger(path)

    def say(self, *words):
        self.ledger.say(*words)

    def value(self, number, index):
        """What a record says of itself: whose it is, of which transaction, the how many of it."""
        return f"{self.name} {self.incarnation} {number} {index}"

    def stop(self, error):
        self.say("stopped", type(error).__name__, error)
        os._exit(1)


# What all workers share, in every language.
INPUT = "written"
PARTITIONS = 4
TRANSACTION_TIMEOUT_MS = 4000
SESSION_TIMEOUT_MS = 3000
RECORDS_MAX = 24
# Of so many transactions one is aborted, and one is left open for too long.
ABORT_EVERY, OVERSLEEP_EVERY = 6, 100
OVERSLEEP_S = 7
PAUSE_S = 0.05
WAIT_S = 30


def output_of(group):
    return f"copied-{group}"
