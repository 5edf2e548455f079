// A worker of the torture test on the Java client, which uses transaction version 2 (KIP-890). See ledger.py for its command line and
// what it notes; the numbers are the same here.

import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

public class JavaWorker {
    static final String INPUT = "written";
    static final int PARTITIONS = 4;
    static final int TRANSACTION_TIMEOUT_MS = 4000;
    static final int SESSION_TIMEOUT_MS = 3000;
    static final int RECORDS_MAX = 24;
    static final int ABORT_EVERY = 6;
    static final int OVERSLEEP_EVERY = 100;
    static final int OVERSLEEP_MS = 7000;
    static final int PAUSE_MS = 50;
    static final int WAIT_MS = 30_000;

    static String name, incarnation, broker, group, protocol;
    static FileOutputStream ledger;
    static KafkaProducer<String, String> producer;
    static final Random random = new Random();

    interface Fill {
        int records(int number);
    }

    static void say(Object... words) throws IOException {
        StringBuilder line = new StringBuilder().append(System.nanoTime());
        for (Object word : words) line.append(' ').append(String.valueOf(word).replace('\n', ' '));
        ledger.write(line.append('\n').toString().getBytes(StandardCharsets.UTF_8));
    }

    static void init() throws IOException {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", broker, "transactional.id", name, "linger.ms", 1,
            "transaction.timeout.ms", TRANSACTION_TIMEOUT_MS, "max.block.ms", WAIT_MS, "reconnect.backoff.max.ms", 200));
        settings.putAll(Map.of("request.timeout.ms", TRANSACTION_TIMEOUT_MS, "delivery.timeout.ms", 2 * TRANSACTION_TIMEOUT_MS));
        producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        say("ready");
    }

    /** What a record says of itself: whose it is, of which transaction, the how many of it. */
    static String value(int number, int index) {
        return name + " " + incarnation + " " + number + " " + index;
    }

    static void abort(int number) throws IOException {
        producer.abortTransaction();
        say("aborted", number);
    }

    /** One transaction; `fill` hands its records over and says how many. Says whether it was committed. */
    static boolean transaction(int number, Fill fill) throws Exception {
        producer.beginTransaction();
        say("begun", number);
        try {
            int count = fill.records(number);
            if (random.nextInt(ABORT_EVERY) == 0) {
                abort(number);
                return false;
            }
            if (random.nextInt(OVERSLEEP_EVERY) == 0) Thread.sleep(OVERSLEEP_MS);
            say("committing", number, count);
            producer.commitTransaction();
            say("committed", number);
            return true;
        } catch (ProducerFencedException | OutOfOrderSequenceException | AuthorizationException | InvalidProducerEpochException fatal) {
            throw fatal;
        } catch (TimeoutException unknown) {
            // Whether it is committed is not known: the successor finds out.
            throw unknown;
        } catch (KafkaException abortable) {
            say("failed", number, abortable.getClass().getSimpleName());
            abort(number);
            return false;
        }
    }

    static void write() throws Exception {
        init();
        for (int number = 0; ; number++) {
            transaction(number, n -> {
                int count = 1 + random.nextInt(RECORDS_MAX);
                for (int i = 0; i < count; i++) {
                    producer.send(new ProducerRecord<>(INPUT, random.nextInt(PARTITIONS), null, value(n, i)));
                }
                return count;
            });
            Thread.sleep(random.nextInt(2 * PAUSE_MS));
        }
    }

    static void copy() throws Exception {
        init();
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", broker, "group.id", group, "group.protocol", protocol,
            "enable.auto.commit", false, "isolation.level", "read_committed", "auto.offset.reset", "earliest",
            "max.poll.records", RECORDS_MAX, "reconnect.backoff.max.ms", 200));
        if (protocol.equals("classic")) {
            settings.putAll(Map.of("session.timeout.ms", SESSION_TIMEOUT_MS, "heartbeat.interval.ms", 500));
        }
        KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of(INPUT));
        for (int number = 0; ; ) {
            ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
            if (records.isEmpty()) continue;
            boolean committed = transaction(number++, n -> {
                int index = 0;
                Map<TopicPartition, OffsetAndMetadata> positions = new HashMap<>();
                for (ConsumerRecord<String, String> record : records) {
                    String value = value(n, index++) + " " + record.offset() + " " + record.value();
                    producer.send(new ProducerRecord<>("copied-" + group, record.partition(), null, value));
                    TopicPartition place = new TopicPartition(record.topic(), record.partition());
                    positions.put(place, new OffsetAndMetadata(record.offset() + 1));
                }
                producer.sendOffsetsToTransaction(positions, consumer.groupMetadata());
                return index;
            });
            if (!committed) rewind(consumer);
        }
    }

    /** Back to what is committed, for what was read is not. */
    static void rewind(KafkaConsumer<String, String> consumer) {
        Set<TopicPartition> assigned = consumer.assignment();
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(assigned);
        for (TopicPartition place : assigned) {
            OffsetAndMetadata position = committed.get(place);
            consumer.seek(place, position == null ? 0 : position.offset());
        }
    }

    public static void main(String[] arguments) throws Exception {
        name = arguments[1];
        incarnation = arguments[2];
        broker = arguments[3];
        ledger = new FileOutputStream(arguments[4], true);
        if (arguments.length > 5) {
            group = arguments[5];
            protocol = arguments[6];
        }
        try {
            if (arguments[0].equals("write")) write();
            else copy();
        } catch (Exception error) {
            say("stopped", error.getClass().getSimpleName(), error.getMessage());
            Runtime.getRuntime().halt(1);
        }
    }
}
