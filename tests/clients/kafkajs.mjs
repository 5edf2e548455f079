// kafkajs against a broker: node.sh kafkajs.mjs HOST:PORT
//
// The checks are those of the Python programs beside it (conformance.py says how they report): one `ok NAME` line each, code 1 at the
// first failure. Deadlines only turn a hang into a failure. kafkajs has no static members and cannot send null headers.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url); // which looks into NODE_PATH, as import does not
const { Kafka, CompressionTypes, CompressionCodecs, KafkaJSProtocolError, logLevel } = require("kafkajs");
const lz4 = require("lz4-napi");
const zstd = require("@bokuweb/zstd-wasm");

await zstd.init();
CompressionCodecs[CompressionTypes.Snappy] = require("kafkajs-snappy");
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => lz4.compressFrame(encoder.buffer),
  decompress: async (buffer) => lz4.decompressFrame(buffer),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from(zstd.compress(encoder.buffer, 3)),
  decompress: async (buffer) => Buffer.from(zstd.decompress(buffer)),
});

const [broker] = process.argv.slice(2);
if (!broker?.includes(":")) {
  console.error("usage: kafkajs.mjs HOST:PORT");
  process.exit(2);
}
const PARTITIONS = 4;
const WAIT_MS = 60_000;
const RUN = `conformance-kafkajs-${process.pid}-${Date.now()}`;
const [TOPIC, EMPTY, WORK, LEDGER, COPY] = ["records", "long-poll", "work", "ledger", "copy"].map((name) => `${RUN}-${name}`);
const kafka = new Kafka({ clientId: "conformance", brokers: [broker], logLevel: logLevel.NOTHING, requestTimeout: WAIT_MS });
const admin = kafka.admin();

setTimeout(() => {
  console.log("FAILED: not done after 300 s");
  process.exit(1);
}, 300_000).unref();

async function check(name, body) {
  try {
    await body();
  } catch (error) {
    console.log(`FAILED ${name}: ${String(error.message).slice(0, 1000)}`);
    console.error(error.stack);
    process.exit(1);
  }
  console.log(`ok ${name}`);
}

async function until(condition, what, waitMs = WAIT_MS) {
  for (const deadline = Date.now() + waitMs; Date.now() < deadline; ) {
    const result = await condition();
    if (result) return result;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not within ${waitMs} ms: ${what}`);
}

async function refused(type, body) {
  try {
    await body();
  } catch (error) {
    const causes = [error, error.cause, ...(error.errors ?? [])];
    assert.ok(causes.some((cause) => cause instanceof KafkaJSProtocolError && cause.type === type), `${type} expected: ${error}`);
    return;
  }
  throw new Error(`no ${type}`);
}

/** Null keys, null and empty values, headers with empty, repeated and non-ASCII parts; timestamps an hour back, 10 ms apart. */
function batch(label, count = 200) {
  const first = Date.now() - 3_600_000;
  const headers = [{}, { h: "1" }, { h: ["1", ""], é: Buffer.from([0, 255]) }, { empty: "" }];
  return Array.from({ length: count }, (_, i) => ({
    partition: i % PARTITIONS,
    key: i % 7 === 3 ? null : `${label}-${i % 13}`,
    value: i % 7 === 5 ? null : i % 7 === 6 ? "" : `${label} ${i} `.repeat(1 + (i % 50)),
    headers: headers[Math.floor(i / PARTITIONS) % 4],
    timestamp: String(first + Math.floor(i / PARTITIONS) * 10),
  }));
}

/** A message in a form that can be compared: [key, value, headers, timestamp]. */
function row(message) {
  const text = (bytes) => (bytes == null ? null : Buffer.from(bytes).toString("latin1"));
  const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, [value].flat().map(text)]);
  return [text(message.key), text(message.value), headers, message.timestamp];
}

async function send(messages, { topic = TOPIC, compression, idempotent = false, acks = -1 } = {}) {
  const producer = kafka.producer({ idempotent, retry: { retries: idempotent ? 5 : 1 } });
  await producer.connect();
  await producer.send({ topic, messages, compression, acks });
  await producer.disconnect();
}

/** Consumes a topic from its beginning until `enough(rows by partition)`, then leaves; gives the rows with their offsets. */
async function read(topic, options, enough, seeks = []) {
  const consumer = kafka.consumer({ groupId: `${RUN}-${Math.random()}`, maxWaitTimeInMs: 200, ...options });
  const found = Array.from({ length: PARTITIONS }, () => []);
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const m of batch.messages) found[batch.partition].push({ offset: Number(m.offset), row: row(m) });
    },
  });
  for (const seek of seeks) consumer.seek({ topic, ...seek });
  await until(() => enough(found), `records of ${topic} (at ${found.map((p) => p.length)})`);
  await consumer.disconnect();
  return found;
}

const total = (found) => found.reduce((sum, partition) => sum + partition.length, 0);

function compare(found, sent, what) {
  for (let p = 0; p < PARTITIONS; p++) {
    const expected = sent.filter((m) => m.partition === p).map(row);
    assert.equal(found[p].length, expected.length, `${what}: records in partition ${p}`);
    found[p].forEach((record, i) => {
      assert.equal(record.offset, i, `${what}: offset in partition ${p}`);
      assert.deepEqual(record.row, expected[i], `${what}: record ${i} of partition ${p}`);
    });
  }
}

async function topics() {
  await check("create topics, with partitions and a configuration", async () => {
    const created = await admin.createTopics({
      waitForLeaders: true,
      topics: [
        { topic: TOPIC, numPartitions: PARTITIONS, configEntries: [{ name: "retention.ms", value: "86400000" }] },
        { topic: EMPTY, numPartitions: 1 },
        { topic: WORK, numPartitions: PARTITIONS },
      ],
    });
    assert.equal(created, true);
  });
  await check("create a topic twice: refused", async () => {
    assert.equal(await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 1 }] }), false); // false is its "exists already"
  });
  await check("metadata and configuration", async () => {
    const { topics: [described] } = await admin.fetchTopicMetadata({ topics: [TOPIC] });
    assert.deepEqual(described.partitions.map((p) => p.partitionId).sort(), [0, 1, 2, 3]);
    assert.ok(described.partitions.every((p) => p.partitionErrorCode === 0 && p.leader === p.replicas[0]));
    assert.ok((await admin.listTopics()).includes(TOPIC));
    assert.equal((await admin.describeCluster()).brokers.length, 1);
    const configs = await admin.describeConfigs({ resources: [{ type: 2, name: TOPIC, configNames: ["retention.ms"] }] });
    assert.equal(configs.resources[0].configEntries[0].configValue, "86400000");
  });
}

async function produceAndFetch() {
  const kinds = {
    "acks 1": { acks: 1 },
    "acks all": { acks: -1 },
    "acks 0": { acks: 0 },
    idempotent: { idempotent: true },
    gzip: { compression: CompressionTypes.GZIP },
    snappy: { compression: CompressionTypes.Snappy },
    lz4: { compression: CompressionTypes.LZ4 },
    zstd: { compression: CompressionTypes.ZSTD },
  };
  const sent = [];
  for (const [label, options] of Object.entries(kinds)) {
    await check(`produce: ${label}`, async () => {
      const records = batch(label);
      await send(records, options);
      sent.push(...records);
      // acks 0 has no answer to wait for: the next producer must not overtake it
      await until(async () => {
        const offsets = await admin.fetchTopicOffsets(TOPIC);
        return offsets.reduce((sum, p) => sum + Number(p.high), 0) === sent.length;
      }, "records in the log");
    });
  }
  await check("produce: a record of 1 MB", async () => {
    sent.push({ partition: 0, key: "large", value: "x".repeat(1_000_000), timestamp: String(Date.now()) });
    await send(sent.slice(-1));
  });
  await check("produce: a record that is too large: refused", () =>
    refused("MESSAGE_TOO_LARGE", () => send([{ partition: 0, value: "x".repeat(2_000_000) }])),
  );
  for (const [label, options] of Object.entries({
    "fetch everything": {},
    "fetch with small limits": { maxBytesPerPartition: 1000, maxBytes: 4000 },
  })) {
    await check(label, async () => compare(await read(TOPIC, options, (found) => total(found) >= sent.length), sent, label));
  }
}

async function positions() {
  await check("long poll ends when a record comes", async () => {
    // The fetch may wait longer than the deadline: only a broker that answers as soon as records come passes.
    const wake = () => send([{ value: "wakes" }], { topic: EMPTY });
    const late = setTimeout(() => assert.fail("not within 15 s"), 15_000);
    let first, second;
    await read(EMPTY, { maxWaitTimeInMs: 25_000 }, (found) => {
      first ??= new Promise((resolve) => setTimeout(resolve, 500)).then(wake);
      if (total(found) === 0) return false;
      clearTimeout(late);
      second = wake(); // ends the next fetch, for which leaving the group would wait
      return true;
    });
    await Promise.all([first, second]);
  });
  await check("seek to an offset; offsets of beginning and end", async () => {
    const offsets = await admin.fetchTopicOffsets(TOPIC);
    const ends = Array.from({ length: PARTITIONS }, (_, p) => Number(offsets.find((o) => o.partition === p).high));
    assert.ok(offsets.every((o) => o.low === "0"));
    const seeks = ends.map((end, partition) => ({ partition, offset: String(end - 1) }));
    const found = await read(TOPIC, {}, (partitions) => partitions.every((p) => p.length), seeks);
    assert.deepEqual(found.map((p) => p[0].offset), ends.map((end) => end - 1));
  });
  await check("offsets by time", async () => {
    const records = batch("times", 40);
    await send(records, { topic: WORK });
    const times = records.filter((r) => r.partition === 2).map((r) => Number(r.timestamp));
    const found = [];
    for (const time of [0, times[3], times[3] + 1, times[9], times[9] + 1]) {
      const offsets = await admin.fetchTopicOffsetsByTimestamp(WORK, time);
      found.push(Number(offsets.find((o) => o.partition === 2).offset));
    }
    assert.deepEqual(found, [0, 3, 4, 9, 10]); // it answers with the end where there is none
  });
}

/** A member of a group: its partitions as of the last rebalance, and the first offset that it read of each. */
async function member(groupId) {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100, heartbeatInterval: 200, sessionTimeout: 30_000 });
  const joined = { consumer, partitions: [], offsets: {} };
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => (joined.partitions = payload.memberAssignment[WORK] ?? []));
  await consumer.connect();
  await consumer.subscribe({ topics: [WORK], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      joined.offsets[partition] ??= Number(message.offset);
    },
  });
  return joined;
}

async function groups() {
  const group = `${RUN}-group`;
  const owned = (...members) => members.map((m) => m.partitions.length).join();
  let first, second;
  await check("group: one member has all partitions", async () => {
    first = await member(group);
    await until(() => owned(first) === "4", "four partitions");
  });
  await check("group: a second member joins and they share", async () => {
    second = await member(group);
    await until(() => owned(first, second) === "2,2", "two partitions each");
    assert.equal(new Set([...first.partitions, ...second.partitions]).size, PARTITIONS);
    assert.equal((await admin.describeGroups([group])).groups[0].members.length, 2);
  });
  await check("group: one leaves and the other has all again", async () => {
    await second.consumer.disconnect();
    await until(() => owned(first) === "4", "four partitions");
  });
  await check("group: commits, with metadata, survive the members", async () => {
    const offsets = [0, 1, 2, 3].map((partition) => ({ partition, offset: String(partition + 3), metadata: `näher ${partition}` }));
    await first.consumer.commitOffsets(offsets.map((o) => ({ topic: WORK, ...o })));
    await first.consumer.disconnect();
    const heir = await member(group);
    await until(() => Object.keys(heir.offsets).length === PARTITIONS, "a record of each partition");
    assert.deepEqual(heir.offsets, { 0: 3, 1: 4, 2: 5, 3: 6 });
    await heir.consumer.disconnect();
    const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [WORK] });
    const committed = partitions.sort((a, b) => a.partition - b.partition);
    assert.deepEqual(committed.map(({ partition, offset, metadata }) => ({ partition, offset, metadata })), offsets);
    assert.ok((await admin.listGroups()).groups.some((g) => g.groupId === group));
    await admin.deleteGroups([group]);
  });
}

/** Equal per partition and in order; transactions leave gaps between the offsets. */
function compareRows(found, sent, what) {
  for (let p = 0; p < PARTITIONS; p++) {
    assert.deepEqual(found[p].map((record) => record.row), sent.filter((m) => m.partition === p).map(row), `${what}: partition ${p}`);
  }
}

async function transactional(transactionalId) {
  const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  return producer;
}

async function transactions() {
  const [sent, committed] = [[], []];
  const everything = (topic, readUncommitted, count) => read(topic, { readUncommitted }, (found) => total(found) >= count);
  await check("transactions: what is committed is delivered, what is aborted is not", async () => {
    await admin.createTopics({ waitForLeaders: true, topics: [LEDGER, COPY].map((topic) => ({ topic, numPartitions: PARTITIONS })) });
    const producer = await transactional(`${RUN}-teller`);
    for (let round = 0; round < 5; round++) {
      const messages = batch(`round ${round}`, 40);
      const transaction = await producer.transaction();
      await transaction.send({ topic: LEDGER, messages });
      sent.push(...messages);
      if (round % 2 === 0) {
        await transaction.commit();
        committed.push(...messages);
      } else {
        await transaction.abort();
      }
    }
    await producer.disconnect();
    compareRows(await everything(LEDGER, false, committed.length), committed, "committed");
    compareRows(await everything(LEDGER, true, sent.length), sent, "all");
  });
  await check("transactions: offsets are committed with the records", async () => {
    const groupId = `${RUN}-copier`;
    const producer = await transactional(groupId);
    const topics = [{ topic: LEDGER, partitions: [0, 1, 2, 3].map((partition) => ({ partition, offset: String(partition + 5) })) }];
    const known = async () => {
      const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [LEDGER] });
      return partitions.sort((a, b) => a.partition - b.partition).map((p) => Number(p.offset));
    };
    for (const commit of [false, true]) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: COPY, messages: committed });
      await transaction.sendOffsets({ consumerGroupId: groupId, topics });
      await (commit ? transaction.commit() : transaction.abort());
      const expected = commit ? [5, 6, 7, 8] : [-1, -1, -1, -1];
      await until(async () => String(await known()) === String(expected), `offsets ${expected}`);
    }
    await producer.disconnect();
    compareRows(await everything(COPY, false, committed.length), committed, "copies");
  });
}

await admin.connect();
await topics();
await produceAndFetch();
await positions();
await groups();
await transactions();
await check("delete topics", async () => {
  await admin.deleteTopics({ topics: [TOPIC, EMPTY, WORK, LEDGER, COPY] });
  await until(async () => !(await admin.listTopics()).some((topic) => topic.startsWith(RUN)), "the topics are gone");
});
await admin.disconnect();
process.exit(0);
