package lsm_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/internal/lsm/lsmtest"
	"github.com/tarndb/tarn/paimon/spec"
)

// TestScripts runs testdata. Files are written level:size, or
// level:size:min-max with keys; run with -rewrite to accept new output.
//
//	pick [trigger=5] [levels=6] [option=…] [hour=12] [since-full=MINUTES] [times=1]
//	full [levels=6] [rewrite=true]
//	partition
//	levels [levels=6]
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			metas := parseFiles(t, d)
			switch d.Cmd {
			case "pick":
				return pick(t, d, metas)
			case "full":
				return full(t, d, metas)
			case "partition":
				return partition(t, metas)
			case "levels":
				l, err := lsm.NewLevels(lsmtest.KeyOf, intArg(t, d, "levels", 6), metas)
				if err != nil {
					return "error: " + err.Error() + "\n"
				}
				return fmt.Sprintf("%shighest %d, runs %d, max sequence %d\n", printRuns(l.Runs()), l.HighestNonEmpty(), l.NumRuns(), l.MaxSequence())
			}
			d.Fatalf(t, "unknown command %q", d.Cmd)
			return ""
		})
	})
}

func intArg(t *testing.T, d *datadriven.TestData, name string, value int) int {
	if d.HasArg(name) {
		d.ScanArgs(t, name, &value)
	}
	return value
}

// parseFiles makes one file of each word; later level-0 files are newer.
// Without keys files of one level get ranges that do not overlap.
func parseFiles(t *testing.T, d *datadriven.TestData) []spec.DataFileMeta {
	var out []spec.DataFileMeta
	for i, word := range strings.Fields(d.Input) {
		parts := strings.Split(word, ":")
		level, err := strconv.Atoi(parts[0])
		if err != nil {
			d.Fatalf(t, "file %q: %v", word, err)
		}
		size, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil {
			d.Fatalf(t, "file %q: %v", word, err)
		}
		lo, hi := fmt.Sprintf("%03d", i), fmt.Sprintf("%03d", i)
		if len(parts) > 2 {
			lo, hi, _ = strings.Cut(parts[2], "-")
		}
		out = append(out, spec.DataFileMeta{FileName: fmt.Sprintf("f%d", i), FileSize: size, Level: level, RowCount: 1,
			MinKey: []byte(lo), MaxKey: []byte(hi), MinSequence: int64(i), MaxSequence: int64(i)})
	}
	return out
}

func pick(t *testing.T, d *datadriven.TestData, metas []spec.DataFileMeta) string {
	o := lsm.DefaultPickOptions()
	o.Trigger = intArg(t, d, "trigger", o.Trigger)
	o.SizeAmpPercent = intArg(t, d, "size-amp", o.SizeAmpPercent)
	o.SizeRatio = intArg(t, d, "size-ratio", o.SizeRatio)
	o.OffPeakStart = intArg(t, d, "off-peak-start", -1)
	o.OffPeakEnd = intArg(t, d, "off-peak-end", -1)
	o.OffPeakRatio = intArg(t, d, "off-peak-ratio", 0)
	o.FullInterval = time.Duration(intArg(t, d, "interval", 0)) * time.Minute
	o.TotalSizeThreshold = int64(intArg(t, d, "total-size", 0))
	o.IncrementalSizeThreshold = int64(intArg(t, d, "incremental-size", 0))
	o.MaxInterval = intArg(t, d, "max-interval", 2*o.Trigger)
	if d.HasArg("strategy") {
		var name string
		d.ScanArgs(t, "strategy", &name)
		o.Strategy = map[string]lsm.Strategy{"radical": lsm.UpLevel0, "gentle": lsm.UpLevel0Gentle}[name]
	}
	now := time.Date(2026, 6, 1, intArg(t, d, "hour", 12), 0, 0, 0, time.UTC)
	st := lsm.PickState{}
	if d.HasArg("since-full") {
		st.LastFull = now.Add(-time.Duration(intArg(t, d, "since-full", 0)) * time.Minute)
	}
	l, err := lsm.NewLevels(lsmtest.KeyOf, intArg(t, d, "levels", 6), metas)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for range intArg(t, d, "times", 1) {
		var u lsm.Unit
		var ok bool
		u, st, ok = lsm.Pick(o, st, l.NumLevels(), l.Runs(), now)
		b.WriteString(printUnit(u, ok))
	}
	if st.LastFull.Equal(now) {
		b.WriteString("counts as full\n")
	}
	return b.String()
}

func full(t *testing.T, d *datadriven.TestData, metas []spec.DataFileMeta) string {
	l, err := lsm.NewLevels(lsmtest.KeyOf, intArg(t, d, "levels", 6), metas)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var rewrite func(*lsm.File) bool
	if d.HasArg("rewrite") {
		rewrite = func(f *lsm.File) bool { return f.FileSize > 10 }
	}
	u, ok := lsm.PickFull(l.NumLevels(), l.Runs(), rewrite)
	return printUnit(u, ok)
}

func printUnit(u lsm.Unit, ok bool) string {
	if !ok {
		return "nothing\n"
	}
	var names []string
	for _, f := range u.Files {
		names = append(names, f.FileName)
	}
	rewrite := ""
	if u.Rewrite {
		rewrite = " rewrite"
	}
	return fmt.Sprintf("level %d%s: %s\n", u.OutputLevel, rewrite, strings.Join(names, " "))
}

func printRuns(runs []lsm.Run) string {
	var b strings.Builder
	for _, r := range runs {
		fmt.Fprintf(&b, "level %d (%d bytes):", r.Level, r.Size())
		for _, f := range r.Files {
			fmt.Fprintf(&b, " %s", f.FileName)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func partition(t *testing.T, metas []spec.DataFileMeta) string {
	var files []*lsm.File
	for _, m := range metas {
		f, err := lsm.NewFile(m, lsmtest.KeyOf)
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		files = append(files, f)
	}
	var b strings.Builder
	for _, s := range lsm.Partition(files) {
		b.WriteString("section\n")
		for _, run := range s {
			for _, f := range run {
				fmt.Fprintf(&b, " %s[%s-%s]", f.FileName, f.Min, f.Max)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func TestBackPressure(t *testing.T) {
	f := func(runs int, write, commit bool) {
		t.Helper()
		if lsm.WaitToWrite(runs, 8) != write || lsm.WaitToCommit(runs, 8) != commit {
			t.Errorf("%d runs: want write %v, commit %v", runs, write, commit)
		}
	}
	f(8, false, false)
	f(9, true, false)
	f(10, true, true)
}
