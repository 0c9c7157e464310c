package scan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/spec"
)

// RowGroup are the files of a data-evolution table that hold columns of the
// same rows.
type RowGroup struct {
	// Data hold the rows one for one, the newest first.
	Data []spec.DataFileMeta
	// Blobs hold a BLOB column each, of a part of the rows or of all; by first
	// row, the newest first.
	Blobs []spec.DataFileMeta
}

// IsBlob reports whether a data file holds a BLOB column.
// Source: org.apache.paimon.format.blob.BlobFileFormat.isBlobFile.
func IsBlob(f *spec.DataFileMeta) bool { return strings.HasSuffix(f.FileName, ".blob") }

// GroupByRows groups the files of a bucket by the rows that they hold, in the
// order of the rows.
// Source: org.apache.paimon.operation.DataEvolutionSplitRead.mergeRangesAndSort.
func GroupByRows(files []spec.DataFileMeta) ([]RowGroup, error) {
	for i := range files {
		if f := &files[i]; f.FirstRowID == nil {
			return nil, errs.Corrupt(f.FileName, "no first row id in the manifest of a data-evolution table")
		}
	}
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b spec.DataFileMeta) int {
		return cmp.Or(cmp.Compare(*a.FirstRowID, *b.FirstRowID), cmp.Compare(b.MaxSequence, a.MaxSequence))
	})
	var out []RowGroup
	end := int64(0)
	for i := range files {
		f := &files[i]
		if len(out) == 0 || *f.FirstRowID >= end {
			out = append(out, RowGroup{})
		}
		end = max(end, *f.FirstRowID+f.RowCount)
		g := &out[len(out)-1]
		if IsBlob(f) {
			g.Blobs = append(g.Blobs, *f)
			continue
		}
		if len(g.Data) > 0 && (*g.Data[0].FirstRowID != *f.FirstRowID || g.Data[0].RowCount != f.RowCount) {
			return nil, errs.Corrupt(f.FileName, "rows %d to %d overlap those of %s in part", *f.FirstRowID, *f.FirstRowID+f.RowCount-1, g.Data[0].FileName)
		}
		g.Data = append(g.Data, *f)
	}
	return out, nil
}

// packRows makes splits of whole row groups; the reader reports what is wrong
// with them.
// Source: org.apache.paimon.table.source.DataEvolutionSplitGenerator.
func (s *Scanner) packRows(b Split) []Split {
	groups, err := GroupByRows(b.Files)
	if err != nil {
		return []Split{b}
	}
	var out []Split
	cur, size := b, int64(0)
	cur.Files = nil
	for _, g := range groups {
		weight := int64(0)
		for i := range g.Data {
			weight += g.Data[i].FileSize
		}
		weight = max(weight+int64(len(g.Blobs))*s.Options.Scan.SplitOpenCost, s.Options.Scan.SplitOpenCost)
		if len(cur.Files) > 0 && size+weight > s.Options.Scan.SplitTargetSize {
			out, size = append(out, cur), 0
			cur.Files = nil
		}
		cur.Files = slices.Concat(cur.Files, g.Data, g.Blobs)
		size += weight
	}
	return append(out, cur)
}
