//go:build witness

package interop

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/dump"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
)

// TestWitnessCases passes the warehouse of examples/membership to and fro: Tarn
// runs the scripts; Java 1.4 reads every snapshot, branch and tag, verifies
// every file and goes on writing to every table and branch; Tarn goes on with
// the same scripts; then Java 2.0 does what 1.4 did. Both must read the same.
//
// TARN_PROGRAM is a tarn to use instead of one built here.
func TestWitnessCases(t *testing.T) {
	witness := os.Getenv("TARN_WITNESS")
	require.NotEmpty(t, witness, "TARN_WITNESS is not set to where test/witness/build.sh has built: run `make test-interop`")
	c := newCases(t)
	c.begin(t)
	steps := []struct {
		name string
		f    func(*testing.T)
	}{
		{"Tarn runs the scripts", c.scripts},
		{"Java 1.4 reads and goes on", func(t *testing.T) { c.pass(t, filepath.Join(witness, "witness-1.4")) }},
		{"Tarn goes on", c.scripts},
		{"Java 2.0 reads and goes on", func(t *testing.T) { c.pass(t, filepath.Join(witness, "witness-2.0")) }},
		{"Tarn goes on again", c.scripts},
	}
	for _, s := range steps {
		require.True(t, t.Run(s.name, s.f))
	}
}

// cases is the warehouse of the membership scripts.
type cases struct {
	program, dir, dt string
	r                *rand.Rand
	round            int
	mids, refunds    map[string]bool // all that were ever inserted
	live             []string        // refunds on days of the branch
	out              string
}

func newCases(t *testing.T) *cases {
	c := &cases{program: os.Getenv("TARN_PROGRAM"), dir: filepath.Join(t.TempDir(), "warehouse"), dt: "2025-06-02", out: t.TempDir(),
		r: rand.New(rand.NewPCG(defaultSeed, 4)), mids: map[string]bool{}, refunds: map[string]bool{}}
	if c.program == "" {
		c.program = filepath.Join(c.out, "tarn")
		out, err := exec.Command("go", "build", "-o", c.program, "github.com/tarndb/tarn/cmd/tarn").CombinedOutput()
		require.NoError(t, err, "build tarn: %s", out)
	}
	return c
}

func caseFile(name string) string { return filepath.Join("../../examples/membership", name) }

func (c *cases) args(files ...string) []string {
	args := []string{"run"}
	for _, f := range files {
		args = append(args, caseFile(f))
	}
	return append(args, "--warehouse", c.dir, "--var", "dt="+c.dt)
}

func (c *cases) tarn(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.Command(c.program, args...).CombinedOutput()
	require.NoError(t, err, "tarn %v: %s", args, out)
}

func (c *cases) sql(t *testing.T, statements string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "batch.sql")
	require.NoError(t, os.WriteFile(path, []byte("SET 'execution.runtime-mode' = 'batch';\n"+statements), 0o644))
	c.tarn(t, "run", path, "-w", c.dir)
}

// begin makes the tables. Bitmaps have their table with two dimensions more
// than the day, as script 10 declares it.
func (c *cases) begin(t *testing.T) {
	require.NoError(t, os.MkdirAll(c.dir, 0o755))
	c.sql(t, "CREATE DATABASE ods; CREATE DATABASE dwd; CREATE DATABASE dws; CREATE DATABASE dict;")
	c.tarn(t, c.args("00_ods.sql", "01_enrich_order_ddl.sql", "10_bitmap_ddl.sql", "20_refund_ddl.sql", "21_branch.sql")...)
}

// scripts lets new rows come and runs every script that writes, the streams
// until they have all of them.
func (c *cases) scripts(t *testing.T) {
	c.round++
	c.orders(t)
	c.events(t)
	c.stream(t, "11_dictionary_job.sql", "mid", c.mids, catalog.Identifier{Database: "dict", Table: "mid_mapping"})
	c.tarn(t, c.args("12_hourly_uv.spark.sql")...)
	wide := c.start(t, "02_enrich_order_job.sql")
	c.stream(t, "22_refund_stream_job.sql", "refund_mer_trade_code", c.inBranch(), catalog.Identifier{Database: "dwd", Table: "enrich_refund", Branch: "streaming"})
	wide.stop(t)
	c.tarn(t, c.args("23_refund_batch_job.sql")...)
	tags := ""
	for _, name := range []string{"dwd.enrich_refund", "dict.mid_mapping", "dws.cashier_imp_hi", "dwd.cashier_imp_event"} {
		tags += fmt.Sprintf("CALL sys.create_tag('%s', 'round_%d');\n", name, c.round)
	}
	c.sql(t, tags)
}

func (c *cases) orders(t *testing.T) {
	var orders, devices, coupons, refunds []string
	for range 40 {
		id := fmt.Sprintf("o%03d", c.r.IntN(200))
		orders = append(orders, fmt.Sprintf("('%s', '会员', 'q%d', TIMESTAMP '2025-06-01 10:00:00.%03d', NULL, %d, %d.%02d, %d)", id, c.r.IntN(50), c.r.IntN(1000), c.r.IntN(5), c.r.IntN(500), c.r.IntN(100), c.r.IntN(9)))
		devices = append(devices, fmt.Sprintf("('%s', 'm%d', 'ios', NULL, 'idfa', '1.0', 'os', '10.0.0.1')", id, c.r.IntN(50)))
		coupons = append(coupons, fmt.Sprintf("('%s', 'cp-%s', 'q', 'b1', TIMESTAMP '2025-06-01 09:00:00', 1, %d, '满100减20')", id, id, c.r.IntN(3)))
	}
	for range 60 {
		code, day := fmt.Sprintf("r%d-%03d", c.round, c.r.IntN(80)), 1+c.r.IntN(4)
		if c.refunds[code] {
			continue
		}
		c.refunds[code] = true
		if fmt.Sprintf("2025-06-%02d", day) >= c.dt {
			c.live = append(c.live, code)
		}
		refunds = append(refunds, fmt.Sprintf("('o%03d', '%s', 'q1', 1, %d, %d.%02d, TIMESTAMP '2025-06-%02d 12:00:00.%03d', 2)", c.r.IntN(200), code, c.r.IntN(3), c.r.IntN(500), c.r.IntN(100), day, c.r.IntN(1000)))
	}
	insert := func(table string, rows []string) string {
		return "INSERT INTO ods." + table + " VALUES " + strings.Join(rows, ", ") + ";\n"
	}
	c.sql(t, insert("order_info", orders)+insert("order_device_info", devices)+insert("order_coupon_info", coupons)+insert("order_refund_info", refunds))
}

func (c *cases) inBranch() map[string]bool {
	out := map[string]bool{}
	for _, code := range c.live {
		out[code] = true
	}
	return out
}

func (c *cases) events(t *testing.T) {
	var rows []string
	for range 2000 {
		mid := fmt.Sprintf("m%05d", c.r.IntN(900))
		c.mids[mid] = true
		dt, hh := fmt.Sprintf("2025-06-%02d", 1+c.r.IntN(3)), fmt.Sprintf("%02d", c.r.IntN(4))
		rows = append(rows, fmt.Sprintf("(TIMESTAMP '%s %s:00:00', '%s', '%s', 'p%d', 1, '%s', 'q')", dt, hh, dt, hh, c.r.IntN(3), mid))
	}
	c.sql(t, "INSERT INTO dwd.cashier_imp_event VALUES "+strings.Join(rows, ", "))
}

// job is a script that streams.
type job struct {
	cmd  *exec.Cmd
	out  strings.Builder
	done chan error
}

func (c *cases) start(t *testing.T, file string) *job {
	j := &job{cmd: exec.Command(c.program, c.args(file)...), done: make(chan error, 1)}
	j.cmd.Stdout, j.cmd.Stderr = &j.out, &j.out
	j.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	require.NoError(t, j.cmd.Start())
	go func() { j.done <- j.cmd.Wait() }() // stop and the clean-up wait for it
	t.Cleanup(func() {
		if j.cmd != nil {
			_ = j.cmd.Process.Kill()
			<-j.done
		}
	})
	return j
}

func (j *job) stop(t *testing.T) {
	t.Helper()
	_ = j.cmd.Process.Signal(syscall.SIGTERM)
	err := <-j.done
	j.cmd = nil
	require.NoError(t, err, j.out.String())
}

// stream runs a script until a table has all keys.
func (c *cases) stream(t *testing.T, file, key string, want map[string]bool, id catalog.Identifier) {
	t.Helper()
	j := c.start(t, file)
	quoted := regexp.MustCompile(`"` + key + `":"([^"]*)"`)
	for end := time.Now().Add(90 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		missing := len(want)
		seen := map[string]bool{}
		for _, m := range quoted.FindAllStringSubmatch(dumped(t, c.warehouse(t), dump.Options{Table: id}), -1) {
			if want[m[1]] && !seen[m[1]] {
				missing--
			}
			seen[m[1]] = true
		}
		if missing == 0 {
			break
		}
		select {
		case err := <-j.done:
			j.done <- err
			require.Fail(t, "ended by itself", "%s: %v\n%s", file, err, j.out.String())
		default:
		}
		require.True(t, time.Now().Before(end), "%s: %d of %d keys have not come to %s", file, missing, len(want), id)
	}
	j.stop(t)
}

func (c *cases) warehouse(t *testing.T) *paimon.Warehouse {
	store, err := fileio.NewLocal(c.dir)
	require.NoError(t, err)
	return paimon.Open(store, paimon.Options{SpillDir: t.TempDir()})
}

// caseTables are all tables of the scripts, and their branches.
func caseTables() (out []catalog.Identifier) {
	for _, name := range []string{"dict.mid_mapping", "dwd.cashier_imp_event", "dwd.enrich_order", "dwd.enrich_refund", "dws.cashier_imp_hi",
		"ods.order_coupon_info", "ods.order_device_info", "ods.order_info", "ods.order_refund_info"} {
		db, table, _ := strings.Cut(name, ".")
		out = append(out, catalog.Identifier{Database: db, Table: table})
	}
	return out
}

// pass gives the warehouse to a witness, and compares what both read before
// and after the witness wrote.
func (c *cases) pass(t *testing.T, program string) {
	out := filepath.Join(c.out, filepath.Base(program))
	before := map[catalog.Identifier]map[string]string{}
	for _, id := range caseTables() {
		before[id] = c.readAll(t, id)
	}
	c.aside(t, program)
	report, err := exec.Command(program, "relay", c.dir, out).CombinedOutput()
	verdicts := verdicts(string(report))
	require.Len(t, verdicts, len(caseTables()), "%v\n%s", err, report)
	for _, id := range caseTables() {
		t.Run(id.String(), func(t *testing.T) {
			require.Equal(t, "ok", verdicts[id.String()], "what Java says of the files, or of its own writing on top of them")
			sameFiles(t, filepath.Join(out, "before", id.String()), before[id])
			now := c.readAll(t, id)
			for file := range now {
				if old, ok := before[id][file]; ok && strings.Contains(file, "@") {
					require.Equal(t, old, now[file], "%s has changed after later commits", file)
					delete(now, file) // Java does not give it again
				}
			}
			sameFiles(t, filepath.Join(out, "after", id.String()), now)
		})
	}
	c.aside(t, program)
	t.Logf("%s has verified and continued %d tables; snapshots compared: %d", filepath.Base(program), len(verdicts), c.snapshots(before))
}

func (c *cases) snapshots(read map[catalog.Identifier]map[string]string) (n int) {
	for _, files := range read {
		n += len(files) - 1
	}
	return n
}

// readAll gives all that Tarn reads of a table, under the witness's file names.
// A stream of a table with a fallback branch follows both, which Java does not
// do, so that changes are not compared.
func (c *cases) readAll(t *testing.T, id catalog.Identifier) map[string]string {
	w := c.warehouse(t)
	table, err := w.Table(context.Background(), id, nil)
	require.NoError(t, err)
	all, err := table.Snapshots(context.Background())
	require.NoError(t, err)
	out := map[string]string{"state.jsonl": dumped(t, w, dump.Options{Table: id})}
	if id.Table != "enrich_refund" {
		out["changes.jsonl"] = dumped(t, w, dump.Options{Table: id, Changelog: true})
	}
	for _, s := range all {
		out[fmt.Sprintf("state@%d.jsonl", s.ID)] = dumped(t, w, dump.Options{Table: id, Snapshot: s.ID})
	}
	return out
}

// caseBags are array columns whose order is not defined.
var caseBags = map[string][]string{"dwd.enrich_order": {"refund_info"}}

// sameFiles compares what Tarn read with the witness's files of a table.
func sameFiles(t *testing.T, dir string, got map[string]string) {
	t.Helper()
	reason, err := os.ReadFile(filepath.Join(dir, "error.txt"))
	require.ErrorIs(t, err, os.ErrNotExist, "Java cannot read the table: %s", reason)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	var theirs []string
	for _, f := range files {
		if _, ok := got[f.Name()]; ok || f.Name() != "changes.jsonl" {
			theirs = append(theirs, f.Name())
		}
	}
	require.Equal(t, theirs, sorted(got), "snapshots that Java (above) and Tarn see")
	for _, name := range slices.Backward(theirs) {
		want, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		compare(t, filepath.Base(dir)+"/"+name, string(want), got[name], name == "changes.jsonl", caseBags[filepath.Base(dir)])
	}
}

// aside compares the branch, its changes, and the tags. Java looks for the
// schema of a tag in the fallback branch too, so that such a table's tags can
// only be verified, which its check does.
func (c *cases) aside(t *testing.T, program string) {
	t.Helper()
	w := c.warehouse(t)
	branch := catalog.Identifier{Database: "dwd", Table: "enrich_refund", Branch: "streaming"}
	c.same(t, w, program, dump.Options{Table: branch}, "dwd.enrich_refund", "--branch", "streaming")
	c.same(t, w, program, dump.Options{Table: branch, Changelog: true}, "dwd.enrich_refund", "--branch", "streaming", "--changelog")
	for _, id := range caseTables() {
		if id.Table == branch.Table {
			continue
		}
		table, err := w.Table(context.Background(), id, nil)
		require.NoError(t, err)
		tags, err := table.Tags(context.Background())
		require.NoError(t, err)
		for _, tag := range tags {
			c.same(t, w, program, dump.Options{Table: id, Tag: tag}, id.String(), "--tag", tag)
		}
	}
}

func (c *cases) same(t *testing.T, w *paimon.Warehouse, program string, o dump.Options, args ...string) {
	t.Helper()
	cmd := exec.Command(program, append([]string{"dump", c.dir}, args...)...)
	cmd.Stderr = os.Stderr
	want, err := cmd.Output()
	require.NoError(t, err, "%s dump %v", filepath.Base(program), args)
	require.NotEmpty(t, want, "%v", args)
	compare(t, strings.Join(args, " "), string(want), dumped(t, w, o), o.Changelog, nil)
}
