







SET 'pipeline.name' = 'weather';
SET 'table.local-time-zone' = 'UTC';



SET 'table.dml-sync' = 'true';






SET 'millstream.topic.raw-temperature.partitions' = '4';



SET 'table.exec.source.idle-timeout' = '5 s';


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
  
  
  'scan.bounded.mode' = 'latest-offset',
  'key.format' = 'raw',
  'key.fields' = 'station',
  'value.format' = 'json',
  'value.json.timestamp-format.standard' = 'ISO-8601',
  'value.fields-include' = 'EXCEPT_KEY'
);



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
  CAST(window_end AS TIM