// Package sketch unites serialized sketches of Apache DataSketches, giving the
// very bytes that the Java library of Paimon gives: HyperLogLog (`hll_sketch`)
// and theta sketches (`theta_sketch`).
//
// Paimon keeps an aggregate in its serialized form between any two rows, so
// what counts is the union of two images and its image. Which image comes from
// which side matters: sizes, tables' orders and estimates depend on it.
//
// Images are bytes of others: every length is checked before it is believed,
// and what does not fit is errs.ErrCorrupt.
package sketch

import "github.com/tarndb/tarn/paimon/errs"

func corrupt(format string, args ...any) error {
	return errs.Kinded(errs.ErrCorrupt, "decode sketch: "+format, args...)
}
