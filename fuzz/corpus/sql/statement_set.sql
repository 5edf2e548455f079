CREATE TABLE nexmark (
  event_type INT,
  person ROW<id BIGINT, name VARCHAR, emailAddress VARCHAR, creditCard VARCHAR, city VARCHAR, state VARCHAR, `dateTime` TIMESTAMP(3), extra VARCHAR>,
  auction ROW<id BIGINT, itemName VARCHAR, description VARCHAR, initialBid BIGINT, reserve BIGINT, `dateTime` TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT, extra VARCHAR>,
  bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR, `dateTime` TIMESTAMP(3), extra VARCHAR>,
  `dateTime` AS CASE WHEN event_type = 0 THEN person.`dateTime` WHEN event_type = 1 THEN auction.`dateTime` ELSE bid.`dateTime` END,
  WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND
) WITH ('connector' = 'kafka', 'topic' = 'nexmark', 'format' = 'json');
CREATE VIEW bid AS SELECT bid.auction, bid.bidder, bid.price, bid.channel, bid.url, `dateTime`, bid.extra FROM nexmark WHERE event_type = 2;
CREATE TABLE first_sink (auction BIGINT, price BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE second_sink (bidder BIGINT, city STRING) WITH ('connector' = 'print');
EXPLAIN STATEMENT SET BEGIN
INSERT INTO first_sink SELECT bid.auction, bid.price FROM nexmark WHERE event_type = 2;
INSERT INTO second_sink SELECT bid.bidder, person.city FROM nexmark WHERE bid IS NULL;
END;
====
Sink(table=first_sink, fields=[auction, price])
+- Project(bid.auction AS auction, bid.price AS price)
   +- Filter((event_type = 2))
      +- Source(table=nexmark, fields=[event_type, person.city, bid.auction, bid.bidder, bid.price, bid.channel, bid.url, bid.dateTime, bid.extra]) #0
Sink(table=second_sink, fields=[bidder, city])
+- Project(bid.bidder AS bidder, person.city AS city)
   +- Filter((bid IS NULL))
      +- #0 (above)
