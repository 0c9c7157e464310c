// Package e2e runs the tarn program against a real MariaDB server: kills,
// freshness, and bad input. Everything is in its tests.
//
// TARN_KILL_ROUNDS is the number of kills of each kill test (default 6),
// TARN_SEED the seed of the random parts (default: the clock; it is printed).
// TARN_PROGRAM is a tarn program to test instead of one built from this tree.
// The measurement of freshness is a benchmark: BenchmarkFreshness.
package e2e
