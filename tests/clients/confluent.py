"""confluent-kafka (librdkafka) against a broker: python.sh clients confluent.py HOST:PORT (see conformance.py)."""

from conformance import (
    FETCH_WAIT_MS, LARGE, LONG_POLL_S, PARTITIONS, TOO_LARGE, WAIT_S, Record, address, batch, check, compare, fresh, same, shared, until,
)
from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

BROKER = address(__doc__)
TOPIC = fresh("confluent", "records")
EMPTY = fresh("confluent", "long-poll")
WORK = fresh("confluent", "work")
LEDGER = fresh("confluent", "ledger")
COPY = fresh("confluent", "copy")


def consumer(**options):
    """Options with dots are librdkafka's: they are written with underscores here."""
    settings = {"group_id": fresh("confluent", "none"), "auto_offset_reset": "earliest", "enable_auto_commit": False, **options}
    return Consumer({"bootstrap.servers": BROKER, **{name.replace("_", "."): value for name, value in settings.items()}})


def parts(topic):
    return [TopicPartition(topic, p) for p in range(PARTITIONS)]


def code_of(future):
    """Waits for an admin call and gives its error code, or None."""
    try:
        future.result(timeout=WAIT_S)
    except KafkaException as error:
        return error.args[0].code()
    return None


def send(records, topic=TOPIC, **options):
    """Produces, waits for every report and returns the errors."""
    errors = []
    sender = Producer({"bootstrap.servers": BROKER, **{name.replace("_", "."): value for name, value in options.items()}})
    for r in records:
        extra = {} if r.timestamp is None else {"timestamp": r.timestamp}
        sender.produce(topic, value=r.value, key=r.key, headers=r.headers, partition=r.partition,
                       on_delivery=lambda error, _: error and errors.append(error.code()), **extra)
    same(sender.flush(WAIT_S), 0, "records without a report")
    return errors


def read(reader, count):
    records = []

    def enough():
        for message in reader.consume(num_messages=500, timeout=0.2):
            if message.error():
                raise KafkaException(message.error())
            records.append(message)
        return len(records) >= count

    until(enough, f"{count} records")
    return [Record(m.partition(), m.key(), m.value(), m.headers() or [], m.timestamp()[1]) for m in records]


def next_message(reader):
    """A message without a value is false: hence the list."""
    return until(lambda: [m for m in [reader.poll(0.2)] if m is not None], "a message")[0]


def topics(admin):
    with check("create topics, with partitions and a configuration"):
        created = admin.create_topics(
            [NewTopic(TOPIC, PARTITIONS, 1, config={"retention.ms": "86400000"}), NewTopic(EMPTY, 1, 1), NewTopic(WORK, PARTITIONS, 1)]
        )
        same([code_of(f) for f in created.values()], [None] * 3, "errors")
    with check("create a topic twice: refused"):
        same(code_of(admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC]), KafkaError.TOPIC_ALREADY_EXISTS, "error")
    with check("metadata and configuration"):
        described = admin.list_topics(TOPIC, timeout=WAIT_S).topics[TOPIC]
        same(sorted(described.partitions), list(range(PARTITIONS)), "partitions")
        same([p.leader == p.replicas[0] for p in described.partitions.values()], [True] * PARTITIONS, "leaders")
        assert TOPIC in admin.list_topics(timeout=WAIT_S).topics, "the topic is not listed"
        [configs] = admin.describe_configs([ConfigResource(ResourceType.TOPIC, TOPIC)]).values()
        same(configs.result(timeout=WAIT_S)["retention.ms"].value, "86400000", "retention.ms")
        cluster = admin.describe_cluster().result(timeout=WAIT_S)
        same(len(cluster.nodes), 1, "nodes")


def in_log():
    reader = consumer()
    count = sum(reader.get_watermark_offsets(part, timeout=WAIT_S)[1] for part in parts(TOPIC))
    reader.close()
    return count


def produce_and_fetch():
    sent = []
    for label, options in {
        "acks 1": {"acks": 1},
        "acks all": {"acks": "all"},
        "acks 0": {"acks": 0},
        "idempotent": {"enable_idempotence": True},
        "one record per request": {"batch_num_messages": 1, "enable_idempotence": True},
        **{codec: {"compression_type": codec, "linger_ms": 50} for codec in ("gzip", "snappy", "lz4", "zstd")},
    }.items():
        with check(f"produce: {label}"):
            records = batch(label, null_header=None)
            same(send(records, **options), [], "errors")
            sent += records
            # acks 0 has no answer to wait for: the next producer must not overtake it
            until(lambda: in_log() == len(sent), "records in the log")
    with check("produce: a record of 1 MB"):
        sent.append(Record(0, b"large", b"x" * LARGE, [], batch("t", 1)[0].timestamp))
        same(send(sent[-1:], message_max_bytes=2 * TOO_LARGE), [], "errors")
    with check("produce: a record that is too large: refused"):
        errors = send([Record(0, None, b"x" * TOO_LARGE, [], None)], message_max_bytes=2 * TOO_LARGE)
        same(errors, [KafkaError.MSG_SIZE_TOO_LARGE], "errors")
    for label, options in {
        "fetch everything": {},
        "fetch with small limits": {"fetch_message_max_bytes": 1000, "fetch_max_bytes": 1_100_000, "queued_max_messages_kbytes": 64},
    }.items():
        with check(label):
            reader = consumer(check_crcs=True, **options)
            reader.assign([TopicPartition(TOPIC, p, 0) for p in range(PARTITIONS)])
            compare(read(reader, len(sent)), sent, label)
            reader.close()


def long_poll():
    with check("long poll ends when a record comes"):
        reader = consumer(fetch_wait_max_ms=FETCH_WAIT_MS, socket_timeout_ms=2 * FETCH_WAIT_MS)
        reader.assign([TopicPartition(EMPTY, 0, 0)])
        same(reader.poll(0.5), None, "nothing yet")  # sends the fetch that waits
        same(send([Record(0, b"k", b"wakes", [], None)], EMPTY), [], "errors")
        found = reader.poll(LONG_POLL_S)
        same(found and found.value(), b"wakes", "value")
        reader.close()


def positions():
    with check("seek to the beginning, the end and an offset"):
        reader = consumer(enable_partition_eof=True)
        low, end = reader.get_watermark_offsets(TopicPartition(TOPIC, 1), timeout=WAIT_S)
        same(low, 0, "beginning")
        reader.assign([TopicPartition(TOPIC, 1, OFFSET_END)])
        at_end = next_message(reader)
        same((at_end.error().code(), at_end.offset()), (KafkaError._PARTITION_EOF, end), "end")
        for offset in (0, end - 1):
            reader.seek(TopicPartition(TOPIC, 1, offset))
            same(next_message(reader).offset(), offset, "offset")
    with check("offsets by time"):
        records = batch("times", 40)
        same(send(records, WORK), [], "errors")
        times = [r.timestamp for r in records if r.partition == 2]
        found = [
            reader.offsets_for_times([TopicPartition(WORK, 2, t)], timeout=WAIT_S)[0].offset
            for t in (0, times[3], times[3] + 1, times[-1], times[-1] + 1)
        ]
        same(found, [0, 3, 4, 9, OFFSET_END], "offsets")
        reader.close()


class Member:
    """A consumer of a group. Polling it takes part in rebalances; what it reads is kept."""

    def __init__(self, reader):
        self.reader, self.rebalances, self.offsets = reader, 0, {}

    def poll(self):
        message = self.reader.poll(0.1)
        if message is not None and not message.error():  # a message without a value is false
            self.offsets.setdefault(message.partition(), message.offset())
        return {p.partition for p in self.reader.assignment()}


def group_member(group, **options):
    joined = Member(consumer(group_id=group, heartbeat_interval_ms=200, **options))

    def assigned(*_):
        joined.rebalances += 1

    joined.reader.subscribe([WORK], on_assign=assigned)
    return joined


def groups(admin, strategy):
    group = fresh("confluent", "group")
    options = {"partition_assignment_strategy": strategy}
    with check(f"group, {strategy}: one member has all partitions"):
        first = group_member(group, **options)
        until(lambda: len(first.poll()) == PARTITIONS, "four partitions")
    with check(f"group, {strategy}: a second member joins and they share"):
        second = group_member(group, **options)
        until(lambda: shared([first.poll(), second.poll()]), "two partitions each")
        described = admin.describe_consumer_groups([group])[group].result(timeout=WAIT_S)
        same((described.partition_assignor, len(described.members)), (strategy, 2), "description")
    with check(f"group, {strategy}: one leaves and the other has all again"):
        second.reader.close()
        until(lambda: len(first.poll()) == PARTITIONS, "four partitions")
    with check(f"group, {strategy}: commits, with metadata, survive the members"):
        offsets = [TopicPartition(WORK, p, p + 3, f"näher {p}") for p in range(PARTITIONS)]
        same([p.error for p in first.reader.commit(offsets=offsets, asynchronous=False)], [None] * PARTITIONS, "errors")
        first.reader.close()
        heir = group_member(group, **options)
        until(lambda: (heir.poll(), len(heir.offsets) == PARTITIONS)[1], "a record of each partition")
        same(heir.offsets, {p: p + 3 for p in range(PARTITIONS)}, "first offset read")
        committed = heir.reader.committed(parts(WORK), timeout=WAIT_S)
        same([(p.offset, p.metadata) for p in committed], [(p + 3, f"näher {p}") for p in range(PARTITIONS)], "committed")
        heir.reader.close()
        assert group in {g.group_id for g in admin.list_consumer_groups().result(timeout=WAIT_S).valid}, "the group is not listed"


def static_members():
    with check("group: a static member restarts without a rebalance"):
        group = fresh("confluent", "static")
        one, two = (group_member(group, group_instance_id=name, session_timeout_ms=30000) for name in ("one", "two"))
        until(lambda: shared([one.poll(), two.poll()]), "two partitions each")
        before, rebalances = one.poll(), two.rebalances
        one.reader.close()
        one = group_member(group, group_instance_id="one", session_timeout_ms=30000)
        until(lambda: (two.poll(), len(one.poll()) == 2)[1], "two partitions")
        two.poll()
        same((one.poll(), two.rebalances), (before, rebalances), "partitions and rebalances after the restart")
        one.reader.close()
        two.reader.close()


def transactional(transactional_id):
    sender = Producer({"bootstrap.servers": BROKER, "transactional.id": transactional_id, "linger.ms": 5})
    sender.init_transactions(WAIT_S)
    return sender


def put(sender, topic, records):
    for r in records:
        sender.produce(topic, value=r.value, key=r.key, headers=r.headers, partition=r.partition, timestamp=r.timestamp)


def everything(topic, isolation):
    """What is there to be read, from the beginning to the end as of now: commits are answered before their markers are there."""
    looker = consumer(isolation_level="read_uncommitted")
    ends = [looker.get_watermark_offsets(part, timeout=WAIT_S)[1] for part in parts(topic)]
    looker.close()
    reader = consumer(isolation_level=isolation, enable_partition_eof=True)
    reader.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
    records, ended = [], set()

    def at_the_end():
        for message in reader.consume(num_messages=500, timeout=0.2):
            if message.error() is None:
                records.append(Record(message.partition(), message.key(), message.value(), message.headers() or [], message.timestamp()[1]))
            elif message.error().code() == KafkaError._PARTITION_EOF:
                if message.offset() >= ends[message.partition()]:
                    ended.add(message.partition())
            else:
                raise KafkaException(message.error())
        return len(ended) == PARTITIONS

    until(at_the_end, f"the end of {topic}")
    reader.close()
    return records


def transactions(admin):
    with check("transactions: what is committed is delivered, what is aborted is not"):
        created = admin.create_topics([NewTopic(LEDGER, PARTITIONS, 1), NewTopic(COPY, PARTITIONS, 1)])
        same([code_of(f) for f in created.values()], [None] * 2, "errors")
        sender = transactional(fresh("confluent", "teller"))
        sent, committed = [], []
        for number in range(5):
            records = batch(f"round {number}", 40, null_header=None)
            sender.begin_transaction()
            put(sender, LEDGER, records)
            sent += records
            if number % 2 == 0:
                sender.commit_transaction(WAIT_S)
                committed += records
            else:
                sender.flush(WAIT_S)
                sender.abort_transaction(WAIT_S)
        compare(everything(LEDGER, "read_committed"), committed, "committed")
        compare(everything(LEDGER, "read_uncommitted"), sent, "all")
    with check("transactions: read, write and commit of offsets are one"):
        group = fresh("confluent", "copier")
        sender = transactional(fresh("confluent", "copier"))
        for commit in (False, True):
            reader = consumer(group_id=group, isolation_level="read_committed")
            reader.subscribe([LEDGER])
            copied = 0
            while copied < len(committed):
                messages = reader.consume(num_messages=50, timeout=0.5)
                if not messages:
                    continue
                sender.begin_transaction()
                put(sender, COPY, [Record(m.partition(), m.key(), m.value(), m.headers() or [], m.timestamp()[1]) for m in messages])
                offsets = {m.partition(): m.offset() + 1 for m in messages}
                offsets = [TopicPartition(LEDGER, p, offset) for p, offset in offsets.items()]
                sender.send_offsets_to_transaction(offsets, reader.consumer_group_metadata(), WAIT_S)
                sender.commit_transaction(WAIT_S) if commit else sender.abort_transaction(WAIT_S)
                copied += len(messages)
            known = [p for p in reader.committed(parts(LEDGER), timeout=WAIT_S) if p.offset >= 0]
            same(len(known), PARTITIONS if commit else 0, "partitions with an offset")
            reader.close()
        compare(everything(COPY, "read_committed"), committed, "copies")
    with check("transactions: a new producer fences the one before"):
        name = fresh("confluent", "fenced")
        zombie = transactional(name)
        zombie.begin_transaction()
        put(zombie, LEDGER, batch("zombie", 4, null_header=None))
        same(zombie.flush(WAIT_S), 0, "records without a report")
        transactional(name)
        try:
            zombie.commit_transaction(WAIT_S)
            raise AssertionError("the zombie has committed")
        except KafkaException as error:
            assert error.args[0].fatal() or error.args[0].code() == KafkaError._FENCED, error
        compare(everything(LEDGER, "read_committed"), committed, "committed")


def main():
    admin = AdminClient({"bootstrap.servers": BROKER})
    topics(admin)
    produce_and_fetch()
    long_poll()
    positions()
    groups(admin, "range")
    groups(admin, "cooperative-sticky")
    static_members()
    transactions(admin)
    with check("delete topics"):
        same([code_of(f) for f in admin.delete_topics([TOPIC, EMPTY, WORK, LEDGER, COPY]).values()], [None] * 5, "errors")
        until(lambda: not {TOPIC, EMPTY, WORK, LEDGER, COPY} & set(admin.list_topics(timeout=WAIT_S).topics), "the topics are gone")


main()
