package lsm

import (
	"time"
)

// Strategy says what happens when the universal rules pick nothing.
type Strategy int8

const (
	// Universal leaves level 0 as it is.
	Universal Strategy = iota
	// UpLevel0 takes all level-0 files up each time: `lookup-compact=RADICAL`
	// and `compaction.force-up-level-0`.
	UpLevel0
	// UpLevel0Gentle does so at every MaxInterval-th attempt only:
	// `lookup-compact=GENTLE`.
	UpLevel0Gentle
)

// PickOptions tune which runs are compacted. Start from DefaultPickOptions.
type PickOptions struct {
	// Trigger is how many runs a bucket may hold before anything is picked:
	// `num-sorted-run.compaction-trigger`, default 5.
	Trigger int
	// SizeAmpPercent bounds the bytes of all newer runs as a percentage of the
	// oldest run: `compaction.max-size-amplification-percent`, default 200.
	SizeAmpPercent int
	// SizeRatio is the percentage by which a run may be larger than those
	// before it to be merged with them: `compaction.size-ratio`, default 1.
	SizeRatio int
	// OffPeakStart and OffPeakEnd are hours (0..23) between which OffPeakRatio
	// is added to SizeRatio; -1 or equal hours turn it off.
	OffPeakStart, OffPeakEnd, OffPeakRatio int
	// FullInterval is `compaction.optimization-interval`; 0 is off.
	FullInterval time.Duration
	// TotalSizeThreshold compacts all while the bucket is smaller, in bytes:
	// `compaction.total-size-threshold`; 0 is off.
	TotalSizeThreshold int64
	// IncrementalSizeThreshold compacts all when the runs below the top level
	// hold more bytes: `compaction.incremental-size-threshold`; 0 is off.
	IncrementalSizeThreshold int64
	// Strategy and MaxInterval: see Strategy. `lookup-compact.max-interval`,
	// default 2 × Trigger.
	Strategy    Strategy
	MaxInterval int
}

// DefaultPickOptions gives Paimon's defaults.
func DefaultPickOptions() PickOptions {
	return PickOptions{Trigger: 5, SizeAmpPercent: 200, SizeRatio: 1, OffPeakStart: -1, OffPeakEnd: -1, MaxInterval: 10}
}

// PickState is what the picker remembers of a bucket between attempts. The
// zero value is right for a bucket just opened.
type PickState struct {
	LastFull time.Time // last full compaction that was picked; zero: never
	Skipped  int       // attempts of UpLevel0Gentle since level 0 went up
}

// Unit is a set of files to compact into one level.
// Source: org.apache.paimon.compact.CompactUnit.
type Unit struct {
	OutputLevel int
	Files       []*File
	// Rewrite makes every file be rewritten by itself (full compaction of a
	// bucket with top-level files only).
	Rewrite bool
}

// Pick chooses what to compact next, if anything. It is a pure function of
// its arguments: runs as Levels.Runs gives them, the number of levels, the
// time. It returns the state to remember, also when nothing is picked.
// Source: org.apache.paimon.mergetree.compact.{UniversalCompaction,
// EarlyFullCompaction,ForceUpLevel0Compaction}.
func Pick(o PickOptions, st PickState, numLevels int, runs []Run, now time.Time) (Unit, PickState, bool) {
	p := picker{PickOptions: o, runs: runs, maxLevel: numLevels - 1, now: now, sizes: make([]int64, len(runs))}
	for i, r := range runs {
		p.sizes[i] = r.Size()
	}
	n, level, full := p.universal(st)
	if n == 0 && o.Strategy != Universal {
		n, level, full, st = p.upLevel0(st)
	}
	if full {
		st.LastFull = now
	}
	u := Unit{OutputLevel: level}
	for _, r := range runs[:n] {
		u.Files = append(u.Files, r.Files...)
	}
	if len(u.Files) == 0 || len(u.Files) == 1 && u.Files[0].Level == level {
		return Unit{}, st, false
	}
	return u, st, true
}

// PickFull chooses all files for the top level. A bucket that has top-level
// files only gives just those for which rewrite says true (expired records,
// deletion vectors, forced); rewrite may be nil.
// Source: org.apache.paimon.mergetree.compact.CompactStrategy.pickFullCompaction.
func PickFull(numLevels int, runs []Run, rewrite func(*File) bool) (Unit, bool) {
	u := Unit{OutputLevel: numLevels - 1}
	if len(runs) == 1 && runs[0].Level == u.OutputLevel {
		u.Rewrite = true
		for _, f := range runs[0].Files {
			if rewrite != nil && rewrite(f) {
				u.Files = append(u.Files, f)
			}
		}
		return u, len(u.Files) > 0
	}
	for _, r := range runs {
		u.Files = append(u.Files, r.Files...)
	}
	return u, len(u.Files) > 0
}

// picker holds the arguments of one Pick. Its methods answer with a number of
// runs to take from the front (0: none), the output level, and whether this
// counts as a full compaction.
type picker struct {
	PickOptions
	runs     []Run
	sizes    []int64
	maxLevel int
	now      time.Time
}

func (p *picker) universal(st PickState) (n, level int, full bool) {
	if p.earlyFull(st) || p.sizeAmp() {
		return len(p.runs), p.maxLevel, true
	}
	if len(p.runs) >= p.Trigger {
		if n = p.extend(1); n > 1 {
			return p.output(n)
		}
	}
	if len(p.runs) > p.Trigger {
		if n = p.extend(len(p.runs) - p.Trigger + 1); n > 1 {
			return p.output(n)
		}
	}
	return 0, 0, false
}

// earlyFull: the interval is over, the bucket is small, or the runs below the
// top level have grown large.
func (p *picker) earlyFull(st PickState) bool {
	if len(p.runs) < 2 {
		return false
	}
	if p.FullInterval > 0 && (st.LastFull.IsZero() || p.now.Sub(st.LastFull) > p.FullInterval) {
		return true
	}
	var total, below int64
	for i, r := range p.runs {
		total += p.sizes[i]
		if r.Level != p.maxLevel {
			below += p.sizes[i]
		}
	}
	return p.TotalSizeThreshold > 0 && total < p.TotalSizeThreshold ||
		p.IncrementalSizeThreshold > 0 && below > p.IncrementalSizeThreshold
}

func (p *picker) sizeAmp() bool {
	if len(p.runs) == 0 || len(p.runs) < p.Trigger {
		return false
	}
	last := len(p.runs) - 1
	var newer int64
	for _, s := range p.sizes[:last] {
		newer += s
	}
	return newer*100 > int64(p.SizeAmpPercent)*p.sizes[last]
}

// extend takes further runs after the first n while they are not much larger
// than all before them.
func (p *picker) extend(n int) int {
	var size int64
	for _, s := range p.sizes[:n] {
		size += s
	}
	ratio := 100 + float64(p.SizeRatio+p.offPeakRatio())
	for n < len(p.runs) && float64(size)*ratio/100 >= float64(p.sizes[n]) {
		size += p.sizes[n]
		n++
	}
	return n
}

func (p *picker) offPeakRatio() int {
	start, end, hour := p.OffPeakStart, p.OffPeakEnd, p.now.Hour()
	switch {
	case start < 0 || end < 0 || start == end:
		return 0
	case start < end && start <= hour && hour < end, start > end && (hour < end || start <= hour):
		return p.OffPeakRatio
	}
	return 0
}

// output decides the level for the first n runs, taking more runs when that
// would be level 0: compaction never writes there.
func (p *picker) output(n int) (int, int, bool) {
	level := 0
	if n < len(p.runs) {
		level = max(0, p.runs[n].Level-1)
		for level == 0 && n < len(p.runs) {
			level = p.runs[n].Level
			n++
		}
	}
	if n == len(p.runs) {
		return n, p.maxLevel, true
	}
	return n, level, false
}

func (p *picker) upLevel0(st PickState) (n, level int, full bool, next PickState) {
	if p.Strategy == UpLevel0Gentle {
		st.Skipped++
		if st.Skipped < p.MaxInterval {
			return 0, 0, false, st
		}
		st.Skipped = 0
	}
	for n < len(p.runs) && p.runs[n].Level == 0 {
		n++
	}
	if n == 0 {
		return 0, 0, false, st
	}
	n, level, full = p.output(p.extend(n))
	return n, level, full, st
}

// WaitToWrite reports whether a writer must wait for a running compaction
// before it adds another run; stopTrigger is `num-sorted-run.stop-trigger`
// (default Trigger+3).
// Source: MergeTreeCompactManager.shouldWaitForLatestCompaction.
func WaitToWrite(numRuns, stopTrigger int) bool { return numRuns > stopTrigger }

// WaitToCommit reports whether a commit must wait for a running compaction.
// Source: MergeTreeCompactManager.shouldWaitForPreparingCheckpoint.
func WaitToCommit(numRuns, stopTrigger int) bool { return numRuns > stopTrigger+1 }
