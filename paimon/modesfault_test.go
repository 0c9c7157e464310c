package paimon_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/fileio/faultio"
)

// job is a streaming job: it goes on after its last commit, writes what rows
// gives for each, and compacts the table now and then.
func (m *modes) job(upTo int64, rows func(id int64) []cells) error {
	table, err := m.open().Table(m.ctx, users, nil)
	if err != nil {
		return err
	}
	c := table.NewCommitter("job")
	last, err := c.Last(m.ctx)
	if err != nil {
		return err
	}
	next := int64(1)
	if last != nil {
		next = last.CommitIdentifier + 1
	}
	w, err := table.NewWriter(m.ctx, paimon.WriteOptions{})
	if err != nil {
		return err
	}
	defer w.Close(m.ctx)
	for ; next <= upTo; next++ {
		if err := w.Write(m.ctx, batchOf(table, rows(next))); err != nil {
			return err
		}
		messages, err := w.Prepare(m.ctx, next%2 == 0)
		if err != nil {
			return err
		}
		if _, err := c.Commit(m.ctx, paimon.Commit{Identifier: next, Messages: messages}); err != nil {
			return err
		}
		if next%4 == 0 {
			if _, err := table.Compact(m.ctx, paimon.CompactOptions{Full: true}); err != nil && !errors.Is(err, errs.ErrConflict) {
				return err
			}
		}
	}
	return nil
}

// faults runs a job with a fault at each of its writes, in each way, lets it
// start again, and hands the healed table to check.
func faults(t *testing.T, d catalog.Definition, commits int64, rows func(id int64) []cells, check func(m *modes, what string)) {
	probe := faultio.New(fileio.NewMem(), faultio.Fail, 0)
	d.Options = maps.Clone(d.Options)
	require.NoError(t, newModes(t, probe, d).job(commits, rows))
	for mode, label := range map[faultio.Mode]string{faultio.Fail: "error", faultio.LostReply: "lost reply", faultio.Crash: "crash"} {
		for at := int64(3); at <= probe.Writes(); at++ {
			faulty := faultio.New(fileio.NewMem(), mode, at)
			m := newModes(t, faulty, d)
			for try := 0; ; try++ {
				err := m.job(commits, rows)
				if err == nil {
					break
				}
				require.Less(t, try, 5, "%s at write %d: %v", label, at, err)
				require.True(t, errors.Is(err, faultio.ErrInjected) || errors.Is(err, errs.ErrConflict), "%s at write %d: %v", label, at, err)
				faulty.Heal()
			}
			faulty.Heal()
			check(m, fmt.Sprintf("%s at write %d", label, at))
		}
	}
}

// TestSortFaults fails each write of a sort compaction once, in each way: the
// rows stay, and doing it again completes it.
func TestSortFaults(t *testing.T) {
	const commits = 3
	d := appendKinds()["unaware"]
	rows := func(id int64) []cells { return []cells{{p: int32(id % 2), k: int32(10 - id), n: id, v: "x"}} }
	var want []cells
	for id := range int64(commits) {
		want = append(want, rows(id+1)...)
	}
	sort := func(m *modes) error {
		_, err := m.table(nil).Compact(m.ctx, paimon.CompactOptions{OrderStrategy: "zorder", OrderBy: []string{"k", "n"}})
		return err
	}
	probe := faultio.New(fileio.NewMem(), faultio.Fail, 0)
	m := newModes(t, probe, d)
	require.NoError(t, m.job(commits, rows))
	before := probe.Writes()
	require.NoError(t, sort(m))
	for mode, label := range writeFaults {
		for at := before + 1; at <= probe.Writes(); at++ {
			what := fmt.Sprintf("%s at write %d of %d", label, at, probe.Writes())
			faulty := faultio.New(fileio.NewMem(), mode, at)
			m := newModes(t, faulty, d)
			require.NoError(t, m.job(commits, rows))
			_ = sort(m)
			faulty.Heal()
			m.t.Log(what)
			m.sameRows(m.table(nil), want, false)
			require.NoError(t, sort(m), what)
			m.sameRows(m.table(nil), want, false)
		}
	}
}

// TestAppendFaults wants every row of append tables once, whatever failed.
func TestAppendFaults(t *testing.T) {
	for _, kind := range []string{"unaware", "bucketed"} {
		d := appendKinds()[kind]
		t.Run(kind, func(t *testing.T) {
			d.Options["compaction.min.file-num"] = "2"
			rows := func(id int64) []cells { return []cells{{p: int32(id % 2), k: 1, n: id, v: "x"}} }
			var want []cells
			for id := range int64(6) {
				want = append(want, rows(id+1)...)
			}
			faults(t, d, 6, rows, func(m *modes, what string) {
				m.t.Log(what)
				m.sameRows(m.table(nil), want, d.Options["bucket"] != "")
			})
		})
	}
}
