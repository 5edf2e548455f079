"""A topic that nobody created, on a broker with auto.create.topics.enable=false: python.sh clients no_auto_create.py HOST:PORT

The client asks for the topic to be created, as producers do; the broker must refuse the record, and no topic may appear. Passes on Apache Kafka
with that setting.
"""

from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from conformance import WAIT_S, address, check, fresh, same

broker = address(__doc__)
topic = fresh("confluent", "missing")
admin = AdminClient({"bootstrap.servers": broker})


def deliver(error_codes):
    """Produces a record, whose delivery has to end with one of these codes."""
    outcomes = []
    producer = Producer({"bootstrap.servers": broker, "allow.auto.create.topics": True, "message.timeout.ms": WAIT_S * 1000,
                         "topic.metadata.propagation.max.ms": 1000})
    producer.produce(topic, b"value", on_delivery=lambda error, _: outcomes.append(error and error.code()))
    same(producer.flush(WAIT_S), 0, "records that wait")
    same(len(outcomes), 1, "deliveries")
    same(outcomes[0] in error_codes, True, f"code {outcomes[0]} of the delivery")


with check("a record for a topic that is not there is refused"):
    deliver([KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC])
with check("the broker says that there is no such topic"):
    asked = admin.list_topics(topic, timeout=WAIT_S).topics[topic]
    same(asked.error and asked.error.code(), KafkaError.UNKNOWN_TOPIC_OR_PART, "error of its metadata")
with check("no topic has appeared"):
    same(topic in admin.list_topics(timeout=WAIT_S).topics, False, "listed")
with check("a topic that is created takes records"):
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(timeout=WAIT_S)
    deliver([None])
