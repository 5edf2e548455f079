// What the Java programs beside this one share: how a check reports (conformance.py says it: one `ok NAME` line each, code 1 at the first
// failure), how to wait, and a client's settings. Programs extend it to use its names as their own. Deadlines only turn a hang into a failure.

import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.function.BooleanSupplier;

class Checks {
    static final Duration WAIT = Duration.ofSeconds(60);
    static final Duration TURN = Duration.ofMillis(100);
    private static final int SHOWN_CHARACTERS_MAX = 300;
    static String broker;

    interface Body {
        void run() throws Exception;
    }

    static void check(String name, Body body) {
        try {
            body.run();
        } catch (Throwable error) {
            System.out.println("FAILED " + name + ": " + error);
            error.printStackTrace();
            System.out.flush();
            Runtime.getRuntime().halt(1);
        }
        System.out.println("ok " + name);
    }

    static void same(Object actual, Object expected, String what) {
        if (!Objects.equals(actual, expected)) {
            throw new AssertionError(what + ": expected " + shorten(expected) + ", got " + shorten(actual));
        }
    }

    static String shorten(Object value) {
        String text = String.valueOf(value);
        return text.length() <= SHOWN_CHARACTERS_MAX
            ? text : text.substring(0, SHOWN_CHARACTERS_MAX) + "… (" + text.length() + " characters)";
    }

    static void until(BooleanSupplier condition, String what) {
        long deadline = System.nanoTime() + WAIT.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) throw new AssertionError("not within " + WAIT.toSeconds() + " s: " + what);
        }
    }

    static Map<String, Object> settings(Object... options) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", broker));
        for (int i = 0; i < options.length; i += 2) settings.put((String) options[i], options[i + 1]);
        return settings;
    }

    /** Ends the program with a failure when it is not done in time. */
    static void watchdog(int seconds) {
        var timer = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task);
            thread.setDaemon(true);
            return thread;
        });
        timer.schedule(() -> {
            System.out.println("FAILED: not done after " + seconds + " s");
            System.out.flush();
            Runtime.getRuntime().halt(1);
        }, seconds, TimeUnit.SECONDS);
    }
}
