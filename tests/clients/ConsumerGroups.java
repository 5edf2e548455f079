// Consumer groups (KIP-848) with the Java client against a broker:
//
//   run.sh java_groups HOST:PORT [restart]
//
// The checks are those of consumer_groups.py; they report as conformance.py says. With `restart` it says `restart` on a line and waits for
// one on its standard input; the broker is to have been stopped and started again in between.

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

public class ConsumerGroups extends Checks {
    static final int PARTITIONS = 4;
    static final String RUN = "groups-java-" + ProcessHandle.current().pid() + "-" + System.currentTimeMillis();
    static final String WORK = RUN + "-work";

    static void produce(String topic) throws Exception {
        try (var producer = new KafkaProducer<>(settings(), new ByteArraySerializer(), new ByteArraySerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < PARTITIONS * 10; i++) {
                sent.add(producer.send(new ProducerRecord<>(topic, i % PARTITIONS, null, String.valueOf(i).getBytes(StandardCharsets.UTF_8))));
            }
            for (var each : sent) each.get();
        }
    }

    /** A consumer of a group. Polling it takes part in rebalances; where it began to read is kept. */
    static class Member implements ConsumerRebalanceListener, AutoCloseable {
        final KafkaConsumer<byte[], byte[]> consumer;
        final Map<TopicPartition, Long> offsets = new HashMap<>();
        int moves = 0;

        Member(String group, Object... options) {
            Map<String, Object> settings = settings("group.id", group, "group.protocol", "consumer", "auto.offset.reset", "earliest",
                "enable.auto.commit", false);
            settings.putAll(settings(options));
            consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        }

        static Member of(String group, Object... options) {
            var member = new Member(group, options);
            member.consumer.subscribe(List.of(WORK), member);
            return member;
        }

        static Member classic(String group) {
            return of(group, "group.protocol", "classic", "heartbeat.interval.ms", 200, "partition.assignment.strategy",
                CooperativeStickyAssignor.class.getName());
        }

        Set<TopicPartition> poll() {
            for (var record : consumer.poll(TURN)) offsets.putIfAbsent(new TopicPartition(record.topic(), record.partition()), record.offset());
            return Set.copyOf(consumer.assignment());
        }

        boolean has(int count) {
            return poll().size() == count;
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
            if (!revoked.isEmpty()) moves++;
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
            if (!assigned.isEmpty()) moves++;
        }

        @Override
        public void close() {
            consumer.close();
        }
    }

    static boolean shared(Member one, Member two) {
        Set<TopicPartition> all = new HashSet<>(one.poll());
        boolean half = all.size() == PARTITIONS / 2;
        all.addAll(two.poll());
        return half && two.consumer.assignment().size() == PARTITIONS / 2 && one.consumer.assignment().size() == PARTITIONS / 2
            && all.size() == PARTITIONS;
    }

    static ConsumerGroupDescription describe(Admin admin, String group) {
        try {
            return admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        } catch (Exception error) {
            throw new AssertionError(error);
        }
    }

    static GroupType kind(Admin admin, String group) throws Exception {
        for (var listed : admin.listGroups().all().get()) {
            if (listed.groupId().equals(group)) return listed.type().orElse(null);
        }
        return null;
    }

    static void members(Admin admin, boolean restart) {
        String group = RUN + "-members";
        Member[] members = new Member[2];
        check("one member has all partitions", () -> {
            members[0] = Member.of(group);
            until(() -> members[0].has(PARTITIONS), "four partitions");
        });
        check("a second member joins and they share", () -> {
            members[1] = Member.of(group);
            until(() -> shared(members[0], members[1]), "two partitions each");
            until(() -> {
                members[0].poll();
                members[1].poll();
                return describe(admin, group).groupState() == GroupState.STABLE;
            }, "a stable group");
            var described = describe(admin, group);
            same(described.type(), GroupType.CONSUMER, "type");
            same(described.partitionAssignor(), "uniform", "assignor");
            for (var member : described.members()) {
                same(member.assignment(), member.targetAssignment().get(), "assignment and target");
                same(member.upgraded(), Optional.of(true), "upgraded");
            }
            same(kind(admin, group), GroupType.CONSUMER, "listed type");
        });
        if (restart) {
            check("a restart of the broker in the middle changes nothing", () -> {
                List<Object> before = List.of(members[0].poll(), members[1].poll(), members[0].moves, members[1].moves);
                System.out.println("restart");
                System.in.read();
                produce(WORK);
                for (var member : members) member.offsets.clear();
                until(() -> {
                    members[0].poll();
                    members[1].poll();
                    return members[0].offsets.size() + members[1].offsets.size() == PARTITIONS;
                }, "records go on");
                same(List.of(members[0].poll(), members[1].poll(), members[0].moves, members[1].moves), before, "partitions and rebalances");
            });
        }
        check("one leaves and the other has all again", () -> {
            members[1].close();
            until(() -> members[0].has(PARTITIONS), "four partitions");
        });
        check("commits survive the members", () -> {
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            Map<TopicPartition, Long> expected = new HashMap<>();
            for (int p = 0; p < PARTITIONS; p++) {
                offsets.put(new TopicPartition(WORK, p), new OffsetAndMetadata(p + 3, "näher " + p));
                expected.put(new TopicPartition(WORK, p), p + 3L);
            }
            members[0].consumer.commitSync(offsets);
            members[0].close();
            try (var heir = Member.of(group)) {
                until(() -> {
                    heir.poll();
                    return heir.offsets.size() == PARTITIONS;
                }, "a record of each partition");
                same(heir.offsets, expected, "first offset read");
                same(heir.consumer.committed(offsets.keySet()), offsets, "committed");
            }
        });
        check("a group with nobody in it is deleted", () -> {
            until(() -> describe(admin, group).groupState() == GroupState.EMPTY, "an empty group");
            admin.deleteConsumerGroups(List.of(group)).all().get();
            same(kind(admin, group), null, "listed type");
        });
    }

    static void subscriptions(Admin admin) {
        String prefix = RUN + "-regex";
        check("a regular expression takes up new topics, a topic new partitions", () -> {
            try (var member = new Member(prefix)) {
                member.consumer.subscribe(new SubscriptionPattern("\\Q" + prefix + "\\E-[ab]"), member);
                create(admin, prefix + "-a", prefix + "-c");
                until(() -> member.has(PARTITIONS), "the first topic");
                create(admin, prefix + "-b");
                until(() -> member.has(2 * PARTITIONS), "the second topic");
                admin.createPartitions(Map.of(prefix + "-b", NewPartitions.increaseTo(PARTITIONS + 1))).all().get();
                until(() -> member.has(2 * PARTITIONS + 1), "the new partition");
                admin.deleteTopics(List.of(prefix + "-a")).all().get();
                until(() -> member.has(PARTITIONS + 1), "the deleted topic is gone");
            }
        });
        check("an expression that is none is refused", () -> {
            try (var member = new Member(RUN + "-broken")) {
                member.consumer.subscribe(new SubscriptionPattern("("), member);
                until(() -> {
                    try {
                        member.poll();
                        return false;
                    } catch (InvalidRegularExpression refused) {
                        return true;
                    }
                }, "InvalidRegularExpression");
            }
        });
        check("range gives runs of neighbours", () -> {
            String group = RUN + "-range";
            try (var one = Member.of(group, "group.remote.assignor", "range"); var two = Member.of(group, "group.remote.assignor", "range")) {
                until(() -> shared(one, two), "two partitions each");
                int sum = one.poll().stream().mapToInt(TopicPartition::partition).sum();
                same(sum == 1 || sum == 5, true, "neighbours");
                same(describe(admin, group).partitionAssignor(), "range", "assignor");
            }
        });
        check("an assignor that is none is refused", () -> {
            try (var member = Member.of(RUN + "-assignor", "group.remote.assignor", "x")) {
                until(() -> {
                    try {
                        member.poll();
                        return false;
                    } catch (UnsupportedAssignorException refused) {
                        return true;
                    }
                }, "UnsupportedAssignorException");
            }
        });
    }

    static void staticMembers() {
        check("a static member restarts and keeps its partitions, others theirs", () -> {
            String group = RUN + "-static";
            Member one = Member.of(group, "group.instance.id", "one");
            Member two = Member.of(group, "group.instance.id", "two");
            until(() -> shared(one, two), "two partitions each");
            List<Object> before = List.of(one.poll(), two.poll(), two.moves);
            one.close();
            Member again = Member.of(group, "group.instance.id", "one");
            until(() -> {
                two.poll();
                return again.has(PARTITIONS / 2);
            }, "two partitions");
            same(List.of(again.poll(), two.poll(), two.moves), before, "partitions and rebalances");
            again.close();
            two.close();
        });
    }

    static void migration(Admin admin) {
        String group = RUN + "-migration";
        Member[] members = new Member[3];
        check("a classic group changes over while a member stays", () -> {
            members[0] = Member.classic(group);
            members[1] = Member.classic(group);
            until(() -> shared(members[0], members[1]), "two partitions each");
            same(kind(admin, group), GroupType.CLASSIC, "listed type");
            members[2] = Member.of(group);
            members[2].poll();
            members[1].close();
            until(() -> shared(members[0], members[2]), "two partitions each");
            same(kind(admin, group), GroupType.CONSUMER, "listed type");
        });
        check("and back", () -> {
            members[2].close();
            until(() -> members[0].has(PARTITIONS), "four partitions");
            same(kind(admin, group), GroupType.CLASSIC, "listed type");
        });
        check("and over for good", () -> {
            members[2] = Member.of(group);
            until(() -> shared(members[0], members[2]), "two partitions each");
            members[0].close();
            until(() -> members[2].has(PARTITIONS), "four partitions");
            members[2].close();
        });
    }

    static void create(Admin admin, String... topics) throws Exception {
        admin.createTopics(Arrays.stream(topics).map(name -> new NewTopic(name, PARTITIONS, (short) 1)).toList()).all().get();
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length < 1) throw new IllegalArgumentException("usage: ConsumerGroups HOST:PORT [restart]");
        broker = arguments[0];
        boolean restart = arguments.length > 1;
        watchdog(300);
        try (Admin admin = Admin.create(settings())) {
            create(admin, WORK);
            produce(WORK);
            members(admin, restart);
            if (restart) return;
            subscriptions(admin);
            staticMembers();
            migration(admin);
        }
    }
}
