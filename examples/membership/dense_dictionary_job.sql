-- Dialect: Flink SQL. Case 2 with dense ids: the dictionary, filled by a stream. An id is given when its device enters the table, in
-- one commit with the counter and the job's position.
INSERT INTO dict.mid_dense
SELECT mid, dense_id('dict.mid_dense') AS mid_int
FROM dwd.cashier_imp_event
WHERE mid <> '';
