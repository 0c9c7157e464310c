-- Dialect: Flink SQL. Case 2 with dense ids: a dictionary that counts its devices 0, 1, 2, … without gaps, and hourly bitmaps of them
-- with one dimension more. Dense ids make bitmaps that are many times smaller.
CREATE TABLE dict.mid_dense (
    mid     STRING NOT NULL,
    mid_int BIGINT,
    PRIMARY KEY (mid) NOT ENFORCED
) WITH (
    'merge-engine' = 'first-row',
    'ignore-delete' = 'true'
);
CREATE TABLE dws.cashier_imp_dense_hi (
    dt           STRING,
    hh           STRING,
    product      STRING,
    member_level INT,
    pv           INT,
    uv_bitmap    VARBINARY,
    PRIMARY KEY (dt, hh, product, member_level) NOT ENFORCED
) PARTITIONED BY (dt, hh) WITH (
    'merge-engine' = 'aggregation',
    'fields.pv.aggregate-function' = 'sum',
    'fields.uv_bitmap.aggregate-function' = 'last_non_null_value'
);
