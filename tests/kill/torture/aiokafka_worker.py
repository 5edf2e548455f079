"""A worker of the torture test on aiokafka. See `ledger.py` for its command line and what it notes.

It commits offsets without saying which member of the group it is (TxnOffsetCommit 0), so nobody can fence it by its generation: as with
the first exactly-once applications, who copies takes all partitions by itself, and is fenced by its transactional id.
"""

import asyncio
import random
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from ledger import (ABORT_EVERY, INPUT, OVERSLEEP_EVERY, OVERSLEEP_S, PARTITIONS, PAUSE_S, RECORDS_MAX, TRANSACTION_TIMEOUT_MS, WAIT_S,
                    Plan, output_of)


async def transactional(plan):
    producer = AIOKafkaProducer(bootstrap_servers=plan.broker, transactional_id=plan.name, linger_ms=1,
                                transaction_timeout_ms=TRANSACTION_TIMEOUT_MS, request_timeout_ms=TRANSACTION_TIMEOUT_MS,
                                retry_backoff_ms=20)
    await asyncio.wait_for(producer.start(), WAIT_S)
    plan.say("ready")
    return producer


async def transaction(plan, producer, number, fill):
    """One transaction; `fill` hands its records over and says how many. Says whether it was committed."""
    await producer.begin_transaction()
    plan.say("begun", number)
    count = await asyncio.wait_for(fill(number), WAIT_S)
    if random.randrange(ABORT_EVERY) == 0:
        await asyncio.wait_for(producer.abort_transaction(), WAIT_S)
        plan.say("aborted", number)
        return False
    if random.randrange(OVERSLEEP_EVERY) == 0:
        await asyncio.sleep(OVERSLEEP_S)
    plan.say("committing", number, count)
    await asyncio.wait_for(producer.commit_transaction(), WAIT_S)
    plan.say("committed", number)
    return True


async def write(plan):
    producer = await transactional(plan)

    async def fill(number):
        count = random.randint(1, RECORDS_MAX)
        values = [plan.value(number, index).encode() for index in range(count)]
        sent = [await producer.send(INPUT, value, partition=random.randrange(PARTITIONS)) for value in values]
        await asyncio.gather(*sent)
        return count

    number = 0
    while True:
        await transaction(plan, producer, number, fill)
        number += 1
        await asyncio.sleep(random.random() * PAUSE_S * 2)


async def copy(plan):
    # First of all: what the process before has decided is done, and its offsets count, when this returns.
    producer = await transactional(plan)
    consumer = AIOKafkaConsumer(bootstrap_servers=plan.broker, group_id=plan.group, enable_auto_commit=False,
                                isolation_level="read_committed", auto_offset_reset="earliest", retry_backoff_ms=20)
    await asyncio.wait_for(consumer.start(), WAIT_S)
    partitions = [TopicPartition(INPUT, partition) for partition in range(PARTITIONS)]
    consumer.assign(partitions)
    number = 0
    while True:
        batches = await consumer.getmany(timeout_ms=200, max_records=RECORDS_MAX)
        batches = {place: records for place, records in batches.items() if records}
        if not batches:
            continue

        async def fill(number):
            records = [record for records in batches.values() for record in records]
            sent = []
            for index, record in enumerate(records):
                value = f"{plan.value(number, index)} {record.offset} {record.value.decode()}"
                sent.append(await producer.send(output_of(plan.group), value.encode(), partition=record.partition))
            positions = {place: records[-1].offset + 1 for place, records in batches.items()}
            await producer.send_offsets_to_transaction(positions, plan.group)
            await asyncio.gather(*sent)
            return len(records)

        if not await transaction(plan, producer, number, fill):
            for place, records in batches.items():
                consumer.seek(place, records[0].offset)
        number += 1


plan = Plan(sys.argv[1:])
try:
    asyncio.run({"write": write, "copy": copy}[plan.role](plan))
except Exception as error:
    plan.stop(error)
