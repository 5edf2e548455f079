// Metrics that the Java client pushes (KIP-714): run.sh java_metrics HOST:PORT
//
// A producer and a consumer push what a subscription asks them for; who runs this looks at the broker's metrics page afterwards, for the
// ids that are printed. On Apache Kafka it passes only with a plugin that receives metrics.

import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.*;

public class ClientMetrics extends Checks {
    static final String TOPIC = "client-metrics";
    static final Duration PATIENCE = Duration.ofSeconds(30);
    static Admin admin;

    static void subscribe(String name, Map<String, String> configs) throws Exception {
        var resource = new ConfigResource(ConfigResource.Type.CLIENT_METRICS, name);
        var operations = configs.entrySet().stream()
            .map(config -> new AlterConfigOp(new ConfigEntry(config.getKey(), config.getValue()), AlterConfigOp.OpType.SET));
        admin.incrementalAlterConfigs(Map.of(resource, (Collection<AlterConfigOp>) operations.toList())).all().get();
    }

    public static void main(String[] arguments) throws Exception {
        broker = arguments[0];
        admin = Admin.create(settings());
        admin.createTopics(List.of(new NewTopic(TOPIC, 1, (short) 1))).all().get();
        check("a subscription is made and listed", () -> {
            subscribe("producers", Map.of("metrics", "*", "interval.ms", "100", "match", "client_id=pusher.*,client_software_name=apache-kafka-java"));
            var listed = admin.listConfigResources(Set.of(ConfigResource.Type.CLIENT_METRICS), new ListConfigResourcesOptions()).all().get();
            same(listed, List.of(new ConfigResource(ConfigResource.Type.CLIENT_METRICS, "producers")), "subscriptions");
        });
        check("a producer pushes", () -> {
            var settings = settings("client.id", "pusher-producer", "compression.type", "none");
            try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
                Uuid id = producer.clientInstanceId(PATIENCE);
                for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>(TOPIC, "v")).get();
                System.out.println("producer " + id);
            } // Which pushes once more.
        });
        check("a consumer pushes", () -> {
            var settings = settings("client.id", "pusher-consumer", "group.id", "pushers", "auto.offset.reset", "earliest");
            try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
                consumer.subscribe(List.of(TOPIC));
                for (int read = 0; read < 10; ) read += consumer.poll(Duration.ofMillis(100)).count();
                System.out.println("consumer " + consumer.clientInstanceId(PATIENCE));
            }
        });
        check("a client that does not match is asked for nothing", () -> {
            try (var producer = new KafkaProducer<>(settings("client.id", "other"), new StringSerializer(), new StringSerializer())) {
                System.out.println("other " + producer.clientInstanceId(PATIENCE));
                producer.send(new ProducerRecord<>(TOPIC, "v")).get();
            }
        });
        admin.deleteTopics(List.of(TOPIC)).all().get();
        admin.close();
    }
}
