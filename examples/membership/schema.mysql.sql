-- The business database: what the order system of the example writes.
-- MySQL 8 and MariaDB. The server needs log_bin and binlog_format=ROW
-- (binlog_row_image=FULL, the default) for change capture.
CREATE TABLE order_info (
    order_id          VARCHAR(64)    NOT NULL COMMENT '订单ID',
    product           VARCHAR(128)   NULL     COMMENT '所属产品名称',
    qid               VARCHAR(64)    NULL     COMMENT '用户id',
    order_create_time DATETIME(3)    NULL     COMMENT '订单创建时间',
    order_end_time    DATETIME(3)    NULL     COMMENT '订单结束/时间',
    order_status      INT            NULL     COMMENT '订单状态',
    order_real_fee    DECIMAL(10, 2) NULL     COMMENT '订单实付金额',
    sku_id            INT            NULL     COMMENT '商品id',
    PRIMARY KEY (order_id)
) DEFAULT CHARSET = utf8mb4;
CREATE TABLE order_device_info (
    order_id       VARCHAR(64)  NOT NULL COMMENT '订单ID',
    mid            VARCHAR(64)  NULL     COMMENT '设备id',
    client_type    VARCHAR(32)  NULL     COMMENT '客户端类型',
    android_id     VARCHAR(64)  NULL     COMMENT 'android设备id',
    idfa           VARCHAR(64)  NULL     COMMENT 'idfa',
    client_version VARCHAR(64)  NULL     COMMENT '客户端版本',
    os_name        VARCHAR(128) NULL     COMMENT '操作系统名称',
    ip             VARCHAR(64)  NULL     COMMENT 'ip',
    PRIMARY KEY (order_id)
) DEFAULT CHARSET = utf8mb4;
CREATE TABLE order_coupon_info (
    order_id        VARCHAR(64)  NOT NULL COMMENT '订单ID',
    coupon_code     VARCHAR(64)  NOT NULL COMMENT '优惠券唯一码',
    qid             VARCHAR(64)  NULL     COMMENT '领取用户id',
    coupon_batch    VARCHAR(128) NULL     COMMENT '优惠券批次码',
    ctime           DATETIME(3)  NULL     COMMENT '优惠券领取时间',
    coupon_type     INT          NULL     COMMENT '优惠券类型',
    coupon_status   INT          NULL     COMMENT '优惠券状态',
    coupon_discount VARCHAR(128) NULL     COMMENT '优惠券折扣/减免值',
    PRIMARY KEY (coupon_code)
) DEFAULT CHARSET = utf8mb4;
CREATE TABLE order_refund_info (
    order_id              VARCHAR(64)    NOT NULL COMMENT '订单ID',
    refund_mer_trade_code VARCHAR(64)    NOT NULL COMMENT '退款流水号',
    qid                   VARCHAR(64)    NULL     COMMENT '用户id',
    refund_type           INT            NULL     COMMENT '退款类型',
    refund_status         INT            NULL     COMMENT '退款状态',
    refund_fee            DECIMAL(10, 2) NULL     COMMENT '退款金额',
    refund_time           DATETIME(3)    NULL     COMMENT '退款时间',
    refund_way            INT            NULL     COMMENT '退款支付方式',
    PRIMARY KEY (refund_mer_trade_code)
) DEFAULT CHARSET = utf8mb4;
