CREATE TABLE t (i INT NOT NULL, s STRING) WITH ('connector' = 'kafka');
EXPLAIN SELECT CASE WHEN i > 1 + 1 THEN s ELSE 'none' END AS r FROM t WHERE i <> 0 AND 100 / i > 1 AND s IN ('a', 'b');
====
Project(CASE WHEN (i > 2) THEN s ELSE 'none' END AS r)
+- Filter(((i <> 0) AND ((100 / i) > 1) AND (s IN ('a', 'b'))))
   +- Source(table=t, fields=[i, s])
