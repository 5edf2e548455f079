"""Shows that Kafka Streams counts every word once, whatever is killed meanwhile: a producer of lines, and a checker.

    python.sh clients word_count.py feed HOST:PORT APPLICATION LINES     creates the topics, prints `created`, produces that many lines
                                                                         at its pace, over restarts of the broker, and prints `fed LINES`
    python.sh clients word_count.py check HOST:PORT APPLICATION LINES    waits until as many words were counted as the lines have, then:
                                                                         every line is in the log once; each word's counts, read
                                                                         committed, are 1, 2, 3 … and end at the true one

What the lines are follows from their numbers alone, so the checker needs nothing from the producer. ../clients/WordCount.java counts.
"""

import collections
import sys
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

PARTITIONS = 3
WORDS_A_LINE = 6
VOCABULARY = 97
LINES_A_SECOND = 400
WAIT_S = 120


def line(number):
    return " ".join(f"w{(number * number + 7 * number * i + i) % VOCABULARY}" for i in range(WORDS_A_LINE))


def feed(broker, application, lines):
    admin = AdminClient({"bootstrap.servers": broker})
    topics = [NewTopic(f"{application}-{name}", PARTITIONS, 1) for name in ("lines", "counts")]
    for created in admin.create_topics(topics).values():
        created.result(timeout=WAIT_S)
    print("created", flush=True)
    failed = []
    producer = Producer({"bootstrap.servers": broker, "enable.idempotence": True, "linger.ms": 5, "message.timeout.ms": 1000 * WAIT_S})
    began = time.monotonic()
    for number in range(lines):
        producer.produce(f"{application}-lines", key=str(number), value=line(number), on_delivery=lambda error, _: error and failed.append(error))
        producer.poll(max(0, began + number / LINES_A_SECOND - time.monotonic()))
    unsent = producer.flush(WAIT_S)
    if failed or unsent:
        sys.exit(f"{len(failed)} lines failed, {unsent} without an answer; first: {failed[:1]}")
    print("fed", lines, flush=True)


def committed(broker, topic, wanted):
    """The first `wanted` records that a transaction committed, and those behind them up to the end: (key, value) by partition."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": f"{topic}-check", "enable.auto.commit": False,
                         "isolation.level": "read_committed", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
    records, ended, deadline = [[] for _ in range(PARTITIONS)], set(), time.monotonic() + WAIT_S
    while sum(map(len, records)) < wanted or len(ended) < PARTITIONS:
        if time.monotonic() > deadline:
            sys.exit(f"FAILED: {sum(map(len, records))} of {wanted} records in {topic} after {WAIT_S} s")
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            ended.add(message.partition())
        else:
            ended.discard(message.partition())
            records[message.partition()].append((message.key(), message.value()))
    consumer.close()
    return [record for part in records for record in part]


def same(actual, expected, what):
    if actual != expected:
        sys.exit(f"FAILED {what}: expected {str(expected)[:300]}, got {str(actual)[:300]}")


def check(broker, application, lines):
    fed = committed(broker, f"{application}-lines", lines)
    same(sorted(int(key) for key, _ in fed), list(range(lines)), "numbers of lines")
    for key, value in fed:
        same(value.decode(), line(int(key)), f"line {int(key)}")
    print(f"ok {lines} lines, each in the log once")
    truth = collections.Counter(word for number in range(lines) for word in line(number).split())
    counts = collections.defaultdict(list)
    for key, value in committed(broker, f"{application}-counts", WORDS_A_LINE * lines):
        counts[key.decode()].append(int.from_bytes(value, "big"))
    same(sorted(counts), sorted(truth), "words")
    for word, total in truth.items():
        same(counts[word], list(range(1, total + 1)), f"counts of {word}")
    print(f"ok {sum(truth.values())} words, each counted once and in order")


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] not in ("feed", "check"):
        sys.exit(__doc__)
    {"feed": feed, "check": check}[sys.argv[1]](sys.argv[2], sys.argv[3], int(sys.argv[4]))
