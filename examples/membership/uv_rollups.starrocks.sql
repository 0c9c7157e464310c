-- Dialect: StarRocks (MySQL protocol). Case 2: exact UV of any dimensions from the hourly bitmaps. Nothing is counted twice, and no
-- event is read again.

-- By day.
select dt,
       sum(pv) as pv,
       bitmap_union_count(bitmap_from_binary(uv_bitmap)) as uv
from paimon.dws.cashier_imp_hi
group by dt
order by dt;

-- By product, over all days.
select product,
       sum(pv) as pv,
       bitmap_union_count(bitmap_from_binary(uv_bitmap)) as uv
from paimon.dws.cashier_imp_hi
group by product
order by uv desc, product;

-- By hour of the day, over all days.
select hh,
       sum(pv) as pv,
       bitmap_union_count(bitmap_from_binary(uv_bitmap)) as uv
from paimon.dws.cashier_imp_hi
group by hh
order by hh;

-- By level of membership, with dense ids.
select member_level,
       sum(pv) as pv,
       bitmap_union_count(bitmap_from_binary(uv_bitmap)) as uv
from paimon.dws.cashier_imp_dense_hi
group by member_level
order by member_level;

-- By day and level, with dense ids.
select dt,
       member_level,
       sum(pv) as pv,
       bitmap_union_count(bitmap_from_binary(uv_bitmap)) as uv
from paimon.dws.cashier_imp_dense_hi
group by dt, member_level
order by dt, member_level;

-- Of all.
select sum(pv) as pv,
       bitmap_union_count(bitmap_from_binary(uv_bitmap)) as uv
from paimon.dws.cashier_imp_dense_hi;
