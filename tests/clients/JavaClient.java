// The Java client against a broker:
//
//   run.sh java HOST:PORT
//
// The checks are those of the Python programs beside it (conformance.py says how they report): one `ok NAME` line each, code 1 at the
// first failure. It passes on Apache Kafka.

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

public class JavaClient extends Checks {
    static final int PARTITIONS = 4;
    static final int LARGE = 1_000_000;
    static final int TOO_LARGE = 2_000_000;

    static final String RUN = "conformance-java-" + ProcessHandle.current().pid() + "-" + System.currentTimeMillis();
    static final String TOPIC = RUN + "-records";
    static final String EMPTY = RUN + "-long-poll";
    static final String WORK = RUN + "-work";
    static final String LEDGER = RUN + "-ledger";
    static final String COPY = RUN + "-copy";

    /** A record in a form that can be compared: bytes become text, headers a list of name=bytes. */
    record Row(int partition, String key, String value, List<String> headers, long timestamp) {}

    static void refused(Class<? extends Exception> error, Body body) throws Exception {
        try {
            body.run();
        } catch (ExecutionException failure) {
            same(failure.getCause().getClass(), error, "error");
            return;
        }
        throw new AssertionError("no " + error.getSimpleName());
    }

    static List<TopicPartition> parts(String topic) {
        List<TopicPartition> parts = new ArrayList<>();
        for (int p = 0; p < PARTITIONS; p++) parts.add(new TopicPartition(topic, p));
        return parts;
    }

    static KafkaConsumer<byte[], byte[]> consumer(Object... options) {
        Map<String, Object> settings = settings("auto.offset.reset", "earliest", "enable.auto.commit", false, "group.protocol", "classic");
        settings.putAll(settings(options));
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static byte[] bytes(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    static Row row(int partition, byte[] key, byte[] value, Iterable<Header> headers, long timestamp) {
        List<String> names = new ArrayList<>();
        for (Header header : headers) names.add(header.key() + "=" + Arrays.toString(header.value()));
        return new Row(partition, text(key), text(value), names, timestamp);
    }

    /** Null keys, null and empty values, headers with null, empty, repeated and non-ASCII parts; timestamps an hour back, 10 ms apart. */
    static List<ProducerRecord<byte[], byte[]>> batch(String topic, String label, int count) {
        long first = System.currentTimeMillis() - 3_600_000;
        List<List<Header>> headers = List.of(List.of(), List.of(new RecordHeader("h", bytes("1"))),
            List.of(new RecordHeader("h", bytes("1")), new RecordHeader("h", bytes("")), new RecordHeader("é", new byte[] {0, -1})),
            List.of(new RecordHeader("none", (byte[]) null)));
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String key = i % 7 == 3 ? null : label + "-" + i % 13;
            String value = i % 7 == 5 ? null : i % 7 == 6 ? "" : (label + " " + i + " ").repeat(1 + i % 50);
            records.add(new ProducerRecord<>(topic, i % PARTITIONS, first + i / PARTITIONS * 10, bytes(key), bytes(value),
                headers.get(i / PARTITIONS % 4)));
        }
        return records;
    }

    /** Produces and waits for every acknowledgement; the rows as they should come back. */
    static List<Row> send(List<ProducerRecord<byte[], byte[]>> records, Object... options) throws Exception {
        List<Future<RecordMetadata>> pending = new ArrayList<>();
        List<Row> rows = new ArrayList<>();
        try (var producer = new KafkaProducer<>(settings(options), new ByteArraySerializer(), new ByteArraySerializer())) {
            for (var r : records) {
                pending.add(producer.send(r));
                rows.add(row(r.partition(), r.key(), r.value(), r.headers(), r.timestamp() == null ? -1 : r.timestamp()));
            }
            for (var each : pending) each.get(60, TimeUnit.SECONDS);
        }
        return rows;
    }

    static List<Row> read(Consumer<byte[], byte[]> consumer, int count) {
        List<Row> rows = new ArrayList<>();
        until(() -> {
            for (var r : consumer.poll(TURN)) rows.add(row(r.partition(), r.key(), r.value(), r.headers(), r.timestamp()));
            return rows.size() >= count;
        }, count + " records");
        return rows;
    }

    static void compare(List<Row> actual, List<Row> expected, String what) {
        for (int p = 0; p < PARTITIONS; p++) {
            int partition = p;
            List<Row> left = actual.stream().filter(r -> r.partition() == partition).toList();
            List<Row> right = expected.stream().filter(r -> r.partition() == partition).toList();
            same(left.size(), right.size(), what + ": records in partition " + p);
            for (int i = 0; i < left.size(); i++) same(left.get(i), right.get(i), what + ": record " + i + " of partition " + p);
        }
    }

    static void topics(Admin admin) {
        check("create topics, with partitions and a configuration", () ->
            admin.createTopics(List.of(new NewTopic(TOPIC, PARTITIONS, (short) 1).configs(Map.of("retention.ms", "86400000")),
                new NewTopic(EMPTY, 1, (short) 1), new NewTopic(WORK, PARTITIONS, (short) 1))).all().get());
        check("create a topic twice: refused", () ->
            refused(TopicExistsException.class, () -> admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1))).all().get()));
        check("metadata and configuration", () -> {
            var described = admin.describeTopics(List.of(TOPIC)).allTopicNames().get().get(TOPIC);
            same(described.partitions().size(), PARTITIONS, "partitions");
            for (var p : described.partitions()) same(p.leader().id(), p.replicas().get(0).id(), "leader");
            var byId = admin.describeTopics(TopicCollection.ofTopicIds(List.of(described.topicId()))).allTopicIds().get();
            same(byId.get(described.topicId()).name(), TOPIC, "name by id");
            same(admin.listTopics().names().get().contains(TOPIC), true, "listed");
            var resource = new ConfigResource(ConfigResource.Type.TOPIC, TOPIC);
            same(admin.describeConfigs(List.of(resource)).all().get().get(resource).get("retention.ms").value(), "86400000", "retention.ms");
            same(admin.describeCluster().nodes().get().size(), 1, "nodes");
        });
    }

    static long inLog() {
        try (var consumer = consumer()) {
            return consumer.endOffsets(parts(TOPIC)).values().stream().mapToLong(Long::longValue).sum();
        }
    }

    static void produceAndFetch() {
        Map<String, Object[]> kinds = new LinkedHashMap<>();
        kinds.put("acks 1", new Object[] {"acks", "1", "enable.idempotence", false});
        kinds.put("acks all", new Object[] {"acks", "all", "enable.idempotence", false});
        kinds.put("acks 0", new Object[] {"acks", "0", "enable.idempotence", false});
        kinds.put("idempotent", new Object[] {"enable.idempotence", true});
        kinds.put("one record per request", new Object[] {"batch.size", 0});
        for (String codec : List.of("gzip", "snappy", "lz4", "zstd")) kinds.put(codec, new Object[] {"compression.type", codec, "linger.ms", 50});
        List<Row> sent = new ArrayList<>();
        kinds.forEach((label, options) -> check("produce: " + label, () -> {
            sent.addAll(send(batch(TOPIC, label, 200), options));
            // acks 0 has no answer to wait for: the next producer must not overtake it
            until(() -> inLog() == sent.size(), "records in the log");
        }));
        check("produce: a record of 1 MB", () -> sent.addAll(send(List.of(
            new ProducerRecord<>(TOPIC, 0, System.currentTimeMillis(), bytes("large"), bytes("x".repeat(LARGE)))), "max.request.size", 2 * TOO_LARGE)));
        check("produce: a record that is too large: refused", () -> refused(RecordTooLargeException.class, () ->
            send(List.of(new ProducerRecord<>(TOPIC, 0, null, bytes("x".repeat(TOO_LARGE)))), "max.request.size", 2 * TOO_LARGE)));
        Map<String, Object[]> ways = new LinkedHashMap<>();
        ways.put("fetch everything", new Object[] {});
        ways.put("fetch with small limits", new Object[] {"max.partition.fetch.bytes", 1000, "fetch.max.bytes", 4000, "max.poll.records", 7});
        ways.forEach((label, options) -> check(label, () -> {
            try (var consumer = consumer(options)) {
                consumer.assign(parts(TOPIC));
                compare(read(consumer, sent.size()), sent, label);
            }
        }));
    }

    static void longPoll() {
        check("long poll ends when a record comes", () -> {
            // The fetch may wait longer than the poll: only a broker that answers as soon as records come passes.
            try (var consumer = consumer("fetch.max.wait.ms", 25_000)) {
                consumer.assign(List.of(new TopicPartition(EMPTY, 0)));
                same(consumer.poll(Duration.ofMillis(500)).count(), 0, "nothing yet");
                send(List.of(new ProducerRecord<>(EMPTY, 0, null, bytes("wakes"))));
                same(consumer.poll(Duration.ofSeconds(15)).count(), 1, "records");
                consumer.close(CloseOptions.timeout(Duration.ZERO)); // without waiting for the next fetch
            }
        });
    }

    static void positions() {
        check("seek to the beginning, the end and an offset", () -> {
            try (var consumer = consumer("max.poll.records", 1)) {
                var part = new TopicPartition(TOPIC, 1);
                consumer.assign(List.of(part));
                consumer.seekToEnd(List.of(part));
                long end = consumer.position(part);
                same(consumer.endOffsets(List.of(part)), Map.of(part, end), "end");
                consumer.seekToBeginning(List.of(part));
                same(consumer.position(part), 0L, "beginning");
                consumer.seek(part, end - 1);
                List<Long> found = new ArrayList<>();
                until(() -> {
                    consumer.poll(TURN).forEach(r -> found.add(r.offset()));
                    return !found.isEmpty();
                }, "the last record");
                same(found, List.of(end - 1), "offset");
            }
        });
        check("offsets by time", () -> {
            var records = batch(WORK, "times", 40);
            send(records);
            var times = records.stream().filter(r -> r.partition() == 2).map(ProducerRecord::timestamp).toList();
            var part = new TopicPartition(WORK, 2);
            List<Object> found = new ArrayList<>();
            try (var consumer = consumer()) {
                for (long t : List.of(0L, times.get(3), times.get(3) + 1, times.get(9), times.get(9) + 1)) {
                    var at = consumer.offsetsForTimes(Map.of(part, t)).get(part);
                    found.add(at == null ? "none" : at.offset() + "@" + at.timestamp());
                }
            }
            same(found, List.of("0@" + times.get(0), "3@" + times.get(3), "4@" + times.get(4), "9@" + times.get(9), "none"), "offsets");
        });
        check("offset of the largest timestamp", () -> {
            var part = new TopicPartition(WORK, 2);
            try (var admin = Admin.create(settings())) {
                same(admin.listOffsets(Map.of(part, OffsetSpec.maxTimestamp())).partitionResult(part).get().offset(), 9L, "offset");
            }
        });
    }

    /** A consumer of a group; polling it takes part in rebalances, and the first offset of each partition is kept. */
    static class Member implements ConsumerRebalanceListener {
        final KafkaConsumer<byte[], byte[]> consumer;
        final Map<Integer, Long> offsets = new TreeMap<>();
        int rebalances = 0;

        Member(String group, Object... options) {
            Map<String, Object> settings = new HashMap<>(settings(options));
            settings.putAll(Map.of("group.id", group, "heartbeat.interval.ms", 200));
            consumer = consumer(settings.entrySet().stream().flatMap(e -> java.util.stream.Stream.of(e.getKey(), e.getValue())).toArray());
            consumer.subscribe(List.of(WORK), this);
        }

        Set<TopicPartition> poll() {
            for (var r : consumer.poll(TURN)) offsets.putIfAbsent(r.partition(), r.offset());
            return Set.copyOf(consumer.assignment());
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> revoked) {}

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
            rebalances++;
        }
    }

    static boolean shared(Member one, Member two) {
        Set<TopicPartition> all = new HashSet<>(one.poll());
        boolean half = all.size() == 2;
        all.addAll(two.poll());
        return half && two.consumer.assignment().size() == 2 && one.consumer.assignment().size() == 2 && all.size() == PARTITIONS;
    }

    static void groups(Admin admin, String label, Class<?> assignor) {
        String group = RUN + "-" + label;
        Object[] options = {"partition.assignment.strategy", assignor.getName()};
        Member[] members = new Member[2];
        check("group, " + label + ": one member has all partitions", () -> {
            members[0] = new Member(group, options);
            until(() -> members[0].poll().size() == PARTITIONS, "four partitions");
        });
        check("group, " + label + ": a second member joins and they share", () -> {
            members[1] = new Member(group, options);
            until(() -> shared(members[0], members[1]), "two partitions each");
            same(admin.describeClassicGroups(List.of(group)).all().get().get(group).members().size(), 2, "members described");
        });
        check("group, " + label + ": one leaves and the other has all again", () -> {
            members[1].consumer.close();
            until(() -> members[0].poll().size() == PARTITIONS, "four partitions");
        });
        check("group, " + label + ": commits, with metadata, survive the members", () -> {
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            for (var part : parts(WORK)) offsets.put(part, new OffsetAndMetadata(part.partition() + 3, "näher " + part.partition()));
            members[0].consumer.commitSync(offsets);
            members[0].consumer.close();
            Member heir = new Member(group, options);
            until(() -> {
                heir.poll();
                return heir.offsets.size() == PARTITIONS;
            }, "a record of each partition");
            same(heir.offsets, Map.of(0, 3L, 1, 4L, 2, 5L, 3, 6L), "first offset read");
            var committed = heir.consumer.committed(Set.copyOf(parts(WORK)));
            for (var part : parts(WORK)) {
                same(committed.get(part).offset() + committed.get(part).metadata(), part.partition() + 3 + "näher " + part.partition(), "committed");
            }
            heir.consumer.close();
            same(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().size(), PARTITIONS, "offsets listed");
            admin.deleteConsumerGroups(List.of(group)).all().get();
        });
    }

    static void staticMembers() {
        check("group: a static member restarts without a rebalance", () -> {
            String group = RUN + "-static";
            Member one = new Member(group, "group.instance.id", "one", "session.timeout.ms", 30_000);
            Member two = new Member(group, "group.instance.id", "two", "session.timeout.ms", 30_000);
            until(() -> shared(one, two), "two partitions each");
            Set<TopicPartition> before = one.poll();
            int generation = two.consumer.groupMetadata().generationId();
            int rebalances = two.rebalances;
            one.consumer.close();
            Member again = new Member(group, "group.instance.id", "one", "session.timeout.ms", 30_000);
            until(() -> shared(again, two), "two partitions each");
            same(again.poll(), before, "partitions after the restart");
            same(two.consumer.groupMetadata().generationId(), generation, "generation");
            same(two.rebalances, rebalances, "rebalances");
            again.consumer.close();
            two.consumer.close();
        });
    }

    static KafkaProducer<byte[], byte[]> transactional(String id) {
        var producer = new KafkaProducer<>(settings("transactional.id", id, "linger.ms", 5), new ByteArraySerializer(), new ByteArraySerializer());
        producer.initTransactions();
        return producer;
    }

    /** What is there to be read, from the beginning to the end as of now: commits are answered before their markers are there. */
    static List<Row> all(String topic, String isolation) {
        Map<TopicPartition, Long> ends;
        try (var consumer = consumer()) {
            ends = consumer.endOffsets(parts(topic));
        }
        try (var consumer = consumer("isolation.level", isolation)) {
            consumer.assign(parts(topic));
            consumer.seekToBeginning(parts(topic));
            List<Row> rows = new ArrayList<>();
            until(() -> {
                for (var r : consumer.poll(TURN)) rows.add(row(r.partition(), r.key(), r.value(), r.headers(), r.timestamp()));
                return ends.entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue());
            }, "the end of " + topic);
            return rows;
        }
    }

    static void transactions(Admin admin) {
        check("transactions: what is committed is delivered, what is aborted is not", () -> {
            admin.createTopics(List.of(new NewTopic(LEDGER, PARTITIONS, (short) 1), new NewTopic(COPY, PARTITIONS, (short) 1))).all().get();
            List<Row> committed = new ArrayList<>();
            List<Row> sent = new ArrayList<>();
            try (var producer = transactional(RUN + "-teller")) {
                for (int round = 0; round < 5; round++) {
                    producer.beginTransaction();
                    List<Row> rows = new ArrayList<>();
                    for (var r : batch(LEDGER, "round " + round, 40)) {
                        producer.send(r);
                        rows.add(row(r.partition(), r.key(), r.value(), r.headers(), r.timestamp()));
                    }
                    sent.addAll(rows);
                    if (round % 2 == 0) {
                        producer.commitTransaction();
                        committed.addAll(rows);
                    } else {
                        producer.flush();
                        producer.abortTransaction();
                    }
                }
            }
            compare(all(LEDGER, "read_committed"), committed, "committed");
            compare(all(LEDGER, "read_uncommitted"), sent, "all");
        });
        check("transactions: read, write and commit of offsets are one", () -> {
            String group = RUN + "-copier";
            try (var producer = transactional(RUN + "-copier"); var consumer = consumer("group.id", group, "isolation.level", "read_committed")) {
                for (boolean commit : new boolean[] {false, true}) {
                    consumer.unsubscribe();
                    consumer.subscribe(List.of(LEDGER));
                    int[] copied = {0};
                    while (copied[0] < 120) {
                        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                        var records = consumer.poll(TURN);
                        if (records.isEmpty()) continue;
                        producer.beginTransaction();
                        for (var r : records) {
                            producer.send(new ProducerRecord<>(COPY, r.partition(), r.timestamp(), r.key(), r.value(), r.headers()));
                            offsets.put(new TopicPartition(r.topic(), r.partition()), new OffsetAndMetadata(r.offset() + 1));
                        }
                        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                        if (commit) producer.commitTransaction();
                        else producer.abortTransaction();
                        copied[0] += records.count();
                    }
                    var known = consumer.committed(Set.copyOf(parts(LEDGER))).values().stream().filter(Objects::nonNull).count();
                    same(known, commit ? (long) PARTITIONS : 0L, "partitions with an offset");
                }
            }
            compare(all(COPY, "read_committed"), all(LEDGER, "read_committed"), "copies");
        });
        check("transactions: a new producer fences the one before", () -> {
            var before = all(LEDGER, "read_committed");
            try (var zombie = transactional(RUN + "-fenced")) {
                zombie.beginTransaction();
                zombie.send(new ProducerRecord<>(LEDGER, 0, bytes("zombie"), bytes("zombie"))).get();
                var described = admin.describeTransactions(List.of(RUN + "-fenced")).description(RUN + "-fenced").get();
                same(described.state() + " " + described.topicPartitions(), "Ongoing [" + LEDGER + "-0]", "description");
                var part = new TopicPartition(LEDGER, 0);
                var producers = admin.describeProducers(List.of(part)).partitionResult(part).get().activeProducers();
                same(producers.stream().filter(p -> p.currentTransactionStartOffset().isPresent()).map(ProducerState::producerId).toList(),
                    List.of(described.producerId()), "producers with an open transaction");
                var listing = admin.listTransactions(new ListTransactionsOptions().filterStates(List.of(TransactionState.ONGOING))).all().get();
                same(listing.stream().anyMatch(t -> t.transactionalId().equals(RUN + "-fenced")), true, "listed");
                transactional(RUN + "-fenced").close();
                try {
                    zombie.commitTransaction();
                    throw new AssertionError("the zombie has committed");
                } catch (ProducerFencedException | InvalidProducerEpochException expected) {
                    // It learns that it is not the one any more.
                }
            }
            compare(all(LEDGER, "read_committed"), before, "committed");
        });
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 1) throw new IllegalArgumentException("usage: JavaClient HOST:PORT");
        broker = arguments[0];
        watchdog(300);
        try (Admin admin = Admin.create(settings())) {
            topics(admin);
            produceAndFetch();
            longPoll();
            positions();
            groups(admin, "range", RangeAssignor.class);
            groups(admin, "cooperative-sticky", CooperativeStickyAssignor.class);
            staticMembers();
            transactions(admin);
            check("delete topics", () -> {
                admin.deleteTopics(List.of(TOPIC, EMPTY, WORK, LEDGER, COPY)).all().get();
                until(() -> {
                    try {
                        return Collections.disjoint(admin.listTopics().names().get(), Set.of(TOPIC, EMPTY, WORK, LEDGER, COPY));
                    } catch (Exception error) {
                        throw new AssertionError(error);
                    }
                }, "the topics are gone");
            });
        }
    }
}
