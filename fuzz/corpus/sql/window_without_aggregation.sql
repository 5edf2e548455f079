CREATE TABLE t (id INT, ts TIMESTAMP(3), payload STRING, WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka');
EXPLAIN SELECT id, window_start, window_end, window_time FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '5' MINUTE)) WHERE id > 0;
====
Project(id, TUMBLE_START(ts, 300000 ms) AS window_start, TUMBLE_END(ts, 300000 ms) AS window_end, TUMBLE_TIME(ts, 300000 ms) AS window_time)
+- Filter((id > 0))
   +- Source(table=t, fields=[id, ts])
