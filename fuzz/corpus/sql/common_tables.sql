CREATE TABLE t (a INT, b INT, c ROW<x INT, y ROW<z STRING, w STRING>>) WITH ('connector' = 'kafka');
EXPLAIN WITH u AS (SELECT a + b AS s, c FROM t WHERE a > 0), v (n, deep) AS (SELECT s * 2, c.y FROM u)
SELECT n, n + 1 AS m, deep.z FROM (SELECT * FROM v WHERE n > 10) AS w WHERE deep.z LIKE 'a%';
====
Project(n, (n + 1) AS m, deep.z AS z)
+- Project(((a + b) * 2) AS n, c.y AS deep)
   +- Filter(((a > 0) AND (((a + b) * 2) > 10) AND (c.y.z LIKE 'a%')))
      +- Source(table=t, fields=[a, b, c.y.z])
