package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// testdata/flink holds rows and what Flink 2.0.2 with Paimon 2.0.0 made of them
// by the statements below and by scripts 20 to 23: the rows of the table before
// and after the batch has corrected main, and those of the branch.
const flinkData = "testdata/flink"

// flinkRows are Flink's results: table, "before", "after" or "branch" → rows.
func flinkRows(t *testing.T, table, when string) (out []string) {
	t.Helper()
	f, err := os.Open(filepath.Join(flinkData, "results.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var cells []string
		require.NoError(t, json.Unmarshal(lines.Bytes(), &cells))
		if cells[0] == table && cells[1] == when {
			out = append(out, strings.Join(cells[2:], " | "))
		}
	}
	require.NotEmpty(t, out, "%s %s", table, when)
	slices.Sort(out)
	return out
}

const flinkReport = `CREATE TABLE dws.pay_report (dt STRING NOT NULL, order_id STRING NOT NULL, product STRING, order_status INT, order_real_fee DECIMAL(10,2), src STRING, PRIMARY KEY (dt, order_id) NOT ENFORCED) PARTITIONED BY (dt) WITH ('bucket'='2');
CALL sys.create_branch('dws.pay_report', 'streaming');
ALTER TABLE dws.pay_report SET ('scan.fallback-branch' = 'streaming');
ALTER TABLE ` + "`dws`.`pay_report$branch_streaming`" + ` SET ('changelog-producer' = 'lookup');`

const flinkReportStream = "INSERT INTO `dws`.`pay_report$branch_streaming` SELECT DATE_FORMAT(order_create_time, 'yyyy-MM-dd'), order_id, product, order_status, order_real_fee, 'stream' FROM src_order_info_base;"

const flinkReportBatch = "SET 'execution.runtime-mode' = 'batch';\n" +
	"INSERT INTO dws.pay_report SELECT '2024-03-01', order_id, product, order_status, CAST(order_real_fee * 2 AS DECIMAL(10,2)), 'batch' FROM src_order_info_base WHERE DATE_FORMAT(order_create_time, 'yyyy-MM-dd') = '2024-03-01' AND order_status >= 1;"

// flinkSource is rows of testdata/flink as a table src_NAME_base.
type flinkSource struct{ name, columns string }

// run runs statements that read the source, from a script that has the rows
// beside it: others are not read.
func (s flinkSource) run(c *caseRun, statements string) {
	c.t.Helper()
	dir, file := c.t.TempDir(), s.name+".jsonl"
	rows, err := os.ReadFile(filepath.Join(flinkData, file))
	require.NoError(c.t, err)
	table := fmt.Sprintf("CREATE TEMPORARY TABLE src_%s_base (%s) WITH ('connector'='filesystem', 'format'='json', 'path'='%s');\n", s.name, s.columns, script(c.t, dir, file, string(rows)))
	mustTarn(c.t, "run", script(c.t, dir, "statements.sql", table+statements), "-w", c.dir)
}

// mirrored is a table kept by a stream of another.
func (c *caseRun) mirrored(table, columns string) *process {
	c.t.Helper()
	text := fmt.Sprintf("CREATE TABLE dws.mirror (%s, PRIMARY KEY (%s) NOT ENFORCED) WITH ('bucket'='1');\nINSERT INTO dws.mirror SELECT * FROM %s;", columns, strings.Join(flinkKeys[table], ", "), table)
	p := start(c.t, "mirror of "+table, "run", script(c.t, c.t.TempDir(), "mirror.sql", text), "-w", c.dir)
	p.await("started", 20*time.Second)
	return p
}

var flinkKeys = map[string][]string{"dws.pay_report": {"dt", "order_id"}, "dwd.enrich_refund": {"dt", "refund_mer_trade_code"}}

// The statements of the bench against Flink: a stream fills the branch, a batch
// corrects a day in main. A stream of the table follows both.
func TestFlinkReport(t *testing.T) {
	c := newCaseRun(t, "dws")
	source := flinkSource{"order_info", "order_id STRING, product STRING, order_create_time TIMESTAMP(3), order_status INT, order_real_fee DECIMAL(10,2)"}
	source.run(c, flinkReport)
	reader := c.mirrored("dws.pay_report", "dt STRING NOT NULL, order_id STRING NOT NULL, product STRING, order_status INT, order_real_fee DECIMAL(10,2), src STRING")
	columns := []string{"dt", "order_id", "product", "order_status", "order_real_fee", "src"}
	check := func(when string) {
		c.eventuallyRows(when, flinkRows(t, "pay_report", when), "SELECT * FROM dws.pay_report", columns...)
		c.eventuallyRows(when+", streamed", flinkRows(t, "pay_report", when), "SELECT * FROM dws.mirror", columns...)
	}
	source.run(c, flinkReportStream)
	check("before")
	source.run(c, flinkReportBatch)
	check("after")
	c.eventuallyRows("branch", flinkRows(t, "pay_report", "branch"), "SELECT * FROM dws.`pay_report$branch_streaming`", columns...)
	require.NoError(t, reader.stop())
}

// Scripts 20 to 23 as they stand; Flink had script 23 with the expression that
// its alias stands for.
func TestFlinkRefunds(t *testing.T) {
	c := newCaseRun(t, "dwd", "dws")
	c.dt = "2024-03-03"
	c.run("01_enrich_order_ddl.sql")
	source := flinkSource{"order_refund_info", "order_id STRING, refund_mer_trade_code STRING, qid STRING, refund_type INT, refund_status INT, refund_fee DECIMAL(10,2), refund_time TIMESTAMP(3), refund_way INT"}
	c.run("20_refund_ddl.sql", "21_branch.sql")
	reader := c.mirrored("dwd.enrich_refund", "refund_mer_trade_code STRING, dt STRING, refund_order_id STRING, refund_time TIMESTAMP(3), qid STRING, refund_status INT, refund_fee DECIMAL(10, 2)")
	branch := c.job("22_refund_stream_job.sql")
	source.run(c, "SET 'execution.runtime-mode' = 'batch';\nINSERT INTO dwd.enrich_order (order_id, g_refund_seq, refund_info) SELECT order_id, 1, array[row(refund_mer_trade_code, refund_type, refund_status, refund_fee, refund_time, refund_way)] FROM src_order_refund_info_base;\n"+
		"CALL sys.compact('dwd.enrich_order');") // the table is write-only: its changelog is made by compaction
	columns := []string{"refund_mer_trade_code", "dt", "refund_order_id", "refund_time", "qid", "refund_status", "refund_fee"}
	check := func(when string) {
		want := flinkRows(t, "enrich_refund", when)
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], " | null | ", " | <nil> | ")
		}
		c.eventuallyRows(when, slices.Clone(want), "SELECT * FROM dwd.enrich_refund", columns...)
		c.eventuallyRows(when+", streamed", want, "SELECT * FROM dws.mirror", columns...)
	}
	check("before")
	c.run("23_refund_batch_job.sql")
	check("after")
	require.NoError(t, branch.stop())
	require.NoError(t, reader.stop())
}
