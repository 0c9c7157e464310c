// Package e2e runs the tarn program against a real MariaDB server: kills,
// freshness, and bad input. Everything is in its tests.
//
// TARN_KILL_ROUNDS is the number of kills of each kill test (default 6),
// TARN_SEED the seed of the random parts (default: the clock; it is printed).
// TARN_FRESHNESS=1 runs the measurement of freshness.
package e2e
