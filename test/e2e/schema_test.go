package e2e

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/test/env/mariadb"
)

// businessTable is a table of the order system.
type businessTable struct {
	name, key string
	columns   []column
}

type column struct{ name, mysql, flink string }

const (
	text = "VARCHAR(64)"
	when = "DATETIME(3)"
	fee  = "DECIMAL(10, 2)"
)

// col declares a column; Flink's type follows from MySQL's.
func col(name, typ string) column {
	flink := map[string]string{text: "STRING", when: "TIMESTAMP(3)", fee: fee, "INT": "INT"}[typ]
	return column{name, typ, flink}
}

// business are the tables that 00_ods.sql mirrors.
var business = []businessTable{
	{"order_info", "order_id", []column{col("order_id", text), col("product", text), col("qid", text), col("order_create_time", when),
		col("order_end_time", when), col("order_status", "INT"), col("order_real_fee", fee), col("sku_id", "INT")}},
	{"order_device_info", "order_id", []column{col("order_id", text), col("mid", text), col("client_type", text), col("android_id", text),
		col("idfa", text), col("client_version", text), col("os_name", text), col("ip", text)}},
	{"order_coupon_info", "coupon_code", []column{col("order_id", text), col("coupon_code", text), col("qid", text), col("coupon_batch", text),
		col("ctime", when), col("coupon_type", "INT"), col("coupon_status", "INT"), col("coupon_discount", text)}},
	{"order_refund_info", "refund_mer_trade_code", []column{col("order_id", text), col("refund_mer_trade_code", text), col("qid", text),
		col("refund_type", "INT"), col("refund_status", "INT"), col("refund_fee", fee), col("refund_time", when), col("refund_way", "INT")}},
}

func (b businessTable) names() []string {
	out := make([]string, len(b.columns))
	for i, c := range b.columns {
		out[i] = c.name
	}
	return out
}

// createBusiness makes the tables in a database of the test's own.
func createBusiness(t testing.TB, s *mariadb.Server, database string) *sql.DB {
	t.Helper()
	admin, err := s.Open("")
	require.NoError(t, err)
	defer admin.Close()
	_, err = admin.Exec("CREATE OR REPLACE DATABASE " + database)
	require.NoError(t, err)
	db, err := s.Open(database)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	for _, b := range business {
		var lines []string
		for _, c := range b.columns {
			lines = append(lines, c.name+" "+c.mysql)
		}
		_, err := db.Exec(fmt.Sprintf("CREATE TABLE %s (%s, PRIMARY KEY (%s)) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", b.name, strings.Join(lines, ", "), b.key))
		require.NoError(t, err)
	}
	return db
}

// ddl makes the tables of the lake; case files are run as they are.
const ddl = `CREATE DATABASE IF NOT EXISTS ods;
CREATE DATABASE IF NOT EXISTS dwd;
CREATE DATABASE IF NOT EXISTS dws;
-- Running totals of the orders as they are: changes take away what they replace.
CREATE TABLE IF NOT EXISTS dws.fee_by_product (
    product STRING, orders BIGINT, fee DECIMAL(20, 2),
    PRIMARY KEY (product) NOT ENFORCED
) WITH ('bucket' = '1', 'merge-engine' = 'aggregation', 'fields.orders.aggregate-function' = 'sum', 'fields.fee.aggregate-function' = 'sum');
-- The same over the wide table, whose changes compaction finds.
CREATE TABLE IF NOT EXISTS dws.wide_by_product (
    product STRING, orders BIGINT, fee DECIMAL(20, 2),
    PRIMARY KEY (product) NOT ENFORCED
) WITH ('bucket' = '1', 'merge-engine' = 'aggregation', 'fields.orders.aggregate-function' = 'sum', 'fields.fee.aggregate-function' = 'sum');
-- A sum inside a sequence group of a partial-update table. Its input is never
-- changed: partial-update cannot take back exactly once some of a key's
-- changes have been merged before others (nor can Paimon's own).
CREATE TABLE IF NOT EXISTS dws.device_by_client (
    client_type STRING, g INT, devices BIGINT, last_ip STRING,
    PRIMARY KEY (client_type) NOT ENFORCED
) WITH ('bucket' = '2', 'merge-engine' = 'partial-update', 'changelog-producer' = 'lookup',
    'fields.g.sequence-group' = 'devices', 'fields.devices.aggregate-function' = 'sum');
`

const sums = `SET 'pipeline.name' = 'sums';
EXECUTE STATEMENT SET BEGIN
INSERT INTO dws.fee_by_product SELECT product, CAST(1 AS BIGINT), order_real_fee FROM ods.order_info;
INSERT INTO dws.wide_by_product SELECT product, CAST(1 AS BIGINT), order_real_fee FROM dwd.enrich_order WHERE product IS NOT NULL;
INSERT INTO dws.device_by_client SELECT client_type, 1, CAST(1 AS BIGINT), ip FROM ods.order_device_info;
END;
`

// cdcScript loads the business tables into the lake.
func cdcScript(s *mariadb.Server, database string, more ...string) string {
	var b strings.Builder
	fmt.Fprintln(&b, "SET 'pipeline.name' = 'cdc';")
	for _, bt := range business {
		var lines []string
		for _, c := range bt.columns {
			lines = append(lines, c.name+" "+c.flink)
		}
		fmt.Fprintf(&b, "CREATE TEMPORARY TABLE %s (%s, PRIMARY KEY (%s) NOT ENFORCED) WITH (\n  'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '%d',\n"+
			"  'username' = 'root', 'password' = '%s', 'database-name' = '%s', 'table-name' = '%s'%s);\n",
			bt.name, strings.Join(lines, ", "), bt.key, s.Port(), mariadb.RootPassword, database, bt.name, strings.Join(more, ""))
	}
	fmt.Fprintln(&b, "EXECUTE STATEMENT SET BEGIN")
	for _, bt := range business {
		fmt.Fprintf(&b, "INSERT INTO ods.%[1]s SELECT * FROM %[1]s;\n", bt.name)
	}
	fmt.Fprintln(&b, "END;")
	return b.String()
}
