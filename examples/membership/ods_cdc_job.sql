-- Dialect: Flink SQL. The four business tables of MySQL or MariaDB, kept in the ODS tables by CDC: first a snapshot, then the
-- binlog, exactly once. Start it again and it goes on where it was.
--
-- Variables: mysql_host, mysql_port, mysql_user, mysql_password, mysql_database. The user needs SELECT, REPLICATION SLAVE and
-- REPLICATION CLIENT (MariaDB: BINLOG MONITOR).
SET 'pipeline.name' = 'ods_cdc';
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
    'connector' = 'mysql-cdc',
    'hostname' = '${mysql_host}',
    'port' = '${mysql_port}',
    'username' = '${mysql_user}',
    'password' = '${mysql_password}',
    'database-name' = '${mysql_database}',
    'table-name' = 'order_info'
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
    'connector' = 'mysql-cdc',
    'hostname' = '${mysql_host}',
    'port' = '${mysql_port}',
    'username' = '${mysql_user}',
    'password' = '${mysql_password}',
    'database-name' = '${mysql_database}',
    'table-name' = 'order_device_info'
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
    'connector' = 'mysql-cdc',
    'hostname' = '${mysql_host}',
    'port' = '${mysql_port}',
    'username' = '${mysql_user}',
    'password' = '${mysql_password}',
    'database-name' = '${mysql_database}',
    'table-name' = 'order_coupon_info'
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
    'connector' = 'mysql-cdc',
    'hostname' = '${mysql_host}',
    'port' = '${mysql_port}',
    'username' = '${mysql_user}',
    'password' = '${mysql_password}',
    'database-name' = '${mysql_database}',
    'table-name' = 'order_refund_info'
);
EXECUTE STATEMENT SET BEGIN
INSERT INTO ods.order_info SELECT * FROM source_order_info;
INSERT INTO ods.order_device_info SELECT * FROM source_order_device_info;
INSERT INTO ods.order_coupon_info SELECT * FROM source_order_coupon_info;
INSERT INTO ods.order_refund_info SELECT * FROM source_order_refund_info;
END;
