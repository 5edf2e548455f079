// Counts words with Kafka Streams, each line exactly once (`exactly_once_v2`), until its standard input ends:
//
//   run.sh streams HOST:PORT APPLICATION STATE_DIRECTORY
//
// Reads lines from the topic APPLICATION-lines, writes to APPLICATION-counts every word with its new count, one record a word: nothing
// is cached, so that a reader sees a gap or a repetition. Words go through a repartition topic to a RocksDB store with its changelog.
// Prints `counted N` for every STEP-th word that this process counted, also those whose transaction is aborted later, and `ok closed`
// at a clean end. word_count.py in ../kill feeds it and checks what came of it.

import java.nio.file.Path;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;

public class WordCount extends Checks {
    private static final int STEP = 250;

    private static Properties options(String application, Path directory) {
        Properties options = new Properties();
        options.putAll(settings(StreamsConfig.APPLICATION_ID_CONFIG, application, StreamsConfig.STATE_DIR_CONFIG, directory.toString(),
            StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2, StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2,
            StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0, StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100,
            // Lines read ahead of the commit, and purged often: more transactions with something in them, and DeleteRecords at work.
            StreamsConfig.consumerPrefix("max.poll.records"), 50, StreamsConfig.REPARTITION_PURGE_INTERVAL_MS_CONFIG, 500,
            // A stopped process is given up by the group and by its transaction within seconds.
            StreamsConfig.consumerPrefix("session.timeout.ms"), 6000, StreamsConfig.consumerPrefix("heartbeat.interval.ms"), 500,
            StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest"));
        return options;
    }

    private static Topology topology(String application) {
        var counted = new AtomicLong();
        var builder = new StreamsBuilder();
        builder.stream(application + "-lines", Consumed.with(Serdes.String(), Serdes.String()))
            .flatMapValues(line -> Arrays.asList(line.split(" ")))
            .groupBy((number, word) -> word, Grouped.with("words", Serdes.String(), Serdes.String()))
            .count(Materialized.as("counts"))
            .toStream()
            .peek((word, count) -> {
                long sum = counted.incrementAndGet();
                if (sum % STEP == 0) System.out.println("counted " + sum);
            })
            .to(application + "-counts", Produced.with(Serdes.String(), Serdes.Long()));
        return builder.build();
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 3) throw new IllegalArgumentException("usage: WordCount HOST:PORT APPLICATION STATE_DIRECTORY");
        broker = arguments[0];
        watchdog(300);
        try (var streams = new KafkaStreams(topology(arguments[1]), options(arguments[1], Path.of(arguments[2])))) {
            streams.setStateListener((now, before) -> {
                System.out.println("state " + now);
                if (now == KafkaStreams.State.ERROR) Runtime.getRuntime().halt(1);
            });
            streams.start();
            while (System.in.read() >= 0) continue;
            check("closed", () -> same(streams.close(Duration.ofSeconds(60)), true, "closed in time"));
        }
    }
}
