-- Dialect: StarRocks (MySQL protocol). Case 2: bytes of the same bitmaps, with the ids of auto_id(), with dense ids, and of the ids
-- themselves at 8 bytes each.

-- One bitmap a day.
select s.dt,
       s.uv,
       s.bytes as snowflake,
       d.bytes as dense,
       8 * s.uv as ids,
       d.uv as dense_uv
from (select dt, bitmap_count(bitmap_union(uv_bitmap)) as uv, length(bitmap_to_binary(bitmap_union(uv_bitmap))) as bytes
      from paimon.dws.cashier_imp_hi group by dt) s
join (select dt, bitmap_count(bitmap_union(uv_bitmap)) as uv, length(bitmap_to_binary(bitmap_union(uv_bitmap))) as bytes
      from paimon.dws.cashier_imp_dense_hi group by dt) d on s.dt = d.dt
order by s.dt;

-- One bitmap an hour and product, together.
select s.dt,
       s.uv,
       s.bytes as snowflake,
       d.bytes as dense,
       8 * s.uv as ids,
       d.uv as dense_uv
from (select dt, sum(bitmap_count(uv_bitmap)) as uv, sum(length(uv_bitmap)) as bytes
      from paimon.dws.cashier_imp_hi group by dt) s
join (select dt, sum(bitmap_count(u)) as uv, sum(length(bitmap_to_binary(u))) as bytes
      from (select dt, hh, product, bitmap_union(uv_bitmap) as u from paimon.dws.cashier_imp_dense_hi group by dt, hh, product) c
      group by dt) d on s.dt = d.dt
order by s.dt;
