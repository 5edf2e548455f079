// Quotas through the Java client: run.sh java_quotas HOST:PORT
//
// How long a client was put off is what the broker told it, by the
// client's own metrics. It passes on Apache Kafka.

import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.quota.*;
import org.apache.kafka.common.serialization.*;

public class Quotas extends Checks {
    static final String RUN = "quotas-java-" + ProcessHandle.current().pid() + "-" + System.currentTimeMillis();
    static final String TOPIC = RUN + "-records";
    static final String PRODUCER = RUN + "-producer";
    static final String CONSUMER = RUN + "-consumer";
    static Admin admin;

    static ClientQuotaEntity client(String id) {
        return new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, id));
    }

    static void set(ClientQuotaEntity entity, String key, Double value) throws Exception {
        var operation = new ClientQuotaAlteration.Op(key, value);
        admin.alterClientQuotas(List.of(new ClientQuotaAlteration(entity, List.of(operation)))).all().get();
        until(() -> Objects.equals(quotas(entity).get(key), value), key + " of " + entity);
    }

    static Map<String, Double> quotas(ClientQuotaEntity entity) {
        var components = entity.entries().entrySet().stream()
            .map(part -> part.getValue() == null
                ? ClientQuotaFilterComponent.ofDefaultEntity(part.getKey())
                : ClientQuotaFilterComponent.ofEntity(part.getKey(), part.getValue()));
        var filter = ClientQuotaFilter.containsOnly(components.toList());
        return admin.describeClientQuotas(filter).entities().toCompletionStage().toCompletableFuture().join()
            .getOrDefault(entity, Map.of());
    }

    static double metric(Map<MetricName, ? extends Metric> metrics, String name) {
        var found = metrics.values().stream().filter(metric -> metric.metricName().name().equals(name));
        return found.mapToDouble(metric -> (Double) metric.metricValue()).max().orElseThrow();
    }

    static double produce(int count) {
        var settings = settings("client.id", PRODUCER, "batch.size", 1);
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int i = 0; i < count; i++) producer.send(new ProducerRecord<>(TOPIC, new byte[1000]));
            producer.flush();
            return metric(producer.metrics(), "produce-throttle-time-max");
        }
    }

    static double consume(int count) {
        var settings = settings("client.id", CONSUMER, "fetch.max.bytes", 5000);
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            var partitions = List.of(new TopicPartition(TOPIC, 0));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            for (int read = 0; read < count; ) read += consumer.poll(java.time.Duration.ofMillis(100)).count();
            return metric(consumer.metrics(), "fetch-throttle-time-max");
        }
    }

    public static void main(String[] arguments) throws Exception {
        broker = arguments[0];
        admin = Admin.create(settings());
        admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1))).all().get();
        check("a quota is set, found and removed", () -> {
            var both = new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, "ann", ClientQuotaEntity.CLIENT_ID, RUN));
            set(both, "producer_byte_rate", 1024.0);
            set(both, "request_percentage", 12.5);
            same(quotas(both), Map.of("producer_byte_rate", 1024.0, "request_percentage", 12.5), "quotas");
            set(both, "producer_byte_rate", null);
            set(both, "request_percentage", null);
            same(quotas(both), Map.of(), "quotas that were removed");
        });
        check("a default is one", () -> {
            var any = new HashMap<String, String>();
            any.put(ClientQuotaEntity.USER, "ann");
            any.put(ClientQuotaEntity.CLIENT_ID, null);
            var entity = new ClientQuotaEntity(any);
            set(entity, "consumer_byte_rate", 7.0);
            same(quotas(entity), Map.of("consumer_byte_rate", 7.0), "quotas");
            set(entity, "consumer_byte_rate", null);
        });
        check("nonsense is refused", () -> {
            var operation = new ClientQuotaAlteration.Op("no_such_rate", 1.0);
            var alteration = new ClientQuotaAlteration(client(RUN), List.of(operation));
            try {
                admin.alterClientQuotas(List.of(alteration)).all().get();
            } catch (java.util.concurrent.ExecutionException error) {
                same(error.getCause().getClass(), InvalidRequestException.class, "the error");
                return;
            }
            throw new AssertionError("it was taken");
        });
        check("a producer within its quota is not put off", () -> same(produce(20), 0.0, "time"));
        check("a producer beyond its quota is put off", () -> {
            // 20 kB, of which ten seconds' worth is free.
            set(client(PRODUCER), "producer_byte_rate", 1900.0);
            double time = produce(20);
            if (!(time > 0)) throw new AssertionError("it was not put off: " + time);
            set(client(PRODUCER), "producer_byte_rate", null);
        });
        check("a producer whose quota is gone is not put off", () -> same(produce(20), 0.0, "time"));
        check("a consumer beyond its quota is put off and reads everything", () -> {
            set(client(CONSUMER), "consumer_byte_rate", 6000.0);
            double time = consume(60);
            if (!(time > 0)) throw new AssertionError("it was not put off: " + time);
            set(client(CONSUMER), "consumer_byte_rate", null);
        });
        check("topics beyond the quota are refused and retried", () -> {
            var user = new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, "ANONYMOUS"));
            set(user, "controller_mutation_rate", 2.0);
            // The client waits for as long as it is told, and asks again.
            admin.createTopics(List.of(new NewTopic(TOPIC + "-2", 23, (short) 1))).all().get();
            admin.createTopics(List.of(new NewTopic(TOPIC + "-3", 1, (short) 1))).all().get();
            set(user, "controller_mutation_rate", null);
            admin.deleteTopics(List.of(TOPIC + "-2", TOPIC + "-3")).all().get();
        });
        admin.deleteTopics(List.of(TOPIC)).all().get();
        admin.close();
    }
}
