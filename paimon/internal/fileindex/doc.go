// Package fileindex writes and reads the indexes of data files: small
// structures over one column of one file that tell which of its rows may
// satisfy a filter. An index only ever leaves rows out; whoever reads applies
// the filter again.
//
// The container (container.go) names columns and the indexes of each. It lies
// in the manifest entry of the file when it is small, else beside the file.
// Sources: org.apache.paimon.fileindex.{FileIndexFormat,FileIndexPredicate}.
//
//	bloom-filter   is this value absent?                    bloom.go
//	bitmap         the rows of each value                   bitmap.go
//	bsi            the rows with each bit of a number set   bsi.go
//	range-bitmap   a sorted dictionary, and bsi of codes    rangebitmap.go, dictionary.go
//
// Building goes column by column (build.go): a batch's column is turned into
// numbers or texts once (column.go) and handed to the builders on it; nothing is
// allocated per row, but what a dictionary grows by.
//
// # Non-obvious
//
//   - The bytes are those of Java for the same rows. Where Java walks a HashMap,
//     order.go walks in the same order; only trees in overfull bins are not
//     followed.
//   - The smallest BIGINT has no magnitude: a column that holds it gets no bsi
//     index, while Java fails to write the file.
//   - Rows of NULL are never candidates of a comparison, also not of "<>", for
//     which Java's bitmap index gives them.
//   - TIMESTAMP with more than six digits is cut to microseconds in an index, so
//     comparisons are widened by their bounds.
package fileindex
