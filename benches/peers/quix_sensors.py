"""The sensor job in Quix Streams: python.sh quix quix_sensors.py HOST:PORT EVENTS

Reads the topic sensors ({"sensor_id": "s-331", "ts": 1767225600000, "temperature": 24.23}, keyed by the sensor, up to 2 s out of order) from
its beginning and writes count, minimum, maximum and mean per sensor and 10 s of event time to the topic sensors-quix. It stops
after EVENTS events and prints one line of JSON: events, the CPU and wall seconds that the process took for them, their
quotient, and its largest resident memory. Importing is not counted; joining the group and the last checkpoint are, so take millions of events.
"""

import json
import resource
import sys
import tempfile
import time
from datetime import timedelta

from quixstreams import Application
from quixstreams.dataframe.windows import Count, Max, Mean, Min


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(broker, events):
    processed = 0

    def count(_topic, _partition, _offset):
        # run(count=…) would count outputs
        nonlocal processed
        processed += 1
        if processed == events:
            app.stop()

    with tempfile.TemporaryDirectory() as state:
        app = Application(
            broker_address=broker,
            consumer_group=f"quix-{time.time_ns()}",
            auto_offset_reset="earliest",
            state_dir=state,
            loglevel="WARNING",
            on_message_processed=count,
        )
        source = app.topic("sensors", timestamp_extractor=lambda value, headers, timestamp, kind: value["ts"])
        windows = (
            app.dataframe(source)
            .tumbling_window(timedelta(seconds=10), grace_ms=timedelta(seconds=2))
            .agg(count=Count(), min=Min("temperature"), max=Max("temperature"), mean=Mean("temperature"))
        )
        windows.final().to_topic(app.topic("sensors-quix"))
        cpu, wall = cpu_seconds(), time.monotonic()
        app.run()
        cpu, wall = cpu_seconds() - cpu, time.monotonic() - wall
    result = {
        "peer": "quixstreams",
        "job": "sensors",
        "events": processed,
        "cpu_seconds": round(cpu, 3),
        "wall_seconds": round(wall, 3),
        "events_per_cpu_second": round(processed / cpu),
        "resident_bytes_max": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(result), flush=True)


if len(sys.argv) != 3:
    sys.exit(__doc__)
main(sys.argv[1], int(sys.argv[2]))
