package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/rowjson"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

const (
	branchDay   = "2025-06-01" // dt of the scripts: refunds before it are not in the branch
	branchTable = "dwd.enrich_refund$branch_streaming"
	batchTable  = "dwd.refund_batch"
)

// The stream of script 22 is killed at random moments while refunds come,
// change, and move into the days of the branch and out of them. Every snapshot
// of the branch holds exactly what the wide table had at the snapshot's
// position, and in the end the branch is what a batch makes of the same rows.
func TestKillBranch(t *testing.T) {
	rounds := number(t, "TARN_KILL_ROUNDS", 5)
	seed := seed(t)
	server := sharedServer(t)
	dir := t.ArtifactDir() // kept with -artifacts
	f := &branchRun{t: t, db: createBusiness(t, server, "kill_branch"), r: rand.New(rand.NewSource(seed)), lake: openLake(t, filepath.Join(dir, "lake")), dir: dir}
	f.w = newWorkload(t, f.db, seed, 1, 6*time.Millisecond)
	f.w.fill(100)
	f.movers = &movers{t: t, db: f.db, r: rand.New(rand.NewSource(seed + 7))}
	for range 100 {
		require.NoError(t, f.movers.step())
	}

	interval := fmt.Sprintf("execution.checkpointing.interval=%d ms", 100+f.r.Intn(100))
	mustTarn(t, "run", script(t, dir, "ddl.sql", ddl), caseFile("00_ods.sql"), caseFile("01_enrich_order_ddl.sql"), "-w", f.lake.dir)
	mustTarn(t, "run", caseFile("20_refund_ddl.sql"), caseFile("21_branch.sql"), "-w", f.lake.dir)
	cdc := script(t, dir, "cdc.sql", cdcScript(server, "kill_branch"))
	f.wide = start(t, "wide", "run", cdc, caseFile("02_enrich_order_job.sql"), "--set", interval, "-w", f.lake.dir)
	f.branch = start(t, "branch", "run", caseFile("22_refund_stream_job.sql"), "--set", interval, "--var", "dt="+branchDay, "-w", f.lake.dir)

	f.w.start()
	f.movers.start()
	for round := range rounds {
		f.kill(round)
	}
	f.w.stop()
	f.movers.stop()
	if t.Failed() {
		return
	}
	f.settle()
	f.check(rounds)
}

type branchRun struct {
	t            *testing.T
	db           *sql.DB
	r            *rand.Rand
	lake         *lake
	dir          string
	w            *workload
	movers       *movers
	wide, branch *process
	kills        int
}

// kill ends the branch's process at a random moment, mostly while it commits,
// sometimes before it has done anything, and now and then what feeds it, too.
func (f *branchRun) kill(round int64) {
	if f.r.Intn(3) > 0 {
		f.awaitCommit()
	}
	time.Sleep(time.Duration(f.r.Intn(1000)) * time.Millisecond)
	victims := []*process{f.branch}
	if f.r.Intn(5) == 0 {
		victims = append(victims, f.wide)
	}
	for _, p := range victims {
		require.True(f.t, p.kill(), "round %d: %s ended by itself: %v\n%s", round, p.name, p.err, p.out.lines(20))
		f.kills++
	}
	for _, p := range victims {
		p.launch()
	}
}

// awaitCommit waits until the branch has a snapshot more.
func (f *branchRun) awaitCommit() {
	f.t.Helper()
	t := f.lake.table(branchTable)
	last := func() int64 {
		snap, err := t.LatestSnapshot(context.Background())
		require.NoError(f.t, err)
		if snap == nil {
			return 0
		}
		return snap.ID
	}
	before := last()
	eventually(f.t, 60*time.Second, func() error {
		if last() == before {
			return fmt.Errorf("nothing is committed to the branch after snapshot %d\n%s", before, f.branch.out.lines(8))
		}
		return nil
	})
}

// settle waits until the branch shows what the database has.
func (f *branchRun) settle() {
	f.t.Helper()
	want := f.refunds()
	eventually(f.t, 90*time.Second, func() error {
		err := differ(branchTable, want, f.rows(branchTable, nil))
		if err != nil {
			return fmt.Errorf("%w\n--- wide\n%s\n--- branch\n%s", err, f.wide.out.lines(8), f.branch.out.lines(8))
		}
		return nil
	})
}

func (f *branchRun) check(rounds int64) {
	for _, p := range []*process{f.branch, f.wide} {
		// A process that was just launched may be told to stop while it starts.
		if err := p.stop(); err != nil && !strings.Contains(p.out.String(), "signal received") {
			require.NoError(f.t, err, p.out.lines(10))
		}
		require.NotContains(f.t, p.out.String(), " failed", "a job gave up: %s", p.name)
	}
	have := f.rows(branchTable, nil)
	f.batch()
	require.NoError(f.t, differ("the branch against the batch", f.rows(batchTable, nil), have))
	require.NoError(f.t, differ("the branch against the database", f.refunds(), have))
	snapshots, changes := f.audit()
	require.Positive(f.t, f.movers.out, "the workload has moved no refund out of the branch")
	require.Positive(f.t, f.movers.in, "the workload has moved no refund into the branch")
	f.t.Logf("%d rounds, %d kills, %d changes of the database, %d of refunds (%d left the branch's days, %d came into them), %d snapshots audited over %d changes of the wide table, %d rows",
		rounds, f.kills, f.w.changes.Load(), f.movers.changes, f.movers.out, f.movers.in, snapshots, changes, len(have))
}

// batch makes the same rows by script 22's query in one go, in another table.
func (f *branchRun) batch() {
	f.t.Helper()
	text, err := os.ReadFile(caseFile("22_refund_stream_job.sql"))
	require.NoError(f.t, err)
	insert := strings.Replace(string(text), "`dwd`.`enrich_refund$branch_streaming`", batchTable, 1)
	require.NotEqual(f.t, string(text), insert)
	table, err := os.ReadFile(caseFile("20_refund_ddl.sql"))
	require.NoError(f.t, err)
	create := strings.Replace(string(table), "`dwd`.`enrich_refund`", batchTable, 1)
	require.NotEqual(f.t, string(table), create)
	mustTarn(f.t, "run", script(f.t, f.dir, "batch.sql", create+"\nSET 'execution.runtime-mode' = 'batch';\n"+insert), "--var", "dt="+branchDay, "-w", f.lake.dir)
}

// refunds are the rows that the branch must have, by the database.
func (f *branchRun) refunds() map[string]string {
	f.t.Helper()
	rows, err := f.db.Query(`SELECT refund_mer_trade_code, date_format(refund_time, '%Y-%m-%d'), order_id, replace(refund_time, ' ', 'T'), refund_status, refund_fee
		FROM order_refund_info WHERE refund_time >= '` + branchDay + `'`)
	require.NoError(f.t, err)
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var code, day, order, at string
		var status, fee sql.NullString
		require.NoError(f.t, rows.Scan(&code, &day, &order, &at, &status, &fee))
		out[day+" "+code] = refundLine(code, day, order, at, orNull(status, ""), orNull(fee, `"`))
	}
	require.NoError(f.t, rows.Err())
	return out
}

func orNull(v sql.NullString, quote string) string {
	if !v.Valid {
		return "null"
	}
	return quote + v.String + quote
}

// refundLine is a row as the branch prints it. The user is not known: the job
// of the wide table does not carry it.
func refundLine(code, day, order, at, status, fee string) string {
	return fmt.Sprintf(`{"refund_mer_trade_code":"%s","dt":"%s","refund_order_id":"%s","refund_time":"%s","qid":null,"refund_status":%s,"refund_fee":%s}`, code, day, order, at, status, fee)
}

// rows gives the rows of a table of refunds, of its newest snapshot if snap is
// nil, by day and code.
func (f *branchRun) rows(name string, snap *spec.Snapshot) map[string]string {
	f.t.Helper()
	ctx := context.Background()
	t := f.lake.table(name)
	if snap == nil {
		var err error
		snap, err = t.LatestSnapshot(ctx)
		require.NoError(f.t, err)
		if snap == nil {
			return nil
		}
	}
	plan, err := t.Plan(ctx, snap, nil)
	require.NoError(f.t, err)
	r := plan.Read(ctx, plan.Splits, nil)
	defer r.Close()
	out := map[string]string{}
	eachRow(f.t, t, r, func(text string, _ types.RowKind) {
		var key struct {
			Dt                    string
			Refund_mer_trade_code string //nolint:revive // the column's name
		}
		require.NoError(f.t, json.Unmarshal([]byte(text), &key))
		require.NotContains(f.t, out, key.Dt+" "+key.Refund_mer_trade_code, "%s has a key twice", name)
		out[key.Dt+" "+key.Refund_mer_trade_code] = text
	})
	return out
}

func eachRow(tb testing.TB, t *paimon.Table, r *paimon.Reader, f func(text string, kind types.RowKind)) {
	tb.Helper()
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(tb, err)
		for i := range int(b.Rows.NumRows()) {
			f(string(rowjson.AppendRow(nil, t.Fields(), b.Rows, i, "")), b.Kind(i))
		}
		b.Rows.Release()
	}
}

// audit holds every snapshot of the branch against the changelog of the wide
// table: it must have all changes before the position that the snapshot
// carries, and none after it.
func (f *branchRun) audit() (snapshots, changes int) {
	f.t.Helper()
	ctx := context.Background()
	const source = "dwd.enrich_order"
	src, branch := f.lake.table(source), f.lake.table(branchTable)
	s, err := src.Stream(1)
	require.NoError(f.t, err)
	defer s.Close()
	want := map[string]string{}
	var piece *paimon.StreamPlan // of the changelog, the next that is not in want yet
	all, err := branch.Snapshots(ctx)
	require.NoError(f.t, err)
	for i, snap := range all {
		require.Equal(f.t, int64(i+1), snap.ID, "the branch misses a snapshot")
		var inputs map[string]string
		require.NoError(f.t, json.Unmarshal([]byte(snap.Properties["tarn.positions"]), &inputs), "snapshot %d", snap.ID)
		var at struct{ Next, Full, Skip int64 }
		require.NoError(f.t, json.Unmarshal([]byte(inputs[source]), &at), "snapshot %d", snap.ID)
		if at.Skip > 0 {
			continue // inside a piece
		}
		for {
			if piece == nil {
				piece, err = s.TryNext(ctx)
				require.NoError(f.t, err)
			}
			if piece == nil || piece.Next > at.Next { // snapshots without changes give no piece
				break
			}
			r, err := piece.Read(ctx, nil)
			require.NoError(f.t, err)
			eachRow(f.t, src, r, func(text string, kind types.RowKind) {
				changes++
				apply(f.t, want, text, kind)
			})
			r.Close()
			piece = nil
		}
		snapshots++
		require.NoError(f.t, differ(fmt.Sprintf("%s at snapshot %d (%s of %s), positions %s", branchTable, snap.ID, snap.CommitKind, snap.CommitUser, inputs[source]), want, f.rows(branchTable, snap)))
	}
	require.Positive(f.t, snapshots)
	return snapshots, changes
}

// apply does to the wanted refunds what a change of the wide table says.
func apply(t *testing.T, want map[string]string, text string, kind types.RowKind) {
	t.Helper()
	type refund struct {
		Refund_mer_trade_code string          //nolint:revive // names of columns
		Refund_status         json.RawMessage //nolint:revive
		Refund_fee            json.RawMessage //nolint:revive
		Refund_time           *string         //nolint:revive
	}
	var row struct {
		Order_id    string   //nolint:revive
		Refund_info []refund //nolint:revive
	}
	require.NoError(t, json.Unmarshal([]byte(text), &row))
	for _, r := range row.Refund_info {
		if r.Refund_time == nil || *r.Refund_time < branchDay {
			continue
		}
		day := (*r.Refund_time)[:len(time.DateOnly)]
		line := refundLine(r.Refund_mer_trade_code, day, row.Order_id, *r.Refund_time, string(r.Refund_status), string(r.Refund_fee))
		if kind.IsRetract() {
			require.Equal(t, want[day+" "+r.Refund_mer_trade_code], line, "the changelog takes back what is not there")
			delete(want, day+" "+r.Refund_mer_trade_code)
			continue
		}
		require.NotContains(t, want, day+" "+r.Refund_mer_trade_code, "the changelog gives what is there")
		want[day+" "+r.Refund_mer_trade_code] = line
	}
}

// movers is a client of the database whose refunds move from day to day.
type movers struct {
	t       *testing.T
	db      *sql.DB
	r       *rand.Rand
	days    map[string]string // code → time, "" for NULL, as committed
	codes   []string
	changes int
	in, out int
	done    chan struct{}
	wg      sync.WaitGroup
}

func (m *movers) start() {
	m.done = make(chan struct{})
	m.wg.Go(func() {
		for {
			select {
			case <-m.done:
				return
			case <-time.After(time.Duration(m.r.Intn(25)) * time.Millisecond):
			}
			if err := m.step(); err != nil {
				m.t.Errorf("movers: %v", err)
				return
			}
		}
	})
	m.t.Cleanup(m.stop)
}

func (m *movers) stop() {
	if m.done != nil {
		close(m.done)
		m.wg.Wait()
		m.done = nil
	}
}

// step runs one transaction: new refunds, some beside others of their order,
// and changes of time, status and fee; some are rolled back.
func (m *movers) step() error {
	tx, err := m.db.Begin()
	if err != nil {
		return err
	}
	moved, changed := map[string]string{}, 0
	codes := m.codes
	for n := 1 + m.r.Intn(4); n > 0 && err == nil; n-- {
		if at := m.time(); len(codes) == 0 || m.r.Intn(6) == 0 {
			code := fmt.Sprintf("m-%06d", len(codes))
			codes, moved[code] = append(codes, code), at
			_, err = tx.Exec("INSERT INTO order_refund_info (refund_mer_trade_code, order_id, refund_type, refund_status, refund_fee, refund_time, refund_way) VALUES (?, ?, 1, 0, ?, NULLIF(?, ''), 2)",
				code, fmt.Sprintf("m-%04d", len(codes)/3), fmt.Sprintf("%d.%02d", m.r.Intn(500), m.r.Intn(100)), at)
		} else if code := codes[m.r.Intn(len(codes))]; m.r.Intn(3) == 0 {
			changed++
			_, err = tx.Exec("UPDATE order_refund_info SET refund_status = refund_status + 1, refund_fee = refund_fee + 0.01 WHERE refund_mer_trade_code = ?", code)
		} else {
			moved[code] = at
			_, err = tx.Exec("UPDATE order_refund_info SET refund_time = NULLIF(?, '') WHERE refund_mer_trade_code = ?", at, code)
		}
	}
	if err != nil || m.r.Intn(8) == 0 {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	m.changes += changed + len(moved)
	m.remember(codes, moved)
	return nil
}

// time is in the five days around the branch's first one, or NULL.
func (m *movers) time() string {
	if m.r.Intn(12) == 0 {
		return ""
	}
	day, _ := time.Parse(time.DateOnly, branchDay)
	return day.AddDate(0, 0, m.r.Intn(5)-2).Add(time.Duration(m.r.Intn(86400000)) * time.Millisecond).Format(stampForm)
}

func (m *movers) remember(codes []string, moved map[string]string) {
	for code, at := range moved {
		was, there := m.days[code]
		switch before, after := was >= branchDay, at >= branchDay; {
		case there && before && !after:
			m.out++
		case there && !before && after:
			m.in++
		}
	}
	if m.days == nil {
		m.days = map[string]string{}
	}
	maps.Copy(m.days, moved)
	m.codes = codes
}
