"""Shows that transactions survive a crash of the broker whole or not at all: a producer that says what became of each, and a checker.

    python.sh clients transactions.py produce HOST:PORT TOPIC RUN    transactions until the broker is gone, every third aborted; prints
                                                                     `begun N`, then `committed N` or `aborted N` as it hears of it
    python.sh clients transactions.py check HOST:PORT TOPIC FILE…    a FILE holds the lines of one run, in the order of the runs: records of
                                                                     committed transactions are delivered once and in order, of
                                                                     aborted ones never; one without an outcome counts whole or not at all

Each transaction writes RECORDS records over all partitions, `RUN N I`, and commits the group's offset: one more than before. So the offset
tells how many transactions were committed. As verify.py, the driver kills the broker at a random line and starts it again.
"""

import os
import sys

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

PARTITIONS = 4
RECORDS = 20
WAIT_S = 60
GONE_S = 5


def transactional(broker, topic):
    producer = Producer({"bootstrap.servers": broker, "transactional.id": topic, "linger.ms": 1, "message.timeout.ms": 1000 * GONE_S,
                         "transaction.timeout.ms": 60_000})
    producer.init_transactions(WAIT_S)
    return producer


def group_offset(consumer, topic):
    [committed] = consumer.committed([TopicPartition(topic, 0)], timeout=WAIT_S)
    return max(committed.offset, 0)


def group(broker, topic):
    return Consumer({"bootstrap.servers": broker, "group.id": topic, "enable.auto.commit": False, "isolation.level": "read_committed"})


def say(*words):
    print(*words, flush=True)


def produce(broker, topic, run):
    admin = AdminClient({"bootstrap.servers": broker})
    if topic not in admin.list_topics(timeout=WAIT_S).topics:
        admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(timeout=WAIT_S)
    producer, consumer = transactional(broker, topic), group(broker, topic)
    offset, number = group_offset(consumer, topic), 0
    try:
        while True:
            producer.begin_transaction()
            say("begun", number)
            for i in range(RECORDS):
                producer.produce(topic, value=f"{run} {number} {i}", partition=i % PARTITIONS)
            next_offset = [TopicPartition(topic, 0, offset + 1)]
            producer.send_offsets_to_transaction(next_offset, consumer.consumer_group_metadata(), GONE_S)
            if number % 3 == 2:
                producer.abort_transaction(GONE_S)
                say("aborted", number)
            else:
                producer.commit_transaction(GONE_S)
                say("committed", number)
                offset += 1
            number += 1
    except (KafkaException, BufferError):
        os._exit(0)  # the broker is gone, and the client would wait for it


def delivered(broker, topic):
    """The values by partition, in order."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "check", "enable.auto.commit": False, "enable.partition.eof": True,
                         "isolation.level": "read_committed"})
    looker = Consumer({"bootstrap.servers": broker, "group.id": "check", "isolation.level": "read_uncommitted"})
    ends = [looker.get_watermark_offsets(TopicPartition(topic, p), timeout=WAIT_S)[1] for p in range(PARTITIONS)]
    values = [[] for _ in range(PARTITIONS)]
    consumer.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
    missing = set(range(PARTITIONS))
    while missing:
        message = consumer.poll(WAIT_S)
        if message is None:
            sys.exit(f"partitions {missing} do not come to their ends {ends}: a transaction hangs")
        if message.error() is None:
            values[message.partition()].append(message.value().decode())
        elif message.error().code() != KafkaError._PARTITION_EOF:
            raise KafkaException(message.error())
        elif message.offset() >= ends[message.partition()]:
            missing.discard(message.partition())
    consumer.close()
    looker.close()
    return values


def outcomes(files):
    """What is known of each transaction, in order: (run, number, outcome or None)."""
    found = {}
    for run, file in enumerate(files):
        with open(file) as lines:
            for word, number in (line.split() for line in lines if line.endswith("\n")):
                found[run, int(number)] = None if word == "begun" else word
    return found


def check(broker, topic, files):
    transactional(broker, topic)  # aborts what the crash left open
    values = delivered(broker, topic)
    expected, committed = [[] for _ in range(PARTITIONS)], 0
    known = outcomes(files)
    first = {tuple(map(int, value.split()[:2])) for partition in values for value in partition}
    for (run, number), outcome in known.items():
        counts = outcome == "committed" or (outcome is None and (run, number) in first)
        committed += counts
        for i in range(RECORDS if counts else 0):
            expected[i % PARTITIONS].append(f"{run} {number} {i}")
    for partition in range(PARTITIONS):
        if values[partition] != expected[partition]:
            pairs = enumerate(zip(values[partition] + ["nothing"], expected[partition] + ["nothing"]))
            place, (actual, wanted) = next((place, pair) for place, pair in pairs if pair[0] != pair[1])
            sys.exit(f"partition {partition}, record {place}: expected {wanted}, delivered {actual}")
    consumer = group(broker, topic)
    offset = group_offset(consumer, topic)
    consumer.close()
    if offset != committed:
        sys.exit(f"{committed} transactions were committed, the group's offset says {offset}")
    open_ones = sum(outcome is None for outcome in known.values())
    print(f"{len(known)} transactions, {committed} committed, {open_ones} without an answer: whole or not at all")


def main():
    match sys.argv[1:]:
        case ["produce", broker, topic, run]:
            produce(broker, topic, run)
        case ["check", broker, topic, *files]:
            check(broker, topic, files)
        case _:
            sys.exit(__doc__)


main()
