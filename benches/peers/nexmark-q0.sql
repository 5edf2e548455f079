-- q0: bids as they are. What reading, decoding and passing on costs.

CREATE TABLE q0 (auction BIGINT, bidder BIGINT, price BIGINT, `dateTime` TIMESTAMP(3), extra STRING) WITH ('connector' = 'blackhole');

INSERT INTO q0 SELECT auction, bidder, price, `dateTime`, extra FROM bid;
