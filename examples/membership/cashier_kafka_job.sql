-- Dialect: Flink SQL. Case 2: the impressions of the cashier page from Kafka, exactly once: the offsets of all partitions are part of
-- every commit. Start it again and it goes on where it was.
--
-- Variables: brokers, such as 127.0.0.1:9092.
SET 'pipeline.name' = 'cashier_kafka';
SET 'execution.checkpointing.interval' = '1 s';
CREATE TEMPORARY TABLE source_cashier_imp (
    event_time   TIMESTAMP(3),
    product      STRING,
    member_level INT,
    mid          STRING,
    qid          STRING
) WITH (
    'connector' = 'kafka',
    'topic' = 'cashier_imp',
    'properties.bootstrap.servers' = '${brokers}',
    'scan.startup.mode' = 'earliest-offset',
    'format' = 'json'
);
-- Pages that do not know their device send '' or nothing. The dictionary's key is NOT NULL, and its job ends at a NULL: so it is ''.
INSERT INTO dwd.cashier_imp_event
SELECT event_time,
       DATE_FORMAT(event_time, 'yyyy-MM-dd') AS dt,
       DATE_FORMAT(event_time, 'HH') AS hh,
       product,
       member_level,
       COALESCE(mid, '') AS mid,
       qid
FROM source_cashier_imp;
