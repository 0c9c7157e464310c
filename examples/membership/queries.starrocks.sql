-- Dialect: StarRocks (MySQL protocol). What analysts ask of the wide table.

-- Orders, money and discounts by product.
select coalesce(product, '(none)') as product,
       count(*) as orders,
       sum(order_real_fee) as fee,
       count(coupon_code) as with_coupon
from paimon.dwd.enrich_order
where order_status in (1, 2, 3)
group by product
order by orders desc, product
limit 10;

-- How orders end, by kind of device.
select coalesce(client_type, '(unknown)') as client_type,
       order_status,
       count(*) as orders
from paimon.dwd.enrich_order
where order_create_time is not null
group by client_type, order_status
order by client_type, order_status;

-- Money back: every refund is an element of its order's refund_info.
select refund.refund_status,
       count(*) as refunds,
       count(distinct order_id) as orders,
       sum(refund.refund_fee) as refund_fee
from paimon.dwd.enrich_order, unnest(refund_info) as t(refund)
group by refund.refund_status
order by refund.refund_status;

-- Refunds whose order has not arrived yet: the streams need not wait for each other.
select order_id, refund_info
from paimon.dwd.enrich_order
where order_status is null and refund_info is not null
order by order_id
limit 5;
