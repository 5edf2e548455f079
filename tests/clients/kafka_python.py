"""kafka-python against a broker: python.sh clients kafka_python.py HOST:PORT (see conformance.py)."""

import queue
import threading
import time

from conformance import (
    FETCH_WAIT_MS, LARGE, LONG_POLL_S, PARTITIONS, TOO_LARGE, WAIT_S, Record, address, batch, check, compare, fresh, refused, same, until,
)
from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import MessageSizeTooLargeError, TopicAlreadyExistsError

BROKER = address(__doc__)
TOPIC = fresh("kafka-python", "records")
EMPTY = fresh("kafka-python", "long-poll")
WORK = fresh("kafka-python", "work")
LEDGER = fresh("kafka-python", "ledger")
COPY = fresh("kafka-python", "copy")


def producer(**options):
    return KafkaProducer(bootstrap_servers=BROKER, **options)


def consumer(**options):
    return KafkaConsumer(bootstrap_servers=BROKER, **{"auto_offset_reset": "earliest", "enable_auto_commit": False, **options})


def parts(topic):
    return [TopicPartition(topic, p) for p in range(PARTITIONS)]


def send(records, topic=TOPIC, **options):
    """Produces, waits for every acknowledgement and returns the offsets."""
    with_producer = producer(**options)
    futures = [
        with_producer.send(topic, key=r.key, value=r.value, headers=r.headers, partition=r.partition, timestamp_ms=r.timestamp)
        for r in records
    ]
    with_producer.flush()
    offsets = [future.get(timeout=30).offset for future in futures]
    with_producer.close()
    return offsets


def read(reader, count):
    """The next records, with their partitions' offsets checked to be without gaps."""
    records = []

    def enough():
        for chunk in reader.poll(timeout_ms=200).values():
            records.extend(chunk)
        return len(records) >= count

    until(enough, f"{count} records (at {len(records)})")
    return [Record(r.partition, r.key, r.value, r.headers, r.timestamp) for r in records]


def topics(admin):
    with check("create topics, with partitions and a configuration"):
        admin.create_topics(
            [NewTopic(TOPIC, PARTITIONS, 1, topic_configs={"retention.ms": "86400000"}), NewTopic(EMPTY, 1, 1), NewTopic(WORK, PARTITIONS, 1)]
        )
    with check("create a topic twice: refused"), refused(TopicAlreadyExistsError, "second creation"):
        admin.create_topics([NewTopic(TOPIC, 1, 1)])
    with check("metadata and configuration"):
        described = admin.describe_topics([TOPIC])[0]
        same(sorted(p["partition_index"] for p in described["partitions"]), list(range(PARTITIONS)), "partitions")
        same({p["error_code"] for p in described["partitions"]}, {0}, "partition errors")
        assert TOPIC in admin.list_topics(), "the topic is not listed"
        configs = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC)])
        assert "86400000" in repr(configs), f"retention.ms is not described: {configs}"


def produce_and_fetch():
    sent = []
    for label, options in {
        "acks 1": {"acks": 1, "enable_idempotence": False},
        "acks all": {"acks": "all", "enable_idempotence": False},
        "acks 0": {"acks": 0, "enable_idempotence": False},
        "idempotent": {"enable_idempotence": True},
        "one record per request": {"batch_size": 0},
        **{codec: {"compression_type": codec, "linger_ms": 50} for codec in ("gzip", "snappy", "lz4", "zstd")},
    }.items():
        with check(f"produce: {label}"):
            records = batch(label)
            send(records, **options)
            sent += records
            # acks 0 has no answer to wait for: the next producer must not overtake it
            until(lambda: sum(end_offsets().values()) == len(sent), "records in the log")
    with check("produce: a record of 1 MB"):
        sent.append(Record(0, b"large", b"x" * LARGE, [], batch("t", 1)[0].timestamp))
        send(sent[-1:])
    with check("produce: a record that is too large: refused"), refused(MessageSizeTooLargeError, "2 MB"):
        send([Record(0, None, b"x" * TOO_LARGE, [], None)], max_request_size=2 * TOO_LARGE)
    for label, options in {
        "fetch everything": {},
        "fetch with small limits": {"max_partition_fetch_bytes": 1000, "fetch_max_bytes": 4000, "max_poll_records": 7},
        "fetch without sessions": {"enable_incremental_fetch_sessions": False},
    }.items():
        with check(label):
            reader = consumer(**options)
            reader.assign(parts(TOPIC))
            compare(read(reader, len(sent)), sent, label)
            reader.close()


def end_offsets():
    reader = consumer()
    offsets = reader.end_offsets(parts(TOPIC))
    reader.close()
    return offsets


def long_poll():
    with check("long poll ends when a record comes"):
        reader = consumer(fetch_max_wait_ms=FETCH_WAIT_MS, request_timeout_ms=2 * FETCH_WAIT_MS)
        reader.assign([TopicPartition(EMPTY, 0)])
        reader.seek(TopicPartition(EMPTY, 0), 0)
        reader.poll(timeout_ms=500)  # sends the fetch that waits
        sender = threading.Thread(target=send, args=([Record(0, b"k", b"wakes", [], None)], EMPTY))
        sender.start()
        found = reader.poll(timeout_ms=LONG_POLL_S * 1000)
        sender.join()
        same([r.value for chunk in found.values() for r in chunk], [b"wakes"], "records")
        reader.close()


def positions():
    with check("seek to the beginning, the end and an offset"):
        reader, part = consumer(max_poll_records=1), TopicPartition(TOPIC, 1)
        reader.assign([part])
        reader.seek_to_end(part)
        end = reader.position(part)
        same({part: end}, reader.end_offsets([part]), "end")
        reader.seek_to_beginning(part)
        same(reader.position(part), 0, "beginning")
        reader.seek(part, end - 1)
        same(until(lambda: reader.poll(timeout_ms=200), "the last record")[part][0].offset, end - 1, "offset")
    with check("offsets by time"):
        records = batch("times", 40)
        send(records, WORK)
        times = [r.timestamp for r in records if r.partition == 2]
        part = TopicPartition(WORK, 2)
        found = {t: reader.offsets_for_times({part: t})[part] for t in (0, times[3], times[3] + 1, times[-1], times[-1] + 1)}
        same([f and (f.offset, f.timestamp) for f in found.values()],
             [(0, times[0]), (3, times[3]), (4, times[4]), (9, times[9]), None], "offsets")
        reader.close()


class Member(ConsumerRebalanceListener):
    """A consumer of a group on its own thread, as a member must be that others wait for in a rebalance."""

    def __init__(self, group, **options):
        self.reader = consumer(group_id=group, heartbeat_interval_ms=200, **options)
        self.reader.subscribe([WORK], listener=self)
        self.rebalances, self.partitions, self.offsets, self.error = 0, set(), {}, None
        self.requests = queue.Queue()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def on_partitions_revoked(self, revoked):
        self.partitions = set()

    def on_partitions_assigned(self, assigned):
        self.rebalances += 1
        self.partitions = {part.partition for part in assigned}

    def run(self):
        try:
            while True:
                for part, records in self.reader.poll(timeout_ms=100).items():
                    self.offsets.setdefault(part.partition, records[0].offset)
                while not self.requests.empty():
                    request, answer = self.requests.get()
                    answer.put(request(self.reader))
                    if request == KafkaConsumer.close:
                        return
        except Exception as error:  # shown by whoever waits for the member
            self.error = error
            raise

    def ask(self, request):
        """Runs request(consumer) on the member's thread."""
        answer = queue.Queue()
        self.requests.put((request, answer))
        return answer.get(timeout=WAIT_S)

    def leave(self):
        self.ask(KafkaConsumer.close)
        self.thread.join()


def settled(*members):
    """They have all partitions between them, equally many each."""
    for each in members:
        same(each.error, None, "error of a member")
    time.sleep(0.02)  # between two looks at other threads
    counts = {len(each.partitions) for each in members}
    return counts == {PARTITIONS // len(members)} and len(set().union(*(m.partitions for m in members))) == PARTITIONS


def groups():
    group = fresh("kafka-python", "group")
    with check("group: one member has all partitions"):
        first = Member(group)
        until(lambda: settled(first), "four partitions")
    with check("group: a second member joins and they share"):
        second = Member(group)
        until(lambda: settled(first, second), "two partitions each")
    with check("group: one leaves and the other has all again"):
        second.leave()
        until(lambda: settled(first), "four partitions")
    with check("group: commits, with metadata, survive the members"):
        offsets = {part: OffsetAndMetadata(part.partition + 3, f"näher {part.partition}", -1) for part in parts(WORK)}
        first.ask(lambda reader: reader.commit(offsets))
        first.leave()
        heir = Member(group)
        until(lambda: settled(heir) and len(heir.offsets) == PARTITIONS, "a record of each partition")
        same(heir.offsets, {p: p + 3 for p in range(PARTITIONS)}, "first offset read")
        for part in parts(WORK):
            committed = heir.ask(lambda reader, part=part: reader.committed(part, metadata=True))
            same((committed.offset, committed.metadata), (part.partition + 3, f"näher {part.partition}"), "committed")
        heir.leave()
    with check("group: a static member restarts without a rebalance"):
        group = fresh("kafka-python", "static")
        one, two = (Member(group, group_instance_id=name, session_timeout_ms=30000) for name in ("one", "two"))
        until(lambda: settled(one, two), "two partitions each")
        before, rebalances = one.partitions, two.rebalances
        generation = two.ask(KafkaConsumer.group_metadata).generation_id
        one.leave()
        one = Member(group, group_instance_id="one", session_timeout_ms=30000)
        until(lambda: settled(one, two), "two partitions each")
        same(one.partitions, before, "partitions after the restart")
        same((two.ask(KafkaConsumer.group_metadata).generation_id, two.rebalances), (generation, rebalances), "generation and rebalances")
        one.leave()
        two.leave()


def transactional(transactional_id):
    sender = producer(transactional_id=transactional_id)
    sender.init_transactions()
    return sender


def put(sender, topic, records):
    for r in records:
        sender.send(topic, key=r.key, value=r.value, headers=r.headers, partition=r.partition, timestamp_ms=r.timestamp)


def everything(topic, isolation):
    """What is there to be read, from the beginning to the end as of now: commits are answered before their markers are there."""
    with_ends = consumer(isolation_level="read_uncommitted")
    ends = with_ends.end_offsets(parts(topic))
    with_ends.close()
    reader = consumer(isolation_level=isolation)
    reader.assign(parts(topic))
    reader.seek_to_beginning()
    records = []

    def at_the_end():
        for chunk in reader.poll(timeout_ms=200).values():
            records.extend(Record(r.partition, r.key, r.value, r.headers, r.timestamp) for r in chunk)
        return all(reader.position(part) >= end for part, end in ends.items())

    until(at_the_end, f"the end of {topic}")
    reader.close()
    return records


def transactions(admin):
    with check("transactions: what is committed is delivered, what is aborted is not"):
        admin.create_topics([NewTopic(LEDGER, PARTITIONS, 1), NewTopic(COPY, PARTITIONS, 1)])
        sender = transactional(fresh("kafka-python", "teller"))
        sent, committed = [], []
        for number in range(5):
            records = batch(f"round {number}", 40)
            sender.begin_transaction()
            put(sender, LEDGER, records)
            sent += records
            if number % 2 == 0:
                sender.commit_transaction()
                committed += records
            else:
                sender.flush()
                sender.abort_transaction()
        sender.close()
        compare(everything(LEDGER, "read_committed"), committed, "committed")
        compare(everything(LEDGER, "read_uncommitted"), sent, "all")
    with check("transactions: read, write and commit of offsets are one"):
        group = fresh("kafka-python", "copier")
        sender = transactional(group)
        for commit in (False, True):
            reader = consumer(group_id=group, isolation_level="read_committed")
            reader.subscribe([LEDGER])
            copied = 0
            while copied < len(committed):
                records = [r for chunk in reader.poll(timeout_ms=500).values() for r in chunk]
                if not records:
                    continue
                sender.begin_transaction()
                put(sender, COPY, [Record(r.partition, r.key, r.value, r.headers, r.timestamp) for r in records])
                offsets = {TopicPartition(LEDGER, r.partition): OffsetAndMetadata(r.offset + 1, "", -1) for r in records}
                sender.send_offsets_to_transaction(offsets, reader.group_metadata())
                sender.commit_transaction() if commit else sender.abort_transaction()
                copied += len(records)
            known = [part for part in parts(LEDGER) if reader.committed(part) is not None]
            same(len(known), PARTITIONS if commit else 0, "partitions with an offset")
            reader.close()
        sender.close()
        compare(everything(COPY, "read_committed"), committed, "copies")


def main():
    admin = KafkaAdminClient(bootstrap_servers=BROKER)
    topics(admin)
    produce_and_fetch()
    long_poll()
    positions()
    groups()
    transactions(admin)
    with check("delete topics"):
        admin.delete_topics([TOPIC, EMPTY, WORK, LEDGER, COPY])
        until(lambda: not {TOPIC, EMPTY, WORK, LEDGER, COPY} & set(admin.list_topics()), "the topics are gone")
    admin.close()


main()
