// Package lsm is the log-structured merge tree of one bucket: files in, files
// out. It knows no manifests, snapshots or catalogs; it reaches data files
// through Files.
//
// The way of a row:
//
//  1. Buffer holds references to pushed Arrow batches, for all buckets of one
//     table writer. At a flush the rows of a bucket are sorted by (key,
//     sequence.field, sequence number), folded by the merge engine and written
//     as level-0 files. Over its memory Budget it spills sorted runs to disk.
//  2. Levels arranges a bucket's files into sorted runs: every level-0 file is
//     a run, every higher level is one run.
//  3. Pick decides, from sizes and a clock value alone, which runs to compact
//     and into which level (universal compaction).
//  4. Partition cuts the picked files into sections whose key ranges do not
//     overlap; Compactor merges sections, upgrades large lone files, and tells
//     files before, files after and changelog files.
//  5. Reader merges the runs of each section with a loser tree over encoded
//     keys. It hands windows of whole keys to the merge engine and gathers the
//     result column by column. Nothing is allocated per row.
//
// Source: org.apache.paimon.mergetree and mergetree.compact.
package lsm
