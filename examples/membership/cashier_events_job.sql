-- Dialect: Flink SQL. Case 2: the impressions of the cashier page from files (JSON, one event a line) in ${events}/cashier_imp. The
-- job ends after the last line. To keep on reading files that appear or grow, add
--     'source.monitor-interval' = '1 s'
-- A relative ${events} starts at this script's folder.
SET 'pipeline.name' = 'cashier_events';
SET 'execution.checkpointing.interval' = '1 s';
CREATE TEMPORARY TABLE source_cashier_imp (
    event_time   TIMESTAMP(3),
    product      STRING,
    member_level INT,
    mid          STRING,
    qid          STRING
) WITH (
    'connector' = 'filesystem',
    'path' = '${events}/cashier_imp',
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
