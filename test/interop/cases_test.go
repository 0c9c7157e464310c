//go:build witness

package interop

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/dump"
	"github.com/tarndb/tarn/paimon/catalog"
)

// TestWitnessCases passes the warehouse of examples/membership to and fro: Tarn
// runs the scripts; Java 1.4 reads every snapshot, branch and tag, verifies
// every file and goes on writing to every table and branch; Tarn goes on with
// the same scripts; then Java 2.0 does what 1.4 did. Both must read the same.
//
// TARN_PROGRAM is a tarn to use instead of one built here.
func TestWitnessCases(t *testing.T) {
	witness, _, _ := witnessSettings(t)
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
	*relay
	program, dt, out string
	r                *rand.Rand
	round            int
	mids, refunds    map[string]bool // all that were ever inserted
	live             []string        // refunds on days of the branch
}

func newCases(t *testing.T) *cases {
	c := &cases{relay: newRelay(t, "cases"), program: os.Getenv("TARN_PROGRAM"), dt: "2025-06-02", out: t.TempDir(),
		r: rand.New(rand.NewPCG(defaultSeed, 4)), mids: map[string]bool{}, refunds: map[string]bool{}}
	c.tables = caseTables()
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
	return append(args, "--warehouse", c.warehouseDir(), "--var", "dt="+c.dt)
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
	c.tarn(t, "run", path, "-w", c.warehouseDir())
}

// begin makes the tables. Bitmaps have their table with two dimensions more
// than the day, as script 10 declares it.
func (c *cases) begin(t *testing.T) {
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

// caseTables are all tables of the scripts. A stream of a table with a fallback
// branch follows both, which Java does not do, so that its changes are not
// compared.
func caseTables() (out []runner) {
	for _, name := range []string{"dict.mid_mapping", "dwd.cashier_imp_event", "dwd.enrich_order", "dwd.enrich_refund", "dws.cashier_imp_hi",
		"ods.order_coupon_info", "ods.order_device_info", "ods.order_info", "ods.order_refund_info"} {
		db, table, _ := strings.Cut(name, ".")
		r := runner{id: catalog.Identifier{Database: db, Table: table}, about: func() string { return "" }}
		switch table {
		case "enrich_order":
			r.bags = []string{"refund_info"}
		case "enrich_refund":
			r.omit = regexp.MustCompile("^changes")
		}
		out = append(out, r)
	}
	return out
}
