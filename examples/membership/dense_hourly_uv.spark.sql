-- Dialect: Spark SQL. Case 2 with dense ids: the hourly aggregate, recomputed in batch.
set spark.sql.sources.partitionOverwriteMode=dynamic;
insert overwrite table dws.cashier_imp_dense_hi partition(dt, hh)
select dt,
       hh,
       product,
       member_level,
       count(*) as pv,
       bitmap_agg(t2.mid_int) as uv_bitmap
from dwd.cashier_imp_event t1
join dict.mid_dense t2 on t1.mid = t2.mid
group by 1, 2, 3, 4;
