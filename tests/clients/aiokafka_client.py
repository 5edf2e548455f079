"""aiokafka against a broker: python.sh clients aiokafka_client.py HOST:PORT (see conformance.py)."""

import asyncio
import contextlib

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError, TopicAlreadyExistsError, for_code
from aiokafka.structs import OffsetAndMetadata
from conformance import (
    FETCH_WAIT_MS, LARGE, LONG_POLL_S, PARTITIONS, TOO_LARGE, WAIT_S, Record, address, batch, check, compare, fresh, refused, same, shared,
)

BROKER = address(__doc__)
TOPIC = fresh("aiokafka", "records")
EMPTY = fresh("aiokafka", "long-poll")
WORK = fresh("aiokafka", "work")
LEDGER = fresh("aiokafka", "ledger")
COPY = fresh("aiokafka", "copy")


@contextlib.asynccontextmanager
async def running(client):
    """Starts a producer, consumer or admin client and ends it with the block."""
    await client.start()
    try:
        yield client
    finally:
        await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())


def producer(**options):
    return running(AIOKafkaProducer(bootstrap_servers=BROKER, **options))


def consumer(**options):
    return AIOKafkaConsumer(bootstrap_servers=BROKER, **{"auto_offset_reset": "earliest", "enable_auto_commit": False, **options})


def parts(topic):
    return [TopicPartition(topic, p) for p in range(PARTITIONS)]


async def until(condition, what):
    """Awaits condition() until it gives something true."""
    async with asyncio.timeout(WAIT_S):
        while not (result := await condition()):
            await asyncio.sleep(0.05)
        return result


async def send(records, topic=TOPIC, **options):
    async with producer(**options) as sender:
        acknowledgements = [
            await sender.send(topic, key=r.key, value=r.value, headers=r.headers, partition=r.partition, timestamp_ms=r.timestamp)
            for r in records
        ]
        await sender.flush()
        for acknowledgement in acknowledgements:
            await acknowledgement


async def read(reader, count):
    records = []

    async def enough():
        for chunk in (await reader.getmany(timeout_ms=200)).values():
            records.extend(chunk)
        return len(records) >= count

    await until(enough, f"{count} records")
    return [Record(r.partition, r.key, r.value, list(r.headers), r.timestamp) for r in records]


async def topics(admin):
    with check("create topics, with partitions and a configuration"):
        created = await admin.create_topics(
            [NewTopic(TOPIC, PARTITIONS, 1, topic_configs={"retention.ms": "86400000"}), NewTopic(EMPTY, 1, 1), NewTopic(WORK, PARTITIONS, 1)]
        )
        same({code for _, code, *_ in created.topic_errors}, {0}, "error codes")
    with check("create a topic twice: refused"):
        created = await admin.create_topics([NewTopic(TOPIC, 1, 1)])
        same(for_code(created.topic_errors[0][1]), TopicAlreadyExistsError, "error")
    with check("metadata and configuration"):
        described = (await admin.describe_topics([TOPIC]))[0]
        same(sorted(p["partition"] for p in described["partitions"]), list(range(PARTITIONS)), "partitions")
        assert TOPIC in await admin.list_topics(), "the topic is not listed"
        configs = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC)])
        values = {entry[0]: entry[1] for response in configs for resource in response.resources for entry in resource[4]}
        same(values["retention.ms"], "86400000", "retention.ms")


async def in_log():
    async with running(consumer()) as reader:
        reader.assign(parts(TOPIC))  # it has no metadata of other topics
        return sum((await reader.end_offsets(parts(TOPIC))).values())


async def produce_and_fetch():
    sent = []
    for label, options in {
        "acks 1": {"acks": 1},
        "acks all": {"acks": "all"},
        "acks 0": {"acks": 0},
        "idempotent": {"enable_idempotence": True},
        "large batches": {"max_batch_size": 500_000, "linger_ms": 50},
        **{codec: {"compression_type": codec, "linger_ms": 50} for codec in ("gzip", "snappy", "lz4", "zstd")},
    }.items():
        with check(f"produce: {label}"):
            records = batch(label, null_header=None)
            await send(records, **options)
            sent += records

            async def arrived(count=len(sent)):
                return await in_log() == count

            # acks 0 has no answer to wait for: the next producer must not overtake it
            await until(arrived, "records in the log")
    with check("produce: a record of 1 MB"):
        sent.append(Record(0, b"large", b"x" * LARGE, [], batch("t", 1)[0].timestamp))
        await send(sent[-1:], max_request_size=TOO_LARGE)
    with check("produce: a record that is too large: refused"), refused(MessageSizeTooLargeError, "2 MB"):
        await send([Record(0, None, b"x" * TOO_LARGE, [], None)], max_request_size=2 * TOO_LARGE)
    for label, options in {
        "fetch everything": {},
        "fetch with small limits": {"max_partition_fetch_bytes": 1000, "fetch_max_bytes": 4000, "max_poll_records": 7},
    }.items():
        with check(label):
            async with running(consumer(**options)) as reader:
                reader.assign(parts(TOPIC))
                compare(await read(reader, len(sent)), sent, label)


async def long_poll():
    with check("long poll ends when a record comes"):
        async with running(consumer(fetch_max_wait_ms=FETCH_WAIT_MS)) as reader:
            reader.assign([TopicPartition(EMPTY, 0)])
            await reader.getmany(timeout_ms=500)  # sends the fetch that waits
            await send([Record(0, b"k", b"wakes", [], None)], EMPTY)
            found = await asyncio.wait_for(reader.getone(), LONG_POLL_S)
            same(found.value, b"wakes", "value")


async def positions():
    part = TopicPartition(TOPIC, 1)
    async with running(consumer(max_poll_records=1)) as reader:
        with check("seek to the beginning, the end and an offset"):
            reader.assign([part])
            await reader.seek_to_end(part)
            end = await reader.position(part)
            same({part: end}, await reader.end_offsets([part]), "end")
            await reader.seek_to_beginning(part)
            same(await reader.position(part), 0, "beginning")
            reader.seek(part, end - 1)
            same((await asyncio.wait_for(reader.getone(), WAIT_S)).offset, end - 1, "offset")
        with check("offsets by time"):
            records = batch("times", 40)
            await send(records, WORK)
            times = [r.timestamp for r in records if r.partition == 2]
            part = TopicPartition(WORK, 2)
            reader.assign([part])
            found = [(await reader.offsets_for_times({part: t}))[part] for t in (0, times[3], times[3] + 1, times[-1], times[-1] + 1)]
            same([f and (f.offset, f.timestamp) for f in found],
                 [(0, times[0]), (3, times[3]), (4, times[4]), (9, times[9]), None], "offsets")


class Rebalances(ConsumerRebalanceListener):
    """Counts how often partitions were handed out."""

    def __init__(self):
        self.assigned = 0

    async def on_partitions_revoked(self, revoked):
        pass

    async def on_partitions_assigned(self, assigned):
        self.assigned += 1


async def member(group, **options):
    joined = consumer(group_id=group, heartbeat_interval_ms=200, **options)
    joined.rebalances = Rebalances()
    joined.subscribe([WORK], listener=joined.rebalances)
    # A start waits for the first assignment, for which the other members must take part in the rebalance: they do in the background.
    await asyncio.wait_for(joined.start(), WAIT_S)
    return joined


def has(count, *members):
    """All members have that many partitions each, together without overlap."""

    async def settled():
        for each in members:
            await each.getmany(timeout_ms=50)
        assignments = [each.assignment() for each in members]
        return all(len(a) == count for a in assignments) and len(set().union(*assignments)) == count * len(members)

    return settled


async def groups():
    group = fresh("aiokafka", "group")
    with check("group: one member has all partitions"):
        first = await member(group)
        await until(has(PARTITIONS, first), "four partitions")
    with check("group: a second member joins and they share"):
        second = await member(group)
        await until(has(2, first, second), "two partitions each")
        assert shared([first.assignment(), second.assignment()])
    with check("group: one leaves and the other has all again"):
        await second.stop()
        await until(has(PARTITIONS, first), "four partitions")
    with check("group: commits, with metadata, survive the members"):
        await first.commit({part: OffsetAndMetadata(part.partition + 3, f"näher {part.partition}") for part in parts(WORK)})
        await first.stop()
        heir = await member(group, max_poll_records=1)
        found = {}
        async with asyncio.timeout(WAIT_S):
            while len(found) < PARTITIONS:
                record = await heir.getone()
                found.setdefault(record.partition, record.offset)
        same(found, {p: p + 3 for p in range(PARTITIONS)}, "first offset read")
        same({p.partition: await heir.committed(p) for p in parts(WORK)}, {p: p + 3 for p in range(PARTITIONS)}, "committed")
        await heir.stop()
        async with running(AIOKafkaAdminClient(bootstrap_servers=BROKER)) as admin:
            committed = await admin.list_consumer_group_offsets(group)
        same({p.partition: tuple(c) for p, c in committed.items()},
             {p: (p + 3, f"näher {p}") for p in range(PARTITIONS)}, "committed with metadata")
    await static_members(fresh("aiokafka", "static"))


async def static_members(group):
    with check("group: a static member restarts without a rebalance"):
        one = await member(group, group_instance_id="one", session_timeout_ms=30000)
        two = await member(group, group_instance_id="two", session_timeout_ms=30000)
        await until(has(2, one, two), "two partitions each")
        before, rebalances = one.assignment(), two.rebalances.assigned
        await one.stop()
        one = await member(group, group_instance_id="one", session_timeout_ms=30000)
        await until(has(2, one, two), "two partitions")
        same(one.assignment(), before, "partitions after the restart")
        same(two.rebalances.assigned, rebalances, "rebalances")
        await one.stop()
        await two.stop()


async def put(sender, topic, records):
    for r in records:
        await sender.send(topic, key=r.key, value=r.value, headers=list(r.headers), partition=r.partition, timestamp_ms=r.timestamp)


async def everything(topic, isolation):
    """What is there to be read, from the beginning to the end as of now: commits are answered before their markers are there."""
    async with running(consumer()) as looker:
        ends = await looker.end_offsets(parts(topic))
    async with running(consumer(isolation_level=isolation)) as reader:
        reader.assign(parts(topic))
        await reader.seek_to_beginning()
        records = []

        async def at_the_end():
            for chunk in (await reader.getmany(timeout_ms=100)).values():
                records.extend(Record(r.partition, r.key, r.value, r.headers, r.timestamp) for r in chunk)
            return all([await reader.position(part) >= end for part, end in ends.items()])

        await until(at_the_end, f"the end of {topic}")
    return records


async def transactions(admin):
    with check("transactions: what is committed is delivered, what is aborted is not"):
        await admin.create_topics([NewTopic(LEDGER, PARTITIONS, 1), NewTopic(COPY, PARTITIONS, 1)])
        sent, committed = [], []
        async with producer(transactional_id=fresh("aiokafka", "teller")) as sender:
            for number in range(5):
                records = batch(f"round {number}", 40)
                await sender.begin_transaction()
                await put(sender, LEDGER, records)
                sent += records
                if number % 2 == 0:
                    await sender.commit_transaction()
                    committed += records
                else:
                    await sender.flush()
                    await sender.abort_transaction()
        compare(await everything(LEDGER, "read_committed"), committed, "committed")
        compare(await everything(LEDGER, "read_uncommitted"), sent, "all")
    with check("transactions: read, write and commit of offsets are one"):
        group = fresh("aiokafka", "copier")
        async with producer(transactional_id=group) as sender:
            for commit in (False, True):
                async with running(consumer(group_id=group, isolation_level="read_committed")) as reader:
                    reader.subscribe([LEDGER])
                    copied = 0
                    while copied < len(committed):
                        records = [r for chunk in (await reader.getmany(timeout_ms=500)).values() for r in chunk]
                        if not records:
                            continue
                        await sender.begin_transaction()
                        await put(sender, COPY, records)
                        offsets = {TopicPartition(LEDGER, r.partition): r.offset + 1 for r in records}
                        await sender.send_offsets_to_transaction(offsets, group)
                        await (sender.commit_transaction() if commit else sender.abort_transaction())
                        copied += len(records)
                    expected = PARTITIONS if commit else 0

                    async def known(reader=reader, expected=expected):
                        # It does not ask for stable offsets, so that it may see those before the marker is there.
                        return [await reader.committed(part) is not None for part in parts(LEDGER)].count(True) == expected

                    await until(known, f"{expected} partitions with an offset")
        compare(await everything(COPY, "read_committed"), committed, "copies")


async def main():
    async with running(AIOKafkaAdminClient(bootstrap_servers=BROKER)) as admin:
        await topics(admin)
        await produce_and_fetch()
        await long_poll()
        await positions()
        await groups()
        await transactions(admin)
        with check("delete topics"):
            await admin.delete_topics([TOPIC, EMPTY, WORK, LEDGER, COPY])

            async def gone():
                return not {TOPIC, EMPTY, WORK, LEDGER, COPY} & set(await admin.list_topics())

            await until(gone, "the topics are gone")


asyncio.run(main())
