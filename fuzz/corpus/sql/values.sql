CREATE TABLE t (a BIGINT, b STRING, c DECIMAL(10, 2)) WITH ('connector' = 'print');
EXPLAIN INSERT INTO t (b, a) VALUES ('x', 1), (NULL, 2);
====
Sink(table=t, fields=[a, b, c])
+- Project(CAST(EXPR$1 AS BIGINT) AS a, EXPR$0 AS b, NULL AS c)
   +- Source(table=values-1, fields=[EXPR$0, EXPR$1])
