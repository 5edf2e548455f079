"""A worker of the torture test on librdkafka. See `ledger.py` for its command line and what it notes."""

import random
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer

from ledger import (ABORT_EVERY, INPUT, OVERSLEEP_EVERY, OVERSLEEP_S, PARTITIONS, PAUSE_S, RECORDS_MAX, SESSION_TIMEOUT_MS,
                    TRANSACTION_TIMEOUT_MS, WAIT_S, Plan, output_of)


def transactional(plan):
    producer = Producer({"bootstrap.servers": plan.broker, "transactional.id": plan.name, "linger.ms": 1,
                         "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS, "reconnect.backoff.max.ms": 200,
                         "message.timeout.ms": TRANSACTION_TIMEOUT_MS})
    insist(producer.init_transactions)
    plan.say("ready")
    return producer


def insist(call, *arguments):
    """Repeats what may be repeated: librdkafka goes on where it was."""
    give_up = time.monotonic() + WAIT_S
    while True:
        try:
            return call(*arguments, WAIT_S)
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > give_up:
                raise


def abort(plan, producer, number):
    insist(producer.abort_transaction)
    plan.say("aborted", number)


def transaction(plan, producer, number, fill):
    """One transaction; `fill` hands its records over and says how many. Says whether it was committed."""
    producer.begin_transaction()
    plan.say("begun", number)
    try:
        count = fill(number)
        if random.randrange(ABORT_EVERY) == 0:
            abort(plan, producer, number)
            return False
        if random.randrange(OVERSLEEP_EVERY) == 0:
            time.sleep(OVERSLEEP_S)
        plan.say("committing", number, count)
        insist(producer.commit_transaction)
        plan.say("committed", number)
        return True
    except KafkaException as error:
        if error.args[0].fatal() or not error.args[0].txn_requires_abort():
            raise
        plan.say("failed", number, error.args[0].name())
        abort(plan, producer, number)
        return False


def write(plan):
    producer = transactional(plan)

    def fill(number):
        count = random.randint(1, RECORDS_MAX)
        for index in range(count):
            producer.produce(INPUT, value=plan.value(number, index), partition=random.randrange(PARTITIONS))
        return count

    number = 0
    while True:
        transaction(plan, producer, number, fill)
        number += 1
        time.sleep(random.random() * PAUSE_S * 2)


def copy(plan):
    producer = transactional(plan)
    settings = {"bootstrap.servers": plan.broker, "group.id": plan.group, "group.protocol": plan.protocol, "enable.auto.commit": False,
                "isolation.level": "read_committed", "auto.offset.reset": "earliest", "reconnect.backoff.max.ms": 200}
    if plan.protocol == "classic":
        settings |= {"session.timeout.ms": SESSION_TIMEOUT_MS, "heartbeat.interval.ms": 500}
    consumer = Consumer(settings)
    consumer.subscribe([INPUT])
    number = 0
    while True:
        messages = [message for message in consumer.consume(RECORDS_MAX, 0.2) if message.error() is None]
        if not messages:
            continue

        def fill(number):
            for index, message in enumerate(messages):
                value = f"{plan.value(number, index)} {message.offset()} {message.value().decode()}"
                producer.produce(output_of(plan.group), value=value, partition=message.partition())
            positions = consumer.position(consumer.assignment())
            consumed = {message.partition() for message in messages}
            positions = [position for position in positions if position.partition in consumed]
            insist(producer.send_offsets_to_transaction, positions, consumer.consumer_group_metadata())
            return len(messages)

        if not transaction(plan, producer, number, fill):
            rewind(consumer)
        number += 1


def rewind(consumer):
    """Back to what is committed, for what was read is not."""
    for position in consumer.committed(consumer.assignment(), WAIT_S):
        position.offset = max(position.offset, 0)
        consumer.seek(position)


plan = Plan(sys.argv[1:])
try:
    {"write": write, "copy": copy}[plan.role](plan)
except Exception as error:
    plan.stop(error)
