-- Dialect: StarRocks (MySQL protocol). Case 3: refunds by day, as readers of the table see them: days of main from main, all others
-- from the branch.
select dt,
       count(*) as refunds,
       sum(refund_fee) as fee
from paimon.dwd.enrich_refund
group by dt
order by dt;
