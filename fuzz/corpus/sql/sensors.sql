

SET 'pipeline.name' = 'sensors';

CREATE TABLE sensors (
  sensor_id STRING,
  ts BIGINT,
  temperature DOUBLE,
  event_time AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR event_time AS event_time - INTERVAL '2' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'sensors',
  'properties.bootstrap.servers' = 'localhost:9092',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'json'
);

CREATE TABLE sensor_windows (
  sensor_id STRING,
  window_start TIMESTAMP(3),
  window_end TIMESTAMP(3),
  readings BIGINT,
  lowest DOUBLE,
  highest DOUBLE,
  average DOUBLE
) WITH (
  'connector' = 'kafka',
  'topic' = 'sensor-windows',
  'properties.bootstrap.servers' = 'localhost:9092',
  'key.format' = 'raw',
  'key.fields' = 'sensor_id',
  'value.format' = 'json'
);

INSERT INTO sensor_windows
SELECT sensor_id, window_start, window_end, COUNT(*), MIN(temperature), MAX(temperature), AVG(temperature)
FROM TABLE(TUMBLE(TABLE sensors, DESCRIPTOR(event_time), INTERVAL '10' SECOND))
GROUP BY sensor_id, window_start, window_end;
