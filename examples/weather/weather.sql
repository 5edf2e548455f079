-- A year of weather: hourly readings of three stations become one row per station and day.
--
--   millstream run examples/weather/weather.sql
--
-- reads the file beside this one, keeps its readings in the topic raw-temperature, and from there computes count, minimum,
-- maximum and mean of each day's temperatures (°F) into the topic agg-temperature: 26,115 readings in, 1,092 rows out.
-- The file is plain Flink SQL; README.md says how to run it on Apache Kafka and in Apache Flink.

SET 'pipeline.name' = 'weather';
SET 'table.local-time-zone' = 'UTC';

-- One INSERT ends before the next begins: the second reads a topic that is complete. Side by side, it would meet the stations one
-- after the other, as they stand in the file, and take the silence of those still to come for idleness.
SET 'table.dml-sync' = 'true';

-- The file is ordered by station, then time: the last reading of EWR (December) is followed by the first one of JFK (January).
-- One watermark over all three would be in December by then and every later reading of January would be late. So each
-- station gets a partition to itself, because a watermark is kept per partition and the smallest of them closes windows. Kafka's
-- partitioner (murmur2 of the key, modulo partitions) puts EWR, JFK and LGA into three different ones of 4, and
-- would not at 1, 2, 3 or 6.
SET 'millstream.topic.raw-temperature.partitions' = '4';

-- Three keys leave one of the four partitions empty. An empty partition has no watermark and would hold back all windows; one that
-- is silent for this long does not count until its next record.
SET 'table.exec.source.idle-timeout' = '5 s';

-- Every column is read as text: the file begins with a line of names, and text is what those are.
CREATE TABLE weather_file (
  origin     STRING,
  `year`     STRING,
  `month`    STRING,
  `day`      STRING,
  `hour`     STRING,
  temp       STRING,
  dewp       STRING,
  humid      STRING,
  wind_dir   STRING,
  wind_speed STRING,
  wind_gust  STRING,
  precip     STRING,
  pressure   STRING,
  visib      STRING,
  time_hour  STRING
) WITH (
  'connector' = 'filesystem',
  'path' = 'examples/weather/nyc_weather_2013.csv.gz',
  'format' = 'csv',
  'csv.null-literal' = 'NA'
);

-- {"ts": "2013-01-01T06:00:00Z", "value": 39.02} under the key EWR. Within a station the readings are in order of time, so the watermark
-- could follow them at no distance at all; one hour, the distance of two readings, forgives a neighbouring pair that
-- changed places.
CREATE TABLE raw_temperature (
  station STRING,
  ts      TIMESTAMP_LTZ(3),
  `value` DOUBLE,
  WATERMARK FOR ts AS ts - INTERVAL '1' HOUR
) WITH (
  'connector' = 'kafka',
  'topic' = 'raw-temperature',
  'properties.bootstrap.servers' = 'localhost:9092',
  'properties.group.id' = 'weather',
  'scan.startup.mode' = 'earliest-offset',
  -- Up to what the topic holds now. The end of bounded input is the end of time: it closes the last day of each station,
  -- which no later reading closes.
  'scan.bounded.mode' = 'latest-offset',
  'key.format' = 'raw',
  'key.fields' = 'station',
  'value.format' = 'json',
  'value.json.timestamp-format.standard' = 'ISO-8601',
  'value.fields-include' = 'EXCEPT_KEY'
);

-- {"station": "EWR", "time": "2013-01-02T00:00:00Z", "temperature": {"count": 17, "min": 33.98, "max": 41.0, "mean": 38.70235294117647}}
-- under the key EWR. The time is the end of the day; a missing reading is not counted.
CREATE TABLE agg_temperature (
  station     STRING,
  `time`      TIMESTAMP_LTZ(3),
  temperature ROW<`count` BIGINT, `min` DOUBLE, `max` DOUBLE, mean DOUBLE>
) WITH (
  'connector' = 'kafka',
  'topic' = 'agg-temperature',
  'properties.bootstrap.servers' = 'localhost:9092',
  'key.format' = 'raw',
  'key.fields' = 'station',
  'value.format' = 'json',
  'value.json.timestamp-format.standard' = 'ISO-8601',
  'value.fields-include' = 'ALL'
);

-- The filter drops the line of names.
INSERT INTO raw_temperature
SELECT
  origin,
  CAST(TO_TIMESTAMP(time_hour, 'yyyy-MM-dd''T''HH:mm:ss''Z''') AS TIMESTAMP_LTZ(3)),
  CAST(temp AS DOUBLE)
FROM weather_file
WHERE origin <> 'origin';

INSERT INTO agg_temperature
SELECT
  station,
  CAST(window_end AS TIMESTAMP_LTZ(3)),
  ROW(COUNT(`value`), MIN(`value`), MAX(`value`), AVG(`value`))
FROM TABLE(TUMBLE(TABLE raw_temperature, DESCRIPTOR(ts), INTERVAL '1' DAY))
GROUP BY station, window_start, window_end;
