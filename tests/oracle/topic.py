"""Prints what a topic holds now, as JSON lines: python.sh clients topic.py HOST:PORT TOPIC

Each line is {"partition": …, "offset": …, "key": …, "value": …} with key and value as text, in the order of partitions and offsets.
"""

import json
import sys

from kafka import KafkaConsumer, TopicPartition


def main(broker, topic):
    consumer = KafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False, auto_offset_reset="earliest")
    parts = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
    if not parts:
        sys.exit(f"{broker} has no topic {topic}")
    consumer.assign(parts)
    ends = consumer.end_offsets(parts)
    records = {part: [] for part in parts}
    while any(consumer.position(part) < ends[part] for part in parts):
        for part, chunk in consumer.poll(timeout_ms=500).items():
            records[part] += [record for record in chunk if record.offset < ends[part]]
    consumer.close()
    for part in parts:
        for r in records[part]:
            key, value = (None if field is None else field.decode() for field in (r.key, r.value))
            print(json.dumps({"partition": r.partition, "offset": r.offset, "key": key, "value": value}, ensure_ascii=False))


if len(sys.argv) != 3:
    sys.exit(__doc__)
main(*sys.argv[1:])
