//go:build unix

package formattest

import (
	"syscall"
	"testing"
	"time"
)

// cpuTime is the processor time that the process has used: benchmarks on
// shared machines go by it.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Rate reports million rows per second of processor time, for a benchmark
// that handles rows per iteration.
func Rate(b *testing.B, rows int, run func()) {
	b.ReportAllocs()
	start := cpuTime()
	for range b.N {
		run()
	}
	b.ReportMetric(float64(rows)*float64(b.N)/(cpuTime()-start).Seconds()/1e6, "Mrows/cpu-s")
}
