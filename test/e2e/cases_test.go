package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// caseFiles are the scripts of examples/membership that users wrote, by the
// digest of what they wrote: they run as they stand.
var caseFiles = map[string]string{
	"00_ods.sql":                "fcdd159f5e587a1f3bcdfc458d2a9a0dec2887ed6ddafc442498a55858752bbc",
	"01_enrich_order_ddl.sql":   "03d8920412d6dd1b96378631675e1174cdbd4f787631ec15a557836217087a2c",
	"02_enrich_order_job.sql":   "b4538b30abd5dc8b58250dca8e505639abeac88ca8705ff8a911b4d97387695d",
	"10_bitmap_ddl.sql":         "b69b0dfa81184b9e19d6bfab622a32934ecf768635ca4ebaac69e18db646eac6",
	"11_dictionary_job.sql":     "9244c6469337977a949fb310780360f85c2a5caa564f3e91bb48fa0ceee77841",
	"12_hourly_uv.spark.sql":    "120c9d89a2a5ffc5dc399829be505e8169ca5ea2ceeb52fec36873e097993ad3",
	"13_uv_query.starrocks.sql": "184ce0be3de2bab0a9a3fe9982771e97ee870e3f99607f58977a51ee918725d6",
	"20_refund_ddl.sql":         "e093f0c356e005c2740e9cbb342b4112d93848b1a758cd8c90de5ad51cfcd1ef",
	"21_branch.sql":             "b8a5672af23872ce4cfb3d4e17c1b43537b77861896c9269b31d7790b50fd721",
	"22_refund_stream_job.sql":  "23c2fcd8d723951c651eb801647c061cf6c6a69cc2dd74a2fd856c70d39b6a21",
	"23_refund_batch_job.sql":   "36615b38abfb7f0bbba59d6e37fd10ab85c1afb2e415ddc7f6532c82e8e7c5a2",
	"24_verify.starrocks.sql":   "bbaedf048763486dfc2da9da01bd181b1e8f628003662ac6fff82a978dc5bbc6",
}

func TestCaseFilesAreUnchanged(t *testing.T) {
	for name, want := range caseFiles {
		text, err := os.ReadFile(caseFile(name))
		require.NoError(t, err)
		digest := sha256.Sum256(text)
		require.Equal(t, want, hex.EncodeToString(digest[:]), name)
	}
}

func caseFile(name string) string { return "../../examples/membership/" + name }

// caseRun is a warehouse in which the scripts run, one process a script, told
// nothing but where the warehouse is and the variable dt.
type caseRun struct {
	t   *testing.T
	dir string
	dt  string
	r   *rand.Rand
}

func newCaseRun(t *testing.T, databases ...string) *caseRun {
	c := &caseRun{t: t, dir: t.TempDir(), dt: time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly), r: rand.New(rand.NewSource(seed(t)))}
	for _, d := range databases {
		mustTarn(t, "sql", "-w", c.dir, "-e", "CREATE DATABASE "+d)
	}
	return c
}

func (c *caseRun) args(files ...string) []string {
	args := []string{"run"}
	for _, f := range files {
		args = append(args, caseFile(f))
	}
	return append(args, "--warehouse", c.dir, "--var", "dt="+c.dt)
}

// run runs scripts to their end and gives what they print.
func (c *caseRun) run(files ...string) string {
	c.t.Helper()
	return mustTarn(c.t, c.args(files...)...)
}

// job starts a script that streams.
func (c *caseRun) job(file string) *process {
	c.t.Helper()
	p := start(c.t, file, c.args(file)...)
	p.await("started", 20*time.Second)
	return p
}

func (c *caseRun) batch(statements string) {
	c.t.Helper()
	mustTarn(c.t, "run", script(c.t, c.t.TempDir(), "batch.sql", "SET 'execution.runtime-mode' = 'batch';\n"+statements), "-w", c.dir)
}

// rows gives the rows of a query as maps, numbers as they are written.
func (c *caseRun) rows(dialect, query string) []map[string]any {
	c.t.Helper()
	return c.parse(mustTarn(c.t, "sql", "-w", c.dir, "--dialect", dialect, "--format", "json", "-e", query))
}

func (c *caseRun) parse(out string) (rows []map[string]any) {
	c.t.Helper()
	for _, line := range strings.Split(out, "\n") {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		row := map[string]any{}
		require.NoError(c.t, d.Decode(&row), line)
		rows = append(rows, row)
	}
	return rows
}

// lines prints rows for comparison: the values of columns, sorted.
func lines(rows []map[string]any, columns ...string) []string {
	out := []string{}
	for _, r := range rows {
		parts := make([]string, len(columns))
		for i, col := range columns {
			parts[i] = fmt.Sprint(r[col])
		}
		out = append(out, strings.Join(parts, " | "))
	}
	slices.Sort(out)
	return out
}

// eventuallyRows waits until a query gives rows.
func (c *caseRun) eventuallyRows(what string, want []string, query string, columns ...string) {
	c.t.Helper()
	slices.Sort(want)
	eventually(c.t, 60*time.Second, func() error {
		have := lines(c.rows("flink", "SET 'execution.runtime-mode' = 'batch'; "+query), columns...)
		if !slices.Equal(want, have) {
			return fmt.Errorf("%s: want %d rows, have %d:\n%s", what, len(want), len(have), firstDifference(want, have))
		}
		return nil
	})
}

func firstDifference(want, have []string) string {
	for i := range max(len(want), len(have)) {
		switch {
		case i >= len(want):
			return "not wanted: " + have[i]
		case i >= len(have):
			return "missing: " + want[i]
		case want[i] != have[i]:
			return "want " + want[i] + "\nhave " + have[i]
		}
	}
	return ""
}

// TestCaseBitmaps runs scripts 10 to 13: the UV of each hour and product by
// bitmaps of dictionary ids is that of counting the distinct devices.
func TestCaseBitmaps(t *testing.T) {
	c := newCaseRun(t, "dwd", "dws", "dict")
	c.run("10_bitmap_ddl.sql")
	events := c.events(3000)
	c.insertEvents(events)

	dictionary := c.job("11_dictionary_job.sql")
	mids := map[string]bool{}
	for _, e := range events {
		if e.mid != "" {
			mids[e.mid] = true
		}
	}
	c.eventuallyRows("devices", []string{fmt.Sprintf("%d | %d", len(mids), len(mids))},
		"SELECT COUNT(*) AS n, COUNT(DISTINCT mid_int) AS ids FROM dict.mid_mapping WHERE mid <> ''", "n", "ids")
	c.run("12_hourly_uv.spark.sql")
	uv := func() []string {
		return lines(c.parse(mustTarn(t, append(c.args("13_uv_query.starrocks.sql"), "--format", "json")...)), "dt", "hh", "product", "pv", "uv")
	}
	require.Equal(t, wantUV(events), uv())

	// The next hour of one day: only its partitions are written again.
	more := c.events(500)
	for i := range more {
		more[i].dt, more[i].hh = "2025-06-02", fmt.Sprintf("%02d", 22+i%2)
	}
	c.insertEvents(more)
	for _, e := range more {
		if e.mid != "" {
			mids[e.mid] = true
		}
	}
	c.eventuallyRows("devices", []string{fmt.Sprintf("%d | %d", len(mids), len(mids))},
		"SELECT COUNT(*) AS n, COUNT(DISTINCT mid_int) AS ids FROM dict.mid_mapping WHERE mid <> ''", "n", "ids")
	c.run("12_hourly_uv.spark.sql")
	require.Equal(t, wantUV(append(events, more...)), uv())
	require.NoError(t, dictionary.stop())
}

// impression is a row of dwd.cashier_imp_event; an empty mid is NULL or empty.
type impression struct{ dt, hh, product, mid string }

func (c *caseRun) events(n int) []impression {
	out := make([]impression, n)
	for i := range out {
		out[i] = impression{fmt.Sprintf("2025-06-%02d", 1+c.r.Intn(3)), fmt.Sprintf("%02d", c.r.Intn(5)), fmt.Sprintf("p%d", c.r.Intn(4)), fmt.Sprintf("m%05d", c.r.Intn(700))}
		if c.r.Intn(50) == 0 {
			out[i].mid = ""
		}
	}
	return out
}

func (c *caseRun) insertEvents(events []impression) {
	c.t.Helper()
	values := make([]string, len(events))
	for i, e := range events {
		values[i] = fmt.Sprintf("(TIMESTAMP '%s %s:00:00', '%s', '%s', '%s', 1, '%s', 'q')", e.dt, e.hh, e.dt, e.hh, e.product, e.mid)
	}
	c.batch("INSERT INTO dwd.cashier_imp_event VALUES " + strings.Join(values, ", "))
}

// wantUV counts as script 12 and 13 mean it.
func wantUV(events []impression) []string {
	type cell struct {
		pv   int
		mids map[string]bool
	}
	cells := map[string]*cell{}
	for _, e := range events {
		if e.mid == "" {
			continue
		}
		key := strings.Join([]string{e.dt, e.hh, e.product}, " | ")
		if cells[key] == nil {
			cells[key] = &cell{mids: map[string]bool{}}
		}
		cells[key].pv++
		cells[key].mids[e.mid] = true
	}
	out := []string{}
	for key, v := range cells {
		out = append(out, fmt.Sprintf("%s | %d | %d", key, v.pv, len(v.mids)))
	}
	slices.Sort(out)
	return out
}

// refund is a row of ods.order_refund_info.
type refund struct {
	code, order string
	status      int
	cents       int
	at          time.Time
}

const stampForm = "2006-01-02 15:04:05.000"

// TestCaseRefunds runs scripts 00 to 02 and 20 to 24: refunds stream into the
// branch, batch writes main, and readers see main where it has the day.
func TestCaseRefunds(t *testing.T) {
	c := newCaseRun(t, "ods", "dwd")
	c.run("00_ods.sql", "01_enrich_order_ddl.sql")
	refunds := c.refunds(120)
	c.insertRefunds(refunds)
	wide := c.job("02_enrich_order_job.sql")
	c.run("20_refund_ddl.sql", "21_branch.sql")
	branch := c.job("22_refund_stream_job.sql")
	inBranch := func(r refund) bool { return r.at.Format(time.DateOnly) >= c.dt }
	const columns = "dt, refund_mer_trade_code, refund_order_id, refund_status, refund_fee"
	names := strings.Split(columns, ", ")
	const branchQuery = "SELECT " + columns + " FROM dwd.`enrich_refund$branch_streaming`"
	c.eventuallyRows("refunds in the branch", wantRefunds(refunds, inBranch), branchQuery, names...)

	// Changes: of what a row says, of the day, out of the job's filter and into it.
	changed := c.change(refunds)
	c.insertRefunds(changed)
	refunds = merged(refunds, changed)
	c.eventuallyRows("changed refunds in the branch", wantRefunds(refunds, inBranch), branchQuery, names...)

	require.Contains(t, c.run("23_refund_batch_job.sql"), "written")
	inMain := func(r refund) bool { return !inBranch(r) }
	// With the branch behind it, the table has all days: old ones of main, new ones of the branch.
	all := func(refund) bool { return true }
	c.eventuallyRows("main and branch", wantRefunds(refunds, all), "SELECT "+columns+" FROM dwd.enrich_refund", names...)
	c.eventuallyRows("days of main", wantRefunds(refunds, inMain), "SELECT "+columns+" FROM dwd.enrich_refund WHERE dt < '"+c.dt+"'", names...)

	since := time.Now().UTC().AddDate(0, 0, -3).Format(time.DateOnly)
	days := map[string]int{}
	for _, r := range refunds {
		if day := r.at.Format(time.DateOnly); day >= since {
			days[day]++
		}
	}
	want := []string{}
	for day, n := range days {
		want = append(want, fmt.Sprintf("%s | %d", day, n))
	}
	slices.Sort(want)
	out := c.parse(mustTarn(t, append(c.args("24_verify.starrocks.sql"), "--format", "json")...))
	require.Equal(t, want, lines(out, "dt", "count(1)"))
	require.NoError(t, branch.stop())
	require.NoError(t, wide.stop())
}

// refunds of orders of the last days; an order has up to several.
func (c *caseRun) refunds(n int) []refund {
	out := make([]refund, n)
	for i := range out {
		out[i] = refund{fmt.Sprintf("r%04d", i), fmt.Sprintf("o%03d", c.r.Intn(n/2)), c.r.Intn(3), c.r.Intn(100000), c.moment()}
	}
	return out
}

func (c *caseRun) moment() time.Time {
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -c.r.Intn(6))
	return day.Add(time.Duration(c.r.Intn(86400000)) * time.Millisecond)
}

// change gives new versions of half of the refunds.
func (c *caseRun) change(refunds []refund) (out []refund) {
	for _, r := range refunds {
		switch c.r.Intn(4) {
		case 0:
			r.status, r.cents = r.status+10, r.cents+1
		case 1:
			r.at = c.moment()
		default:
			continue
		}
		out = append(out, r)
	}
	return out
}

func merged(refunds, changed []refund) []refund {
	out := slices.Clone(refunds)
	for i := range out {
		if at := slices.IndexFunc(changed, func(r refund) bool { return r.code == out[i].code }); at >= 0 {
			out[i] = changed[at]
		}
	}
	return out
}

func (c *caseRun) insertRefunds(refunds []refund) {
	c.t.Helper()
	values := make([]string, len(refunds))
	for i, r := range refunds {
		values[i] = fmt.Sprintf("('%s', '%s', 'q1', 1, %d, %d.%02d, TIMESTAMP '%s', 2)", r.order, r.code, r.status, r.cents/100, r.cents%100, r.at.Format(stampForm))
	}
	c.batch("INSERT INTO ods.order_refund_info VALUES " + strings.Join(values, ", "))
}

func wantRefunds(refunds []refund, in func(refund) bool) []string {
	out := []string{}
	for _, r := range refunds {
		if in(r) {
			out = append(out, fmt.Sprintf("%s | %s | %s | %d | %d.%02d", r.at.Format(time.DateOnly), r.code, r.order, r.status, r.cents/100, r.cents%100))
		}
	}
	return out
}
