"""Consumer groups (KIP-848) with confluent-kafka (librdkafka) against a broker: python.sh clients consumer_groups.py HOST:PORT

The checks report as conformance.py says.
"""

from conformance import PARTITIONS, WAIT_S, address, check, fresh, refused, same, shared, until
from confluent_kafka import Consumer, ConsumerGroupState, ConsumerGroupType, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

BROKER = address(__doc__)
WORK = fresh("groups", "work")


class Member:
    """A consumer of a group. Polling it takes part in rebalances; where it began to read is kept."""

    def __init__(self, group, protocol="consumer", topics=(WORK,), **options):
        settings = {"group.id": group, "group.protocol": protocol, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        if protocol == "classic":
            # Assignments of librdkafka's sticky assignor carry data of its own, with which no group can change over (in Kafka neither).
            settings |= {"partition.assignment.strategy": "range", "heartbeat.interval.ms": 200}
        settings |= {name.replace("_", "."): value for name, value in options.items()}
        self.reader, self.moves, self.offsets = Consumer({"bootstrap.servers": BROKER, **settings}), 0, {}

        def moved(_, partitions):
            self.moves += bool(partitions)

        self.reader.subscribe(list(topics), on_assign=moved, on_revoke=moved)

    def poll(self):
        message = self.reader.poll(0.1)
        if message is not None and not message.error():
            self.offsets.setdefault((message.topic(), message.partition()), message.offset())
        return {p.partition for p in self.reader.assignment()}

    def has(self, count):
        return len(self.poll()) == count

    def close(self):
        self.reader.close()


def produce(topic=WORK, count=PARTITIONS * 10):
    producer = Producer({"bootstrap.servers": BROKER})
    for i in range(count):
        producer.produce(topic, f"{i}".encode(), partition=i % PARTITIONS)
    same(producer.flush(WAIT_S), 0, "records without a report")


def describe(admin, group):
    return admin.describe_consumer_groups([group])[group].result(timeout=WAIT_S)


def kind(admin, group):
    listed = admin.list_consumer_groups().result(timeout=WAIT_S).valid
    return {g.group_id: g.type for g in listed}.get(group)


def members(admin):
    group = fresh("groups", "members")
    with check("one member has all partitions"):
        first = Member(group)
        until(lambda: first.has(PARTITIONS), "four partitions")
    with check("a second member joins and they share"):
        second = Member(group)
        until(lambda: shared([first.poll(), second.poll()]), "two partitions each")
        until(lambda: (first.poll(), second.poll(), describe(admin, group).state == ConsumerGroupState.STABLE)[2], "a stable group")
        described = describe(admin, group)
        same((described.type, described.partition_assignor, len(described.members)), (ConsumerGroupType.CONSUMER, "uniform", 2), "group")
        same(kind(admin, group), ConsumerGroupType.CONSUMER, "listed type")
    with check("one leaves and the other has all again"):
        second.close()
        until(lambda: first.has(PARTITIONS), "four partitions")
    with check("commits need a member's epoch and survive the members"):
        offsets = [TopicPartition(WORK, p, p + 3, f"näher {p}") for p in range(PARTITIONS)]
        same([p.error for p in first.reader.commit(offsets=offsets, asynchronous=False)], [None] * PARTITIONS, "errors")
        stranger = Consumer({"bootstrap.servers": BROKER, "group.id": group})
        with refused(KafkaException, "a commit from outside while the group has members"):
            stranger.commit(offsets=offsets, asynchronous=False)
        stranger.close()
        first.close()
        heir = Member(group)
        until(lambda: (heir.poll(), len(heir.offsets) == PARTITIONS)[1], "a record of each partition")
        same(heir.offsets, {(WORK, p): p + 3 for p in range(PARTITIONS)}, "first offset read")
        heir.close()
    with check("a group with nobody in it is deleted"):
        until(lambda: describe(admin, group).state == ConsumerGroupState.EMPTY, "an empty group")
        admin.delete_consumer_groups([group])[group].result(timeout=WAIT_S)
        same(kind(admin, group), None, "listed type")


def subscriptions(admin):
    prefix = fresh("groups", "regex")
    with check("a regular expression takes up new topics, a topic new partitions"):
        member = Member(fresh("groups", "regex"), topics=[f"^{prefix}-[ab]$"])
        create(admin, f"{prefix}-a", f"{prefix}-c")
        produce(f"{prefix}-a")
        until(lambda: (member.poll(), len(member.offsets) == PARTITIONS)[1], "the first topic")
        create(admin, f"{prefix}-b")
        until(lambda: (member.poll(), len(member.reader.assignment()) == 2 * PARTITIONS)[1], "the second topic")
        admin.create_partitions([NewPartitions(f"{prefix}-b", PARTITIONS + 1)])[f"{prefix}-b"].result(timeout=WAIT_S)
        until(lambda: (member.poll(), len(member.reader.assignment()) == 2 * PARTITIONS + 1)[1], "the new partition")
        same({p.topic for p in member.reader.assignment()}, {f"{prefix}-a", f"{prefix}-b"}, "topics")
        member.close()
    with check("range gives runs of neighbours"):
        group = fresh("groups", "range")
        one, two = (Member(group, group_remote_assignor="range") for _ in range(2))
        until(lambda: shared([one.poll(), two.poll()]), "two partitions each")
        same(sorted([sorted(one.poll()), sorted(two.poll())]), [[0, 1], [2, 3]], "partitions")
        same(describe(admin, group).partition_assignor, "range", "assignor")
        one.close(), two.close()
    with check("an assignor that is none is refused"):
        member = Member(fresh("groups", "refused"), group_remote_assignor="x")
        error = until(lambda: [m.error() for m in [member.reader.poll(0.2)] if m is not None and m.error()], "an error")[0]
        same((error.code(), "assignor" in error.str()), (KafkaError._FATAL, True), "error")
        member.close()


def static_members():
    with check("a static member restarts and keeps its partitions, others theirs"):
        group = fresh("groups", "static")
        one, two = (Member(group, group_instance_id=name) for name in ("one", "two"))
        until(lambda: shared([one.poll(), two.poll()]), "two partitions each")
        before, moves = (one.poll(), two.poll()), two.moves
        one.close()
        one = Member(group, group_instance_id="one")
        until(lambda: (two.poll(), one.has(2))[1], "two partitions")
        same((one.poll(), two.poll(), two.moves), (*before, moves), "partitions and rebalances")
        one.close(), two.close()


def migration(admin):
    group = fresh("groups", "migration")
    with check("a classic group changes over while a member stays"):
        old = [Member(group, "classic") for _ in range(2)]
        until(lambda: shared([m.poll() for m in old]), "two partitions each")
        same(kind(admin, group), ConsumerGroupType.CLASSIC, "listed type")
        new = Member(group)
        old.pop().close()
        until(lambda: shared([old[0].poll(), new.poll()]), "two partitions each")
        same(kind(admin, group), ConsumerGroupType.CONSUMER, "listed type")
    with check("and back"):
        new.close()
        until(lambda: old[0].has(PARTITIONS), "four partitions")
        same(kind(admin, group), ConsumerGroupType.CLASSIC, "listed type")
    with check("and over for good"):
        new = Member(group)
        until(lambda: shared([old[0].poll(), new.poll()]), "two partitions each")
        old[0].close()
        until(lambda: new.has(PARTITIONS), "four partitions")
        new.close()


def create(admin, *topics):
    for created in admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in topics]).values():
        created.result(timeout=WAIT_S)


def main():
    admin = AdminClient({"bootstrap.servers": BROKER})
    create(admin, WORK)
    produce()
    members(admin)
    subscriptions(admin)
    static_members()
    migration(admin)


main()
