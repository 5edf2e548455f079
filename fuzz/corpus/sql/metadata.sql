CREATE TABLE t (
  id INT,
  `at` TIMESTAMP(3) METADATA FROM 'timestamp' VIRTUAL,
  `offset` BIGINT METADATA VIRTUAL,
  WATERMARK FOR `at` AS `at` - INTERVAL '1' SECOND
) WITH ('connector' = 'kafka', 'topic' = 't');
EXPLAIN SELECT window_end, COUNT(*), MAX(`offset`) FROM TABLE(TUMBLE(DATA => TABLE t, TIMECOL => DESCRIPTOR(`at`), SIZE => INTERVAL '1' MINUTE, OFFSET => INTERVAL '10' SECOND))
GROUP BY window_start, window_end;
====
Project(window_end, COUNT(*) AS EXPR$1, MAX(offset) AS EXPR$2)
+- WindowAggregate(window=TUMBLE(at, 1 min, offset=10 s), keys=[], aggregates=[COUNT(*), MAX(offset)], properties=[window_end])
   +- Project(at, offset)
      +- Watermark(time=at, watermark=(at - INTERVAL '1' SECOND))
         +- Project(offset, CAST(at AS TIMESTAMP(3)) AS at)
            +- Source(table=t, fields=[at, offset])
