"""Shows that acknowledged records survive a crash of the broker: a producer that says what was acknowledged, and a checker.

    python.sh clients verify.py produce HOST:PORT TOPIC RUN    produces until it is stopped or the broker is gone; prints
                                                               `PARTITION OFFSET VALUE` per acknowledged record (acks all, idempotent)
    python.sh clients verify.py check HOST:PORT TOPIC FILE…    a FILE holds the lines of one run; every one of these records must be found
                                                               at its offset, and no value twice

The driver starts a broker, lets `produce` print some lines, kills the broker with signal 9 at a random line, reads the producer's output to
its end, starts the broker on the same directory again, checks, and begins anew with the next RUN.
"""

import sys

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

PARTITIONS = 4
DIFFERENCES_SHOWN = 20
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def produce(broker, topic, run):
    admin = AdminClient({"bootstrap.servers": broker})
    if topic not in admin.list_topics(timeout=60).topics:
        admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(timeout=60)
    codec = CODECS[int(run) % len(CODECS)]
    producer = Producer({"bootstrap.servers": broker, "enable.idempotence": True, "linger.ms": 5, "compression.type": codec,
                         "message.timeout.ms": 5000, "queue.buffering.max.messages": 10_000})
    gone = False

    def report(error, message):
        nonlocal gone
        if error:
            gone = True
        else:
            print(message.partition(), message.offset(), message.value().decode())

    sequence = 0
    while not gone:
        try:
            value = f"{run}-{sequence}"
            producer.produce(topic, value=value, key=str(sequence % 100), partition=sequence % PARTITIONS, on_delivery=report)
            sequence += 1
        except BufferError:
            producer.poll(0.05)
        if producer.poll(0):
            sys.stdout.flush()


def stored(broker, topic):
    """The values by partition and offset."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "verify", "enable.auto.commit": False})
    values = {}
    for partition in range(PARTITIONS):
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=60)
        consumer.assign([TopicPartition(topic, partition, low)])
        position = low
        while position < high:
            # Not more than there are: consume waits until it has that many, or for the whole timeout.
            messages = consumer.consume(num_messages=min(1000, high - position), timeout=60)
            if not messages:
                sys.exit(f"partition {partition}: nothing comes after offset {position}, but its end is {high}")
            for message in messages:
                if message.error():
                    sys.exit(f"partition {partition}: {message.error()}")
                values[partition, message.offset()] = message.value().decode()
                position = message.offset() + 1
    consumer.close()
    return values


def acknowledgements(paths):
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            # The last line of a producer that was stopped may be cut off.
            yield from (line.split() for line in lines if line.endswith("\n"))


def check(broker, topic, paths):
    found, problems, acknowledged = stored(broker, topic), [], 0
    for partition, offset, value in acknowledgements(paths):
        acknowledged += 1
        actual = found.get((int(partition), int(offset)))
        if actual != value:
            problems.append(f"partition {partition}, offset {offset}: acknowledged {value}, found {actual}")
    first_place = {}
    for place, value in sorted(found.items()):
        if first_place.setdefault(value, place) != place:
            problems.append(f"{value} twice: (partition, offset) {first_place[value]} and {place}")
    for problem in problems[:DIFFERENCES_SHOWN]:
        print(problem)
    if problems:
        sys.exit(f"{len(problems)} differences among {acknowledged} acknowledged and {len(found)} stored records")
    if not acknowledged:
        sys.exit("nothing was acknowledged")
    print(f"{acknowledged} acknowledged records are among the {len(found)} stored")


match sys.argv[1:]:
    case ["produce", broker, topic, run]:
        produce(broker, topic, run)
    case ["check", broker, topic, _, *_]:
        check(broker, topic, sys.argv[4:])
    case _:
        sys.exit(__doc__)
