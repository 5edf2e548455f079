// Kafka's own command-line tools against a broker: what stands behind kafka-topics.sh, kafka-configs.sh, kafka-consumer-groups.sh and the others.
//
//   run.sh tools HOST:PORT DATA_DIRECTORY
//
// The tools run one after the other in this process, as starting a virtual machine costs more than most of them do: their ends are
// intercepted, and what they print is checked. Reports as conformance.py says. It passes on Apache Kafka, on an empty data directory.
// The broker's id is 1. Left out: tools for what is not offered (ACLs, delegation tokens, SCRAM, share and streams groups), and those
// that talk to nobody.

import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.regex.Pattern;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Exit;

public class Tools extends Checks {
    private static final String PACKAGE = "org.apache.kafka.tools.";
    private static final String GROUP_TOOL = "consumer.group.ConsumerGroupCommand";
    private static final String CONFIG_TOOL = "kafka.admin.ConfigCommand";
    private static Path data;

    /** Takes the place of the process's end. */
    private static final class Ended extends RuntimeException {}

    /** What the running tool has said, and how it ended. Tools that catch everything go on: the first end counts. */
    private static ByteArrayOutputStream said = new ByteArrayOutputStream();
    private static Ran end;

    private record Ran(int code, String said) {
        Ran has(String... parts) {
            for (String part : parts) {
                if (!said.contains(part)) throw new AssertionError("no " + part + " in " + shorten(this));
            }
            return this;
        }

        /** Lines without those that are only about the tools themselves. */
        List<String> lines() {
            return said.lines().filter(line -> !line.isBlank() && !line.startsWith("The consumer rebalance protocol")).toList();
        }

        Ran lacks(String part) {
            if (said.contains(part)) throw new AssertionError(part + " in " + shorten(this));
            return this;
        }

        Ran matches(String expression) {
            if (!Pattern.compile(expression, Pattern.MULTILINE).matcher(said).find()) {
                throw new AssertionError("nothing like " + expression + " in " + shorten(this));
            }
            return this;
        }
    }

    private static Ran ran(int code) {
        return new Ran(code, said.toString(StandardCharsets.UTF_8));
    }

    /** Runs a tool with words that a blank parts, and what it is to read. */
    private static Ran feed(String input, String tool, String arguments) throws Exception {
        said = new ByteArrayOutputStream();
        end = null;
        var stream = new PrintStream(said, true, StandardCharsets.UTF_8);
        var before = List.of(System.out, System.err);
        var stdin = System.in;
        System.setOut(stream);
        System.setErr(stream);
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        try {
            var main = Class.forName(tool.startsWith("kafka.") ? tool : PACKAGE + tool).getMethod("main", String[].class);
            main.invoke(null, (Object) arguments.trim().split(" +"));
        } catch (java.lang.reflect.InvocationTargetException end) {
            if (!(end.getCause() instanceof Ended)) throw new AssertionError(tool + " " + arguments, end.getCause());
        } finally {
            System.setOut(before.get(0));
            System.setErr(before.get(1));
            System.setIn(stdin);
        }
        return end == null ? ran(0) : end;
    }

    private static Ran run(String tool, String arguments) throws Exception {
        String bootstrap = "--bootstrap-server " + broker;
        return feed("", tool, tool.equals("ClusterTool") ? arguments + " " + bootstrap : bootstrap + " " + arguments);
    }

    private static Ran good(String tool, String arguments) throws Exception {
        return ended(0, run(tool, arguments), tool + " " + arguments);
    }

    private static Ran bad(String tool, String arguments) throws Exception {
        return ended(1, run(tool, arguments), tool + " " + arguments);
    }

    private static Ran ended(int code, Ran ran, String command) {
        if (ran.code != code) throw new AssertionError(command + " ended with " + ran.code + ": " + shorten(ran.said));
        return ran;
    }

    private static void cluster() {
        check("kafka-broker-api-versions", () ->
            good("BrokerApiVersionsCommand", "").has("(id: 1 rack: null isFenced: false) -> (", "Produce(0): 0 to 13 [usable: 13]",
                "Fetch(1): 4 to 18 [usable: 18]", "ConsumerGroupHeartbeat(68): 0 to 1 [usable: 1]"));
        check("kafka-cluster", () -> {
            good("ClusterTool", "cluster-id").matches("^Cluster ID: [A-Za-z0-9_-]{22}$");
            good("ClusterTool", "list-endpoints --include-fenced-brokers").matches("^1 +127.0.0.1 " + broker.split(":")[1] + " +null +unfenced +broker");
        });
        check("kafka-features", () -> {
            good("FeatureCommand", "describe").matches("^Feature: transaction.version\\s.*FinalizedVersionLevel: 2")
                .matches("^Feature: group.version\\s.*FinalizedVersionLevel: 1");
            good("FeatureCommand", "upgrade --feature transaction.version=2").has("transaction.version was upgraded to 2.");
            bad("FeatureCommand", "upgrade --feature transaction.version=9").has("transaction.version");
            bad("FeatureCommand", "upgrade --feature nothing.version=1").has("nothing.version");
        });
        check("kafka-metadata-quorum", () -> {
            good("MetadataQuorumCommand", "describe --status").matches("^LeaderId: +1$").matches("^MaxFollowerLag: +0$").matches("^CurrentObservers: +\\[\\]");
            good("MetadataQuorumCommand", "describe --replication").matches("^1\\s.*\\sLeader\\s*$");
        });
    }

    private static void topics() {
        String tool = "TopicCommand";
        check("kafka-topics: create", () -> {
            good(tool, "--create --topic one --partitions 3 --replication-factor 1 --config retention.ms=86400000").has("Created topic one.");
            good(tool, "--create --topic tmp.one --partitions 1").has("Created topic tmp.one.", "could collide");
            good(tool, "--create --topic one --if-not-exists");
            bad(tool, "--create --topic one").has("Topic 'one' already exists.");
            bad(tool, "--create --topic two --partitions 1 --replication-factor 2").has("replication factor of 2 cannot be reached because only 1 broker(s)");
            bad(tool, "--create --topic two --partitions 1 --config retention.ms=x").has("retention.ms");
            bad(tool, "--create --topic a/b --partitions 1").has("a/b");
        });
        check("kafka-topics: list, describe", () -> {
            same(good(tool, "--list --exclude-internal").lines(), List.of("one", "tmp.one"), "topics");
            good(tool, "--describe --topic one").has("PartitionCount: 3\tReplicationFactor: 1", "retention.ms=86400000",
                "\tTopic: one\tPartition: 2\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: \tLastKnownElr: ");
            good(tool, "--describe --topics-with-overrides").has("Topic: one\t");
            for (String fault : List.of("under-replicated", "unavailable", "under-min-isr", "at-min-isr")) {
                var said = good(tool, "--describe --topic tmp.one --" + fault + "-partitions").lines();
                // With one replica of one, the least that is asked for is there.
                same(said.size(), fault.equals("at-min-isr") ? 1 : 0, fault);
            }
            bad(tool, "--describe --topic missing").has("Topic 'missing' does not exist as expected");
        });
        check("kafka-topics: alter, delete", () -> {
            good(tool, "--alter --topic one --partitions 4");
            good(tool, "--describe --topic one").has("PartitionCount: 4");
            bad(tool, "--alter --topic one --partitions 2").has("currently has 4 partition(s); 2 would not be an increase");
            good(tool, "--delete --topic tmp.*");
            same(good(tool, "--list --exclude-internal").lines(), List.of("one"), "topics");
            bad(tool, "--delete --topic missing").has("Topic 'missing' does not exist as expected");
        });
    }

    private static void configurations() {
        String one = "--entity-type topics --entity-name one ";
        check("kafka-configs: topics", () -> {
            good(CONFIG_TOOL, one + "--alter --add-config max.message.bytes=2000000,segment.bytes=2000000").has("Completed updating config for topic one.");
            good(CONFIG_TOOL, one + "--describe").has("Dynamic configs for topic one are:",
                "max.message.bytes=2000000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:max.message.bytes=2000000",
                "retention.ms=86400000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=86400000}");
            good(CONFIG_TOOL, one + "--alter --delete-config segment.bytes");
            good(CONFIG_TOOL, one + "--describe --all").has("segment.bytes=1073741824 sensitive=false synonyms={DEFAULT_CONFIG:log.segment.bytes=1073741824}",
                "cleanup.policy=delete sensitive=false synonyms={DEFAULT_CONFIG:log.cleanup.policy=delete}");
            bad(CONFIG_TOOL, one + "--alter --add-config cleanup.policy=never").has("InvalidConfigurationException", "cleanup.policy");
            bad(CONFIG_TOOL, one + "--alter --add-config no.such=1").has("InvalidConfigurationException", "no.such");
        });
        String brokers = "--entity-type brokers --entity-default ";
        check("kafka-configs: brokers", () -> {
            good(CONFIG_TOOL, brokers + "--alter --add-config log.retention.ms=123456789").has("Completed updating default config for brokers in the cluster.");
            good(CONFIG_TOOL, brokers + "--describe").has("log.retention.ms=123456789 sensitive=false synonyms={DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=123456789");
            good(CONFIG_TOOL, brokers + "--alter --delete-config log.retention.ms");
            good(CONFIG_TOOL, brokers + "--describe").lacks("log.retention.ms");
            good(CONFIG_TOOL, "--entity-type brokers --entity-name 1 --describe --all").has("num.io.threads=");
            bad(CONFIG_TOOL, brokers + "--alter --add-config log.retention.ms=x").has("log.retention.ms");
        });
    }

    private static void records() {
        check("kafka-console-producer", () -> {
            ended(0, feed("a:1\nb:2\nc:3\nd:4\ne:5\n", "ConsoleProducer", "--bootstrap-server " + broker
                + " --topic one --reader-property parse.key=true --reader-property key.separator=:"), "console producer");
            ended(0, feed("h:1,i:é\tk\tvalue\n", "ConsoleProducer", "--bootstrap-server " + broker
                + " --topic one --compression-codec zstd --reader-property parse.key=true --reader-property parse.headers=true"), "console producer");
        });
        check("kafka-console-consumer", () -> {
            var said = good("consumer.ConsoleConsumer", "--topic one --from-beginning --max-messages 6 --group readers --formatter-property print.key=true"
                + " --formatter-property print.partition=true --formatter-property print.offset=true --formatter-property print.headers=true");
            var lines = said.lines().stream().filter(line -> line.startsWith("Partition:")).sorted().toList();
            same(lines, List.of("Partition:0\tOffset:0\tNO_HEADERS\ta\t1", "Partition:0\tOffset:1\tNO_HEADERS\tb\t2",
                "Partition:0\tOffset:2\th:1,i:é\tk\tvalue", "Partition:1\tOffset:0\tNO_HEADERS\td\t4",
                "Partition:2\tOffset:0\tNO_HEADERS\tc\t3", "Partition:2\tOffset:1\tNO_HEADERS\te\t5"), "records");
            same(good("consumer.ConsoleConsumer", "--topic one --partition 0 --offset 1 --max-messages 2").lines().subList(0, 2), List.of("2", "value"), "values");
        });
        check("kafka-get-offsets", () -> {
            same(good("GetOffsetShell", "--topic one").lines(), List.of("one:0:3", "one:1:1", "one:2:2", "one:3:0"), "ends");
            same(good("GetOffsetShell", "--topic one --time earliest").lines(), List.of("one:0:0", "one:1:0", "one:2:0", "one:3:0"), "starts");
            same(good("GetOffsetShell", "--topic-partitions one:0-2,one:3 --time latest").lines(), List.of("one:0:3", "one:1:1", "one:3:0"), "some");
            good("GetOffsetShell", "--topic one --time max-timestamp").has("one:0:2\n", "one:1:0\n").lacks("one:3");
        });
        check("kafka-delete-records", () -> {
            Path file = Files.createTempFile("delete-records", ".json");
            Files.writeString(file, "{\"version\":1,\"partitions\":[{\"topic\":\"one\",\"partition\":0,\"offset\":2},{\"topic\":\"one\",\"partition\":2,\"offset\":-1}]}");
            good("DeleteRecordsCommand", "--offset-json-file " + file).has("partition: one-0\tlow_watermark: 2", "partition: one-2\tlow_watermark: 2");
            Files.writeString(file, "{\"version\":1,\"partitions\":[{\"topic\":\"one\",\"partition\":1,\"offset\":9}]}");
            run("DeleteRecordsCommand", "--offset-json-file " + file).has("partition: one-1\terror: ", "OffsetOutOfRangeException");
            Files.delete(file);
            same(good("GetOffsetShell", "--topic one --time earliest").lines(), List.of("one:0:2", "one:1:0", "one:2:2", "one:3:0"), "starts");
        });
    }

    private static void groups() {
        String readers = "--group readers ";
        check("kafka-consumer-groups: list, describe", () -> {
            good(GROUP_TOOL, "--list --state --type").matches("^readers +Classic +Empty *$");
            good(GROUP_TOOL, "--list --state Stable").lacks("readers");
            good(GROUP_TOOL, "--describe " + readers).has("Consumer group 'readers' has no active members.").matches("^readers +one +0 +3 +3 +0 ")
                .matches("^readers +one +1 +1 +1 +0 ");
            good(GROUP_TOOL, "--describe --state " + readers).matches("^readers +127.0.0.1:\\d+ +\\(1\\) +- +Empty +0 *$");
            good(GROUP_TOOL, "--describe --members --verbose " + readers).has("has no active members");
            run(GROUP_TOOL, "--describe --group missing").has("Group missing not found");
            good("GroupsCommand", "--list --consumer").matches("^readers +Classic +consumer *$");
        });
        check("kafka-consumer-groups: reset offsets", () -> {
            good(GROUP_TOOL, "--reset-offsets --topic one --to-earliest --execute " + readers).matches("^readers +one +0 +2 *$").matches("^readers +one +1 +0 *$");
            good(GROUP_TOOL, "--reset-offsets --topic one:0 --to-offset 1 --dry-run " + readers).matches("^readers +one +0 +2 *$");
            good(GROUP_TOOL, "--reset-offsets --topic one:1 --shift-by 1 --execute " + readers).matches("^readers +one +1 +1 *$");
            good(GROUP_TOOL, "--reset-offsets --all-topics --to-latest --dry-run --export " + readers).matches("^\"?one\"?,0,3$");
            good(GROUP_TOOL, "--describe --offsets " + readers).matches("^readers +one +0 +2 +3 +1 ").matches("^readers +one +1 +1 +1 +0 ");
        });
        check("kafka-consumer-groups: delete", () -> {
            good(GROUP_TOOL, "--delete-offsets --topic one:0 " + readers).matches("^one +0 +Successful");
            good(GROUP_TOOL, "--describe --offsets " + readers).lacks("one             0 ");
            good(GROUP_TOOL, "--delete " + readers).has("Deletion of requested consumer groups ('readers') was successful.");
            same(good(GROUP_TOOL, "--list").lines(), List.of(), "groups");
        });
        check("offsets of groups, in Kafka's own format", () ->
            good("consumer.ConsoleConsumer", "--topic __consumer_offsets --from-beginning --timeout-ms 3000"
                + " --formatter org.apache.kafka.tools.consumer.OffsetsMessageFormatter")
                .matches("\\{\"key\":\\{\"type\":1,\"data\":\\{\"group\":\"readers\",\"topic\":\"one\",\"partition\":0\\}\\},\"value\":\\{\"version\":\\d+,\"data\":\\{\"offset\":3,")
                .matches("\\{\"key\":\\{\"type\":1,\"data\":\\{\"group\":\"readers\",\"topic\":\"one\",\"partition\":1\\}\\},\"value\":null\\}"));
    }

    private static void administration() {
        check("kafka-log-dirs", () ->
            good("LogDirsCommand", "--describe --topic-list one").matches("\"broker\":1,\"logDirs\":\\[.*\\{\"partition\":\"one-0\",\"size\":[1-9]\\d*,\"offsetLag\":0,\"isFuture\":false\\}"));
        check("kafka-leader-election", () -> {
            good("LeaderElectionCommand", "--election-type PREFERRED --topic one --partition 0").has("Valid replica already elected for partitions one-0");
            good("LeaderElectionCommand", "--election-type UNCLEAN --all-topic-partitions");
            bad("LeaderElectionCommand", "--election-type UNCLEAN --topic one --partition 9").has("No such partition as one-9", "1 replica(s) could not be elected");
        });
        check("kafka-reassign-partitions", () -> {
            String tool = "reassign.ReassignPartitionsCommand";
            Path file = Files.createTempFile("reassign", ".json");
            Files.writeString(file, "{\"version\":1,\"topics\":[{\"topic\":\"one\"}]}");
            good(tool, "--generate --broker-list 1 --topics-to-move-json-file " + file).has("Proposed partition reassignment configuration",
                "{\"topic\":\"one\",\"partition\":0,\"replicas\":[1],\"log_dirs\":[\"any\"]}");
            Files.writeString(file, "{\"version\":1,\"partitions\":[{\"topic\":\"one\",\"partition\":0,\"replicas\":[1]}]}");
            good(tool, "--execute --reassignment-json-file " + file).has("Successfully started partition reassignment for one-0");
            good(tool, "--verify --reassignment-json-file " + file).has("Reassignment of partition one-0 is completed.");
            Files.writeString(file, "{\"version\":1,\"partitions\":[{\"topic\":\"one\",\"partition\":0,\"replicas\":[7]}]}");
            bad(tool, "--execute --reassignment-json-file " + file).has("7");
            good(tool, "--list").has("No partition reassignments found.");
            Files.delete(file);
        });
    }

    private static void transactions() {
        String tool = "TransactionsCommand";
        check("kafka-transactions", () -> {
            try (var producer = new KafkaProducer<>(settings("transactional.id", "open"), new StringSerializer(), new StringSerializer())) {
                producer.initTransactions();
                producer.beginTransaction();
                producer.send(new ProducerRecord<>("one", 3, "k", "never committed")).get();
                good(tool, "list").matches("^open\\s+1\\s+\\d+\\s+Ongoing\\s*$");
                good(tool, "describe --transactional-id open").matches("^1\\s+open\\s+\\d+\\s+0\\s+Ongoing\\s.*\\sone-3\\s*$");
                good(tool, "describe-producers --topic one --partition 3").matches("^\\d+\\s+0\\s+-1\\s+0\\s+\\d+\\s+0\\s*$");
                good(tool, "find-hanging --broker-id 1 --topic one").lacks("one\t");
                good(tool, "abort --topic one --partition 3 --start-offset 0");
                good(tool, "describe-producers --topic one --partition 3").matches("\\sNone\\s*$");
            }
            run(tool, "describe --transactional-id missing").has("the ID could not be found");
            good("consumer.ConsoleConsumer", "--topic one --partition 3 --offset 0 --isolation-level read_committed --timeout-ms 3000").lacks("never committed")
                .has("Processed a total of 0 messages");
        });
    }

    private static void clientMetrics() {
        String tool = "ClientMetricsCommand";
        check("kafka-client-metrics", () -> {
            good(tool, "--alter --name producers --metrics org.apache.kafka.producer. --interval 30000 --match client_id=p.*");
            good(tool, "--describe --name producers").has("interval.ms=30000", "match=client_id=p.*", "metrics=org.apache.kafka.producer.");
            same(good(tool, "--list").lines(), List.of("producers"), "subscriptions");
            bad(tool, "--alter --name producers --interval 99").has("interval.ms");
            good(CONFIG_TOOL, "--entity-type client-metrics --entity-name producers --describe").has("interval.ms=30000");
            good(tool, "--delete --name producers");
            same(good(tool, "--list").lines(), List.of(), "subscriptions");
        });
    }

    private static void performance() {
        check("kafka-producer-perf-test, plain and with transactions", () -> {
            good("TopicCommand", "--create --topic perf --partitions 1 --config segment.bytes=1048576");
            good("ProducerPerformance", "--topic perf --num-records 5000 --record-size 100 --throughput -1").has("5000 records sent");
            good("ProducerPerformance", "--topic perf --num-records 5000 --record-size 100 --throughput -1 --transaction-duration-ms 100").has("5000 records sent");
        });
        check("kafka-consumer-perf-test", () -> good("ConsumerPerformance", "--topic perf --num-records 10000 --group perf --show-detailed-stats --reporting-interval 1000000")
            .lacks("Exiting before"));
        check("the group of kafka-consumer-perf-test has read everything", () -> good(GROUP_TOOL, "--describe --group perf").matches("^perf +perf +0 +\\d+ +\\d+ +0 "));
        check("kafka-e2e-latency", () ->
            good("EndToEndLatency", "--topic latency --num-records 100 --producer-acks all --record-size 100").has("Avg latency: ", "Percentiles: 50th"));
        check("kafka-verifiable-producer, kafka-verifiable-consumer", () -> {
            good("VerifiableProducer", "--topic verified --max-messages 10 --acks -1");
            var said = good("VerifiableConsumer", "--topic verified --group-id verified --max-messages 10 --reset-policy earliest --verbose --group-protocol consumer");
            same(said.lines().stream().filter(line -> line.contains("\"record_data\"")).count(), 10L, "records");
            said.has("\"name\":\"offsets_committed\"", "\"offset\":10}],\"success\":true", "\"shutdown_complete\"");
        });
        check("kafka-streams-application-reset", () -> {
            good("StreamsResetter", "--application-id verified --input-topics verified --to-earliest").has("Topic: verified Partition: 0 Offset: 0");
            good(GROUP_TOOL, "--describe --group verified").matches("^verified +verified +0 +0 +10 +10 ");
        });
    }

    private static void files() {
        check("kafka-dump-log", () -> {
            // The first segment of that topic is full: its indexes are whole.
            Path log = data.resolve("one-1").resolve("00000000000000000000.log");
            ended(0, feed("", "DumpLogSegments", "--print-data-log --deep-iteration --files " + log), "dump").has("Log starting offset: 0", "isvalid: true", "key: d payload: 4");
            Path index = data.resolve("perf-0").resolve("00000000000000000000.index");
            ended(0, feed("", "DumpLogSegments", "--index-sanity-check --files " + index), "dump").has("passed sanity check");
            Path times = data.resolve("perf-0").resolve("00000000000000000000.timeindex");
            ended(0, feed("", "DumpLogSegments", "--verify-index-only --files " + index + "," + times), "dump").lacks("Mismatches").lacks("Exception");
            try (var all = Files.list(data.resolve("perf-0"))) {
                var logs = all.map(Path::toString).filter(name -> name.endsWith(".log")).sorted().toList();
                ended(0, feed("", "DumpLogSegments", "--deep-iteration --files " + String.join(",", logs)), "dump")
                    .has("isTransactional: true isControl: true", "endTxnMarker: COMMIT").lacks("isvalid: false");
            }
        });
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 2) throw new IllegalArgumentException("usage: Tools HOST:PORT DATA_DIRECTORY");
        broker = arguments[0];
        data = Path.of(arguments[1]);
        watchdog(300);
        Exit.Procedure procedure = (code, message) -> {
            if (end == null) end = ran(code);
            throw new Ended();
        };
        Exit.setExitProcedure(procedure);
        Exit.setHaltProcedure(procedure);
        var stdout = System.out;
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stdout.println("FAILED: a tool ended the process: " + ran(1))));
        cluster();
        topics();
        configurations();
        records();
        groups();
        administration();
        transactions();
        clientMetrics();
        performance();
        files();
        // Tools leave threads and hooks behind, some of which wait for signals.
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }
}
