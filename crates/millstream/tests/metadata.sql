-- What stands beside key and value of a record, written and read back: run by `metadata.rs` here and in Apache Flink.

SET 'table.local-time-zone' = 'UTC';
SET 'table.dml-sync' = 'true';
SET 'millstream.topic.events.partitions' = '3';

CREATE TABLE events (
  id          BIGINT,
  written     TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',
  marks       MAP<STRING, BYTES> METADATA FROM 'headers',
  topic_name  STRING NOT NULL METADATA FROM 'topic' VIRTUAL,
  `partition` INT METADATA VIRTUAL,
  `offset`    BIGINT METADATA VIRTUAL,
  epoch       INT METADATA FROM 'leader-epoch' VIRTUAL,
  kind        STRING METADATA FROM 'timestamp-type' VIRTUAL
) WITH (
  'connector' = 'kafka',
  'topic' = 'events',
  'properties.bootstrap.servers' = 'localhost:9092',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'key.format' = 'raw',
  'key.fields' = 'id',
  'value.format' = 'json'
);

CREATE TABLE seen (
  id          BIGINT,
  written     TIMESTAMP_LTZ(3),
  unit        STRING,
  marks       INT,
  topic_name  STRING,
  `partition` INT,
  `offset`    BIGINT,
  epoch       INT,
  kind        STRING
) WITH (
  'connector' = 'kafka',
  'topic' = 'seen',
  'properties.bootstrap.servers' = 'localhost:9092',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
);

INSERT INTO events
SELECT id, TO_TIMESTAMP_LTZ(1357020000000 + id, 3), MAP['unit', CAST(unit AS BYTES), 'from', CAST('test' AS BYTES)]
FROM (VALUES (CAST(1 AS BIGINT), '°F'), (2, 'K'), (3, ''), (4, '°C'), (5, 'Ra')) AS readings (id, unit);

INSERT INTO events
SELECT id, TO_TIMESTAMP_LTZ(0, 3), CAST(NULL AS MAP<STRING, BYTES>) FROM (VALUES (CAST(6 AS BIGINT))) AS readings (id);

INSERT INTO seen
SELECT id, written, CAST(marks['unit'] AS STRING), CARDINALITY(marks), topic_name, `partition`, `offset`, epoch, kind FROM events;
