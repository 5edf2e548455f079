CREATE TABLE nexmark (
  event_type INT,
  person ROW<id BIGINT, name VARCHAR, emailAddress VARCHAR, creditCard VARCHAR, city VARCHAR, state VARCHAR, `dateTime` TIMESTAMP(3), extra VARCHAR>,
  auction ROW<id BIGINT, itemName VARCHAR, description VARCHAR, initialBid BIGINT, reserve BIGINT, `dateTime` TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT, extra VARCHAR>,
  bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, `dateTime` TIMESTAMP(3), extra VARCHAR>,
  `dateTime` AS CASE WHEN event_type = 0 THEN person.`dateTime` WHEN event_type = 1 THEN auction.`dateTime` ELSE bid.`dateTime` END,
  WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'nexmark', 'format' = 'json');
CREATE VIEW bid AS SELECT bid.auction, bid.bidder, bid.price, bid.channel, bid.url, `dateTime`, bid.extra FROM nexmark WHERE event_type = 2;
EXPLAIN SELECT auction, MAX(price) AS top, COUNT(*) FILTER (WHERE channel = 'Apple') AS apples, TUMBLE_START(`dateTime`, INTERVAL '10' SECOND) AS starttime, TUMBLE_ROWTIME(`dateTime`, INTERVAL '10' SECOND) AS rowtime
FROM bid GROUP BY auction, TUMBLE(`dateTime`, INTERVAL '10' SECOND) HAVING COUNT(*) > 1;
====
Project(bid.auction AS auction, MAX(price) AS top, COUNT(*) FILTER (WHERE (channel = 'Apple')) AS apples, window_start AS starttime, window_time AS rowtime)
+- Filter((COUNT(*) > 1))
   +- WindowAggregate(window=TUMBLE(dateTime, 10 s), keys=[bid.auction], aggregates=[MAX(bid.price), COUNT(*) FILTER (WHERE (bid.channel = 'Apple')), COUNT(*)], properties=[window_start, window_time])
      +- Project(dateTime, bid.auction, bid.price, (bid.channel = 'Apple'))
         +- Filter((event_type = 2))
            +- Watermark(time=dateTime, watermark=(dateTime - INTERVAL '4' SECOND))
               +- Project(event_type, bid, CASE WHEN (event_type = 0) THEN person.dateTime WHEN (event_type = 1) THEN auction.dateTime ELSE bid.dateTime END AS dateTime)
                  