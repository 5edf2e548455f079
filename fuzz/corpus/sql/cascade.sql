CREATE TABLE t (id INT, ts TIMESTAMP(3), v DECIMAL(8, 2), WATERMARK FOR ts AS ts - INTERVAL '3' SECOND) WITH ('connector' = 'kafka');
CREATE VIEW minutes AS
SELECT id, window_time AS ts, SUM(v) AS total FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, window_time, id;
EXPLAIN SELECT window_start, AVG(total) FROM TABLE(TUMBLE(TABLE minutes, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;
====
Project(window_start, AVG(CAST(total AS DECIMAL(38, 6))) AS EXPR$1)
+- WindowAggregate(window=TUMBLE(window_time, 1 h), keys=[], aggregates=[AVG(CAST(SUM(CAST(v AS DECIMAL(38, 2))) AS DECIMAL(38, 6)))], properties=[window_start])
   +- Project(window_time, CAST(SUM(CAST(v AS DECIMAL(38, 2))) AS DECIMAL(38, 6)))
      +- WindowAggregate(window=TUMBLE(ts, 1 min), keys=[id], aggregates=[SUM(CAST(v AS DECIMAL(38, 2)))], properties=[window_time])
         +- Project(ts, id, CAST(v AS DECIMAL(38, 2)))
            +- Watermark(time=ts, watermark=(ts - INTERVAL '3' SECOND))
               +- Source(table=t, fields=[id, ts, v])
