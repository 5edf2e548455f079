CREATE TABLE nyc_weather (origin STRING, temp DOUBLE, dewp DOUBLE, time_hour STRING)
WITH ('connector' = 'filesystem', 'path' = 'nyc_weather_2013.csv.gz', 'format' = 'csv');
CREATE TABLE raw_temperature (station STRING, ts TIMESTAMP(3) NOT NULL, `value` DOUBLE)
WITH ('connector' = 'kafka', 'topic' = 'raw-temperature');
EXPLAIN INSERT INTO raw_temperature
SELECT origin, TO_TIMESTAMP(time_hour, 'yyyy-MM-dd''T''HH:mm:ss''Z'''), temp FROM nyc_weather WHERE origin <> 'origin';
====
Sink(table=raw_temperature, fields=[station, ts, value])
+- Project(origin AS station, NOT_NULL(TO_TIMESTAMP(time_hour, 'yyyy-MM-dd''T''HH:mm:ss''Z'''), 'ts') AS ts, temp AS value)
   +- Filter((origin <> 'origin'))
      +- Source(table=nyc_weather, fields=[origin, temp, time_hour])
