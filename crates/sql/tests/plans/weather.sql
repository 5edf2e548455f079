SET 'table.dml-sync' = 'true';
SET 'table.exec.source.idle-timeout' = '5 s';
SET 'millstream.topic.raw-temperature.partitions' = '4';

CREATE TABLE nyc_weather (
  origin STRING, `year` STRING, `month` STRING, `day` STRING, `hour` STRING, temp DOUBLE, dewp DOUBLE, humid DOUBLE,
  wind_dir DOUBLE, wind_speed DOUBLE, wind_gust DOUBLE, precip DOUBLE, pressure DOUBLE, visib DOUBLE, time_hour STRING
) WITH ('connector' = 'filesystem', 'path' = 'nyc_weather_2013.csv.gz', 'format' = 'csv');

CREATE TABLE `raw-temperature` (
  station STRING,
  ts TIMESTAMP_LTZ(3),
  `value` DOUBLE,
  WATERMARK FOR ts AS ts - INTERVAL '1' HOUR
) WITH ('connector' = 'kafka', 'topic' = 'raw-temperature', 'key.format' = 'raw');

CREATE TABLE `agg-temperature` (
  station STRING,
  `time` TIMESTAMP_LTZ(3),
  temperature ROW<`count` BIGINT, `min` DOUBLE, `max` DOUBLE, mean DOUBLE>
) WITH ('connector' = 'kafka', 'topic' = 'agg-temperature');

INSERT INTO `raw-temperature`
SELECT origin, CAST(TO_TIMESTAMP(time_hour, 'yyyy-MM-dd''T''HH:mm:ss''Z''') AS TIMESTAMP_LTZ(3)), temp
FROM nyc_weather
WHERE origin <> 'origin';

EXPLAIN INSERT INTO `agg-temperature`
SELECT station, CAST(window_end AS TIMESTAMP_LTZ(3)), ROW(COUNT(`value`), MIN(`value`), MAX(`value`), AVG(`value`))
FROM TABLE(TUMBLE(TABLE `raw-temperature`, DESCRIPTOR(ts), INTERVAL '1' DAY))
GROUP BY window_start, window_end, station;
====
Sink(table=agg-temperature, fields=[station, time, temperature])
+- Project(station, CAST(window_end AS TIMESTAMP_LTZ(3)) AS time, CAST(ROW(COUNT(value), MIN(value), MAX(value), AVG(value)) AS ROW<`count` BIGINT, `min` DOUBLE, `max` DOUBLE, `mean` DOUBLE>) AS temperature)
   +- WindowAggregate(window=TUMBLE(ts, 1 d), keys=[station], aggregates=[COUNT(value), MIN(value), MAX(value), AVG(value)], properties=[window_end])
      +- Project(ts, station, value)
         +- Watermark(time=ts, watermark=(ts - INTERVAL '1' HOUR), idle-timeout=5 s)
            +- Source(table=raw-temperature, fields=[station, ts, value])
