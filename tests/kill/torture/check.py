"""Accounts for every record of the torture test, with clients and files that the workers have nothing to do with.

- What a reader of committed records is given (kafka-python, which no worker uses) is what the segment files say is committed.
- Of every transaction of every worker all records are delivered, once, or none. All, if the worker was told that it is committed. None, if it was told
  that it is aborted, never asked for a commit, or asked when another process had the transactional id.
- In every partition the records of a worker are in the order in which it, and its predecessors, began their transactions.
- Of every group: the copies in a partition are, in order, the records of the input below the group's offset. So none was consumed twice,
  and none passed over.
"""

import collections
import pathlib
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition
from kafka import KafkaConsumer
from kafka import TopicPartition as Place

import segments
from ledger import INPUT, PARTITIONS, output_of

WAIT_S = 90


class Wrong(Exception):
    pass


def delivered(broker, topic):
    """The records that readers of committed ones get, by partition: (offset, value). All transactions have to end by themselves."""
    places = [Place(topic, partition) for partition in range(PARTITIONS)]
    everything = KafkaConsumer(bootstrap_servers=broker, isolation_level="read_uncommitted")
    ends = everything.end_offsets(places)
    everything.close()
    reader = KafkaConsumer(bootstrap_servers=broker, isolation_level="read_committed", enable_auto_commit=False)
    reader.assign(places)
    reader.seek_to_beginning()
    found = [[] for _ in places]
    give_up = time.monotonic() + WAIT_S
    while any(reader.position(place) < ends[place] for place in places):
        if time.monotonic() > give_up:
            behind = {place.partition: (reader.position(place), ends[place]) for place in places}
            raise Wrong(f"{topic}: readers of committed records do not come to the end: {behind}")
        for place, records in reader.poll(timeout_ms=500).items():
            found[place.partition].extend((record.offset, record.value.decode()) for record in records)
    reader.close()
    return found


def group_offsets(broker, group):
    """What a group has committed, once no transaction can change it."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": group})
    places = [TopicPartition(INPUT, partition) for partition in range(PARTITIONS)]
    give_up = time.monotonic() + WAIT_S
    while True:
        try:
            answer = consumer.committed(places, timeout=WAIT_S)
            consumer.close()
            return [max(place.offset, 0) for place in answer]
        except KafkaException as error:
            if time.monotonic() > give_up:
                raise Wrong(f"group {group}: offsets stay unstable: {error}") from error


class Attempt:
    """A transaction as its worker noted it."""

    def __init__(self):
        self.begun_at = self.committing_at = self.count = self.outcome = None


class Ledgers:
    def __init__(self, directory):
        self.transactions = collections.defaultdict(Attempt)
        self.ready_at, self.reasons, self.failures = {}, collections.Counter(), collections.Counter()
        for file in pathlib.Path(directory).iterdir():
            name, incarnation, _ = file.name.rsplit(".", 2)
            for line in file.read_text().splitlines(keepends=True):
                if line.endswith("\n"):
                    self.line(name, int(incarnation), *line.split())

    def line(self, name, incarnation, at, word, *rest):
        if word == "ready":
            self.ready_at[name, incarnation] = int(at)
            return
        if word == "stopped":
            self.reasons[f"{name.split('-')[0]} {' '.join(rest)[:80]}"] += 1
            return
        attempt = self.transactions[name, incarnation, int(rest[0])]
        if word == "begun":
            attempt.begun_at = int(at)
        elif word == "committing":
            attempt.committing_at, attempt.count = int(at), int(rest[1])
        elif word == "failed":
            self.failures[f"{name.split('-')[0]} {rest[1]}"] += 1
        elif word in ("committed", "aborted"):
            attempt.outcome = word

    def fenced_at(self):
        """When a process had certainly lost its transactional id: another one that was ready later began what it was told is committed.
        (That it was ready later is not enough: who was stopped between the broker's answer and the note of it may be the one that lost.)"""
        proofs = collections.defaultdict(dict)
        for (name, incarnation, _), attempt in self.transactions.items():
            if attempt.outcome == "committed":
                first = proofs[name].get(incarnation, attempt.begun_at)
                proofs[name][incarnation] = min(first, attempt.begun_at)
        fenced = {}
        for (name, incarnation), ready_at in self.ready_at.items():
            others = (at for other, at in proofs[name].items() if self.ready_at[name, other] > ready_at)
            fenced[name, incarnation] = min(others, default=None)
        return fenced

    def counts(self):
        return collections.Counter(attempt.outcome or "unknown" for attempt in self.transactions.values())

    def committed_by(self):
        return collections.Counter(name for (name, _, _), attempt in self.transactions.items() if attempt.outcome == "committed")


def check_transactions(ledgers, topics):
    """Whole or not at all, as told, each record once, in order."""
    seen, fenced_at = collections.defaultdict(list), ledgers.fenced_at()
    for topic, partitions in topics.items():
        for partition, values in enumerate(partitions):
            last = {}
            for offset, value in values:
                name, incarnation, number, index = value.split()[:4]
                key = name, int(incarnation), int(number)
                attempt = ledgers.transactions.get(key)
                if attempt is None or attempt.count is None:
                    raise Wrong(f"{topic}, partition {partition}, offset {offset}: {value} was never to be committed")
                place = attempt.begun_at, int(index)
                if name in last and last[name][0] >= place:
                    raise Wrong(f"{topic}, partition {partition}, offset {offset}: {value} comes after {last[name][1]}")
                last[name] = place, value
                seen[key].append(int(index))
    for key, indexes in seen.items():
        attempt = ledgers.transactions[key]
        if sorted(indexes) != list(range(attempt.count)):
            raise Wrong(f"transaction {key} has {attempt.count} records; delivered are {sorted(indexes)}")
        if attempt.outcome == "aborted":
            raise Wrong(f"transaction {key} was aborted, and is delivered")
        if fenced_at[key[:2]] is not None and attempt.committing_at > fenced_at[key[:2]]:
            raise Wrong(f"transaction {key} was committed after its producer had been fenced")
    for key, attempt in ledgers.transactions.items():
        if attempt.outcome == "committed" and key not in seen:
            raise Wrong(f"transaction {key} was committed, and nothing of it is delivered")


def check_copies(topics, group, offsets):
    """Input consumed exactly once."""
    for partition in range(PARTITIONS):
        expected = [f"{offset} {value}" for offset, value in topics[INPUT][partition] if offset < offsets[partition]]
        copies = [value.split(" ", 4)[4] for _, value in topics[output_of(group)][partition]]
        if copies != expected:
            pairs = zip(copies + ["nothing"], expected + ["nothing"])
            place, (copy, original) = next((place, pair) for place, pair in enumerate(pairs) if pair[0] != pair[1])
            raise Wrong(f"group {group}, partition {partition}, offset {offsets[partition]}: copy {place} is {copy} instead of {original}; "
                        f"{len(copies)} copies, {len(expected)} expected")


def check_files(topics, data):
    for topic, partitions in topics.items():
        for partition, values in enumerate(partitions):
            in_files = segments.committed(pathlib.Path(data) / f"{topic}-{partition}")
            if in_files != values:
                raise Wrong(f"{topic}, partition {partition}: files have {len(in_files)} committed records, readers get {len(values)}")
