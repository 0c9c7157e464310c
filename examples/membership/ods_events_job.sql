-- Dialect: Flink SQL. The same four tables from files of Debezium events (JSON, one event a line), in the folders
-- ${events}/order_info and so on. The job ends after the last line. To keep on reading files that appear or grow, add
--     'source.monitor-interval' = '1 s'
-- to each table. A relative ${events} starts at this script's folder.
SET 'pipeline.name' = 'ods_events';
SET 'execution.checkpointing.interval' = '1 s';
CREATE TEMPORARY TABLE source_order_info (
    order_id               STRING,
    product                STRING,
    qid                    STRING,
    order_create_time      TIMESTAMP(3),
    order_end_time         TIMESTAMP(3),
    order_status           INT,
    order_real_fee         DECIMAL(10, 2),
    sku_id                 INT,
    PRIMARY KEY (order_id) NOT ENFORCED
) WITH (
    'connector' = 'filesystem',
    'path' = '${events}/order_info',
    'format' = 'debezium-json'
);
CREATE TEMPORARY TABLE source_order_device_info (
    order_id               STRING,
    mid                    STRING,
    client_type            STRING,
    android_id             STRING,
    idfa                   STRING,
    client_version         STRING,
    os_name                STRING,
    ip                     STRING,
    PRIMARY KEY (order_id) NOT ENFORCED
) WITH (
    'connector' = 'filesystem',
    'path' = '${events}/order_device_info',
    'format' = 'debezium-json'
);
CREATE TEMPORARY TABLE source_order_coupon_info (
    order_id               STRING,
    coupon_code            STRING,
    qid                    STRING,
    coupon_batch           STRING,
    ctime                  TIMESTAMP(3),
    coupon_type            INT,
    coupon_status          INT,
    coupon_discount        STRING,
    PRIMARY KEY (coupon_code) NOT ENFORCED
) WITH (
    'connector' = 'filesystem',
    'path' = '${events}/order_coupon_info',
    'format' = 'debezium-json'
);
CREATE TEMPORARY TABLE source_order_refund_info (
    order_id               STRING,
    refund_mer_trade_code  STRING,
    qid                    STRING,
    refund_type            INT,
    refund_status          INT,
    refund_fee             DECIMAL(10, 2),
    refund_time            TIMESTAMP(3),
    refund_way             INT,
    PRIMARY KEY (refund_mer_trade_code) NOT ENFORCED
) WITH (
    'connector' = 'filesystem',
    'path' = '${events}/order_refund_info',
    'format' = 'debezium-json'
);
EXECUTE STATEMENT SET BEGIN
INSERT INTO ods.order_info SELECT * FROM source_order_info;
INSERT INTO ods.order_device_info SELECT * FROM source_order_device_info;
INSERT INTO ods.order_coupon_info SELECT * FROM source_order_coupon_info;
INSERT INTO ods.order_refund_info SELECT * FROM source_order_refund_info;
END;
