EXPLAIN SELECT 1 + 2 AS three, UPPER('x') || 'y' AS text, INTERVAL '1' DAY AS day_long LIMIT 5;
====
Limit(5)
Project(3 AS three, 'Xy' AS text, INTERVAL '1' DAY AS day_long)
+- Source(table=values-1, fields=[])
