package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A job chain is killed at random moments while the database is written; in
// the end every table holds exactly what it should, and so does every
// changelog on the way.
func TestKill(t *testing.T) {
	t.Run("one process", func(t *testing.T) {
		testKill(t, "kill_one", func(f *killRun) {
			f.process("all", "run", f.cdc, f.wide, f.sums, "--set", "execution.checkpointing.interval="+f.interval, "-w", f.lake.dir)
		})
	})
	t.Run("three processes", func(t *testing.T) {
		testKill(t, "kill_three", func(f *killRun) {
			f.process("cdc", "run", f.cdc, "--set", "execution.checkpointing.interval="+f.interval, "-w", f.lake.dir)
			f.process("dwd", "run", f.wide, "--set", "execution.checkpointing.interval="+f.interval, "-w", f.lake.dir)
			f.process("serve", "serve", f.sums, "-w", f.lake.dir, "--mysql", fmt.Sprintf("127.0.0.1:%d", freePort(t)))
		})
	})
}

type killRun struct {
	t               *testing.T
	lake            *lake
	db              *sql.DB
	w               *workload
	r               *rand.Rand
	cdc, wide, sums string
	interval        string
	processes       []*process
}

func (f *killRun) process(name string, args ...string) {
	f.processes = append(f.processes, start(f.t, name, args...))
}

func testKill(t *testing.T, database string, launch func(*killRun)) {
	rounds := number(t, "TARN_KILL_ROUNDS", 6)
	seed := seed(t)
	server := sharedServer(t)
	dir := t.ArtifactDir() // kept with -artifacts
	f := &killRun{t: t, db: createBusiness(t, server, database), r: rand.New(rand.NewSource(seed)), lake: openLake(t, filepath.Join(dir, "lake"))}
	f.interval = fmt.Sprintf("%d ms", 100+f.r.Intn(100))
	f.w = newWorkload(t, f.db, seed, 2, 4*time.Millisecond)
	f.w.fill(300)
	// Chunks are small, so that kills meet the first picture too.
	f.cdc = script(t, dir, "cdc.sql", cdcScript(server, database, ", 'scan.incremental.snapshot.chunk.size' = '64'"))
	f.sums = script(t, dir, "sums.sql", "SET 'execution.checkpointing.interval' = '"+f.interval+"';\n"+sums)
	f.wide = "../../examples/membership/02_enrich_order_job.sql"
	mustTarn(t, "run", script(t, dir, "ddl.sql", ddl), "../../examples/membership/00_ods.sql", "../../examples/membership/01_enrich_order_ddl.sql", "-w", f.lake.dir)

	launch(f)
	f.w.start()
	for round := range rounds {
		f.kill(round)
		if round == rounds/3 {
			f.awaitPicture()
		}
	}
	f.w.stop()
	if t.Failed() {
		return
	}
	f.settle()
	f.check(rounds)
}

// kill ends a random process at a random moment, sometimes before it has done
// anything, and starts it again.
func (f *killRun) kill(round int64) {
	p := f.processes[f.r.Intn(len(f.processes))]
	pause := time.Duration(f.r.Intn(2500)) * time.Millisecond
	if f.r.Intn(4) == 0 {
		pause /= 10
	}
	time.Sleep(pause)
	require.True(f.t, p.kill(), "round %d: %s ended by itself: %v\n%s", round, p.name, p.err, p.out.lines(20))
	p.launch()
}

// awaitPicture waits until the first picture of each table is done: a row
// whose key is above all others has arrived.
func (f *killRun) awaitPicture() {
	f.t.Helper()
	for _, q := range []string{"INSERT INTO order_info (order_id, product) VALUES ('zzz', 'zzz')", "INSERT INTO order_device_info (order_id, client_type) VALUES ('zzz', 'zzz')",
		"INSERT INTO order_coupon_info (coupon_code, order_id) VALUES ('zzz', 'zzz')", "INSERT INTO order_refund_info (refund_mer_trade_code, order_id) VALUES ('zzz', 'zzz')"} {
		_, err := f.db.Exec(q)
		require.NoError(f.t, err)
	}
	for _, b := range business {
		eventually(f.t, 30*time.Second, func() error {
			if _, ok := f.lake.state("ods." + b.name)[`"zzz"`]; !ok {
				return fmt.Errorf("the last row of %s has not come\n%s", b.name, f.outputs())
			}
			return nil
		})
	}
	f.w.pictured.Store(true)
}

func (f *killRun) outputs() string {
	var b strings.Builder
	for _, p := range f.processes {
		fmt.Fprintf(&b, "--- %s\n%s\n", p.name, p.out.lines(8))
	}
	return b.String()
}

// settle waits until the lake shows what it should.
func (f *killRun) settle() {
	f.t.Helper()
	limit := 60 * time.Second
	for _, b := range business {
		want := mirror(f.t, f.db, b)
		eventually(f.t, limit, func() error { return f.explain(differ("ods."+b.name, want, f.lake.state("ods."+b.name))) })
	}
	eventually(f.t, limit, func() error { return f.explain(f.w.wideDiffers(f.lake.state("dwd.enrich_order"))) })
	for _, b := range business { // what the totals are made of
		_, _, err := f.lake.replay("ods." + b.name)
		require.NoError(f.t, err)
	}
	// Nothing is written any more: what is not compacted yet must not wait for
	// the next commit.
	for _, p := range f.processes {
		require.True(f.t, p.kill(), "%s ended by itself: %v\n%s", p.name, p.err, p.out.lines(20))
		p.launch()
	}
	// Every commit of a total holds exactly the changes before its position.
	f.lake.audit("dws.fee_by_product", "ods.order_info", func(row map[string]any) (string, any) { return fmt.Sprint(row["product"]), row["order_real_fee"] })
	eventually(f.t, limit, func() error { return f.explain(differ("dws.fee_by_product", f.fees(), f.totals("dws.fee_by_product"))) })
	eventually(f.t, limit, func() error {
		return f.explain(differ("dws.wide_by_product", f.wideFees(), f.totals("dws.wide_by_product")))
	})
	eventually(f.t, limit, func() error { return f.explain(differ("dws.device_by_client", f.devices(), f.devicesHave())) })
}

func (f *killRun) explain(err error) error {
	if err == nil {
		return nil
	}
	var at string
	require.NoError(f.t, f.db.QueryRow("SELECT CONCAT(@@gtid_binlog_pos, '; ', (SELECT GROUP_CONCAT(CONCAT(command, ' ', state, ' ', time) SEPARATOR '; ') FROM information_schema.processlist))").Scan(&at))
	return fmt.Errorf("%w\nserver at %s\n%s", err, at, f.outputs())
}

// fees are the totals as the database has them.
func (f *killRun) fees() map[string]string {
	rows, err := f.db.Query("SELECT product, COUNT(*), CAST(COALESCE(SUM(order_real_fee), 0) AS CHAR) FROM order_info GROUP BY product")
	require.NoError(f.t, err)
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var product, orders, fee string
		require.NoError(f.t, rows.Scan(&product, &orders, &fee))
		out[product] = orders + " " + trimZero(fee)
	}
	require.NoError(f.t, rows.Err())
	return out
}

func trimZero(fee string) string {
	if fee == "0" {
		return "0.00"
	}
	return fee
}

// totals reads a table of totals; a total of nothing is left out.
func (f *killRun) totals(name string) map[string]string {
	out := map[string]string{}
	for _, text := range f.lake.state(name) {
		var row struct {
			Product string
			Orders  int64
			Fee     *string
		}
		require.NoError(f.t, json.Unmarshal([]byte(text), &row))
		fee := "0.00"
		if row.Fee != nil {
			fee = *row.Fee
		}
		if row.Orders != 0 || fee != "0.00" {
			out[row.Product] = fmt.Sprintf("%d %s", row.Orders, fee)
		}
	}
	return out
}

// wideFees are the totals of the wide table, which has been compared already.
func (f *killRun) wideFees() map[string]string {
	orders, cents := map[string]int{}, map[string]int64{}
	for _, text := range f.lake.state("dwd.enrich_order") {
		var row struct {
			Product        *string
			Order_real_fee *string //nolint:revive // the column's name
		}
		require.NoError(f.t, json.Unmarshal([]byte(text), &row))
		if row.Product == nil {
			continue
		}
		orders[*row.Product]++
		if row.Order_real_fee != nil {
			var whole, part int64
			_, err := fmt.Sscanf(*row.Order_real_fee, "%d.%d", &whole, &part)
			require.NoError(f.t, err)
			cents[*row.Product] += whole*100 + part
		}
	}
	out := map[string]string{}
	for p, n := range orders {
		out[p] = fmt.Sprintf("%d %d.%02d", n, cents[p]/100, cents[p]%100)
	}
	return out
}

func (f *killRun) devices() map[string]string {
	rows, err := f.db.Query("SELECT client_type, COUNT(*) FROM order_device_info GROUP BY client_type")
	require.NoError(f.t, err)
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var k, n string
		require.NoError(f.t, rows.Scan(&k, &n))
		out[k] = n
	}
	require.NoError(f.t, rows.Err())
	return out
}

func (f *killRun) devicesHave() map[string]string {
	out := map[string]string{}
	for _, text := range f.lake.state("dws.device_by_client") {
		var row struct {
			Client_type string //nolint:revive // the column's name
			Devices     int64
		}
		require.NoError(f.t, json.Unmarshal([]byte(text), &row))
		out[row.Client_type] = fmt.Sprint(row.Devices)
	}
	return out
}

// check looks at the whole history of every table.
func (f *killRun) check(rounds int64) {
	for _, p := range f.processes {
		// A process that was just launched may be told to stop while it starts.
		if err := p.stop(); err != nil && !strings.Contains(p.out.String(), "signal received") {
			require.NoError(f.t, err, p.out.lines(10))
		}
		require.NotContains(f.t, p.out.String(), " failed", "a job gave up: %s", p.name)
	}
	var report []string
	for _, name := range []string{"ods.order_info", "ods.order_device_info", "ods.order_coupon_info", "ods.order_refund_info", "dwd.enrich_order", "dws.device_by_client"} {
		if name == "dwd.enrich_order" {
			mustTarn(f.t, "compact", name, "-w", f.lake.dir) // what the last commit left
		}
		state, changes, err := f.lake.replay(name)
		require.NoError(f.t, err)
		require.NoError(f.t, differ("changelog of "+name, f.lake.state(name), state))
		snapshots, orphans := f.lake.whole(name)
		report = append(report, fmt.Sprintf("%s: %d rows, %d changes, %d snapshots, %d orphans", name, len(state), changes, snapshots, orphans))
	}
	f.t.Logf("%d kills, interval %s, %d transactions with %d changes\n%s", rounds, f.interval, f.w.commits.Load(), f.w.changes.Load(), strings.Join(report, "\n"))
}
