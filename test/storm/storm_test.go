// Package storm lets many processes write one table at once.
package storm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

var counters = catalog.Identifier{Database: "d", Table: "counters"}

const (
	processes = 8
	keys      = 1000
)

// TestMain is the parent, or with TARN_STORM_ROLE one of the processes.
func TestMain(m *testing.M) {
	role := os.Getenv("TARN_STORM_ROLE")
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role); err != nil {
		fmt.Fprintln(os.Stderr, role+":", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// TestProcesses has eight processes add to the counters of one table, with one
// process that compacts and one that expires beside them; then the same with
// writers that compact by themselves. Every sum must be exact, for us and for
// the Java Paimon if TARN_WITNESS names its witnesses. TARN_STORM is how long
// each takes, a few seconds unless said otherwise.
func TestProcesses(t *testing.T) {
	long := 3 * time.Second
	if s := os.Getenv("TARN_STORM"); s != "" {
		var err error
		long, err = time.ParseDuration(s)
		require.NoError(t, err)
	}
	for name, options := range map[string]map[string]string{
		"a compactor beside them":  {"bucket": "4", "write-only": "true"},
		"each compacts by itself":  {"bucket": "2", "num-sorted-run.compaction-trigger": "3"},
		"lookup changelog, beside": {"bucket": "2", "write-only": "true", "changelog-producer": "lookup"},
	} {
		t.Run(name, func(t *testing.T) { storm(t, options, long) })
	}
}

func storm(t *testing.T, options map[string]string, long time.Duration) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "warehouse")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	w := open(t, dir)
	require.NoError(t, w.Catalog().CreateDatabase(ctx, "d"))
	d := catalog.Definition{
		Fields:      []types.Field{{Name: "id", Type: types.Of(types.Int)}, {Name: "total", Type: types.Of(types.BigInt)}, {Name: "times", Type: types.Of(types.BigInt)}},
		PrimaryKeys: []string{"id"}, Options: map[string]string{"merge-engine": "aggregation", "fields.default-aggregate-function": "sum",
			"snapshot.num-retained.min": "3", "snapshot.num-retained.max": "20", "commit.max-retries": "1000", "commit.max-retry-wait": "200 ms"},
	}
	for k, v := range options {
		d.Options[k] = v
	}
	require.NoError(t, w.Catalog().CreateTable(ctx, counters, d))

	roles := []string{"compactor", "expirer", "reader"}
	for i := range processes {
		roles = append(roles, "writer-"+strconv.Itoa(i))
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	cmds := make([]*exec.Cmd, len(roles))
	outs := make([]bytes.Buffer, len(roles))
	errOuts := make([]bytes.Buffer, len(roles))
	for i, role := range roles {
		c := exec.Command(exe)
		c.Env = append(os.Environ(), "TARN_STORM_ROLE="+role, "TARN_STORM_DIR="+dir, "TARN_STORM="+long.String())
		c.Stdout, c.Stderr = &outs[i], &errOuts[i]
		require.NoError(t, c.Start())
		cmds[i] = c
	}
	want := map[int32]sum{}
	var commits, conflicts int
	for i, c := range cmds {
		require.NoError(t, c.Wait(), "%s: %s", roles[i], errOuts[i].String())
		if !strings.HasPrefix(roles[i], "writer-") {
			t.Logf("%s: %s", roles[i], strings.TrimSpace(outs[i].String()))
			continue
		}
		var r report
		require.NoError(t, json.Unmarshal(outs[i].Bytes(), &r))
		commits, conflicts = commits+r.Commits, conflicts+r.Conflicts
		for k, s := range r.Sums {
			s.Total += want[k].Total
			s.Times += want[k].Times
			want[k] = s
		}
	}
	check(t, dir, want)
	javaCheck(t, dir, want)
	t.Logf("%d commits of %d writers, %d lost races told to a writer; %d keys exact", commits, processes, conflicts, len(want))
	require.Positive(t, commits)
}

// sum is what belongs to one key.
type sum struct{ Total, Times int64 }

// report is what a writer has committed.
type report struct {
	Commits, Conflicts int
	Sums               map[int32]sum
}

func open(t *testing.T, dir string) *paimon.Warehouse {
	store, err := fileio.NewLocal(dir)
	require.NoError(t, err)
	return paimon.Open(store, paimon.Options{})
}

// check reads the table, as it is and after a full compaction.
func check(t *testing.T, dir string, want map[int32]sum) {
	ctx := context.Background()
	table, err := open(t, dir).Table(ctx, counters, nil)
	require.NoError(t, err)
	got, err := sums(ctx, table)
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = table.Compact(ctx, paimon.CompactOptions{Full: true})
	require.NoError(t, err)
	got, err = sums(ctx, table)
	require.NoError(t, err)
	require.Equal(t, want, got, "after a full compaction")
}

// sums reads the newest snapshot.
func sums(ctx context.Context, table *paimon.Table) (map[int32]sum, error) {
	snap, err := table.Travel(ctx)
	if err != nil || snap == nil {
		return nil, err
	}
	plan, err := table.Plan(ctx, snap, nil)
	if err != nil {
		return nil, err
	}
	r := plan.Read(ctx, plan.Splits, nil)
	defer r.Close()
	out := map[int32]sum{}
	for {
		b, err := r.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return out, nil
			}
			return nil, err
		}
		id, total, times := b.Rows.Column(0).(*array.Int32), b.Rows.Column(1).(*array.Int64), b.Rows.Column(2).(*array.Int64)
		for i := range id.Len() {
			if _, twice := out[id.Value(i)]; twice {
				return nil, fmt.Errorf("key %d comes twice", id.Value(i))
			}
			out[id.Value(i)] = sum{total.Value(i), times.Value(i)}
		}
		b.Rows.Release()
	}
}

// javaCheck has the real Paimon read the table and verify its files.
func javaCheck(t *testing.T, dir string, want map[int32]sum) {
	witness := os.Getenv("TARN_WITNESS")
	if witness == "" {
		return
	}
	for _, version := range []string{"witness-1.4", "witness-2.0"} {
		program := filepath.Join(witness, version)
		said, err := exec.Command(program, "check", dir).CombinedOutput()
		require.NoError(t, err, "%s check: %s", version, said)
		dump, err := exec.Command(program, "dump", dir, counters.String()).Output()
		require.NoError(t, err, version)
		got := map[int32]sum{}
		for line := range strings.Lines(string(dump)) {
			var row struct {
				ID           int32
				Total, Times int64
			}
			require.NoError(t, json.Unmarshal([]byte(line), &row), line)
			got[row.ID] = sum{row.Total, row.Times}
		}
		require.Equal(t, want, got, version)
		t.Logf("%s reads %d keys equal", version, len(got))
	}
}

// play runs one process until its time is over.
func play(role string) error {
	long, err := time.ParseDuration(os.Getenv("TARN_STORM"))
	if err != nil {
		return err
	}
	store, err := fileio.NewLocal(os.Getenv("TARN_STORM_DIR"))
	if err != nil {
		return err
	}
	ctx, until := context.Background(), time.Now().Add(long)
	table, err := paimon.Open(store, paimon.Options{}).Table(ctx, counters, nil)
	if err != nil {
		return err
	}
	switch {
	case role == "compactor":
		return repeat(until, 50*time.Millisecond, "compactions", func() (bool, error) {
			snap, err := table.Compact(ctx, paimon.CompactOptions{Full: rand.IntN(10) == 0})
			return snap != nil, err
		})
	case role == "expirer":
		return repeat(until, 100*time.Millisecond, "expiries", func() (bool, error) {
			out, err := table.Expire(ctx, paimon.ExpireOptions{})
			return out.Snapshots > 0, err
		})
	case role == "reader":
		return repeat(until, 50*time.Millisecond, "reads", func() (bool, error) {
			s, err := sums(ctx, table)
			return len(s) > 0, err
		})
	}
	return add(ctx, table, role, until)
}

// repeat does something until the time is over. Losing a race, or reading what
// has expired meanwhile, is no failure.
func repeat(until time.Time, pause time.Duration, what string, do func() (bool, error)) error {
	done, lost := 0, 0
	for time.Now().Before(until) {
		did, err := do()
		switch {
		case errors.Is(err, errs.ErrConflict), errors.Is(err, errs.ErrNotFound):
			lost++
		case err != nil:
			return err
		case did:
			done++
		}
		time.Sleep(pause)
	}
	fmt.Printf("%d %s, %d lost races\n", done, what, lost)
	return nil
}

// add is a writer: it adds random amounts to random keys, many commits.
func add(ctx context.Context, table *paimon.Table, user string, until time.Time) error {
	out := report{Sums: map[int32]sum{}}
	c := table.NewCommitter(user)
	writer, err := table.NewWriter(ctx, paimon.WriteOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = writer.Close(ctx) }()
	for id := int64(1); time.Now().Before(until); id++ {
		rows, delta := amounts(table)
		err := commit(ctx, writer, c, id, rows)
		if errors.Is(err, errs.ErrConflict) {
			// Another process compacted the same files. The rows may be in, or not.
			out.Conflicts++
			last, lerr := c.Last(ctx)
			if lerr != nil {
				return lerr
			}
			_ = writer.Close(ctx)
			if writer, err = table.NewWriter(ctx, paimon.WriteOptions{}); err != nil {
				return err
			}
			if last == nil || last.CommitIdentifier < id {
				continue
			}
		} else if err != nil {
			return err
		}
		out.Commits++
		for k, d := range delta {
			s := out.Sums[k]
			out.Sums[k] = sum{s.Total + d.Total, s.Times + d.Times}
		}
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func commit(ctx context.Context, w *paimon.Writer, c *paimon.Committer, id int64, rows arrow.RecordBatch) error {
	if err := w.Write(ctx, paimon.Batch{Rows: rows}); err != nil {
		return err
	}
	messages, err := w.Prepare(ctx, true)
	if err != nil {
		return err
	}
	_, err = c.Commit(ctx, paimon.Commit{Identifier: id, Messages: messages})
	return err
}

// amounts makes a batch and says what it adds to each key.
func amounts(table *paimon.Table) (arrow.RecordBatch, map[int32]sum) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(table.Fields()))
	defer b.Release()
	delta := map[int32]sum{}
	for range 1 + rand.IntN(200) {
		k, n := rand.Int32N(keys), rand.Int64N(1000)-300
		b.Field(0).(*array.Int32Builder).Append(k)
		b.Field(1).(*array.Int64Builder).Append(n)
		b.Field(2).(*array.Int64Builder).Append(1)
		s := delta[k]
		delta[k] = sum{s.Total + n, s.Times + 1}
	}
	return b.NewRecordBatch(), delta
}
