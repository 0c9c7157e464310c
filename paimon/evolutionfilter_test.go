package paimon_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

// TestAppendFilters writes append tables whose schema changes from file to
// file: whatever statistics and file indexes leave out, random conditions give
// the rows that satisfy them.
func TestAppendFilters(t *testing.T) {
	seed := seedOf(t)
	for round := range 8 {
		t.Run(strconv.Itoa(round), func(t *testing.T) {
			ctx, r := context.Background(), rand.New(rand.NewPCG(seed, uint64(round)))
			l := newLayout(t)
			for i := range l {
				l[i].free = true
			}
			x := &modelRun{t: t, r: r, layouts: []layout{l}, slots: modelColumns, m: newModel(rules{}, l)}
			v := &variant{t: t, ctx: ctx, w: paimon.Open(fileio.NewMem(), paimon.Options{}), options: map[string]string{"bucket": "-1",
				"file.format": pickOne(r, "parquet", "avro", "orc"), "metadata.stats-mode": pickOne(r, "counts", "truncate(2)", "full", "full"),
				"metadata.stats-dense-store": pickOne(r, "true", "false"), "metadata.stats-keep-first-n-columns": pickOne(r, "-1", "3")}}
			if r.IntN(2) == 0 {
				v.options["file-index.bloom-filter.columns"], v.options["file-index.bitmap.columns"] = "a,b,s", "c,p"
			}
			d := catalog.Definition{Options: v.options}
			for _, c := range l {
				d.Fields = append(d.Fields, types.Field{Name: c.name, Type: c.typ})
			}
			require.NoError(t, v.w.Catalog().CreateDatabase(ctx, "d"))
			require.NoError(t, v.w.Catalog().CreateTable(ctx, users, d))
			x.variants = []*variant{v}
			each := func(do func(*variant, *rand.Rand)) { do(v, r) }
			for i := range 14 {
				if r.IntN(2) == 0 {
					x.alter(each)
				} else {
					v.write(r, nil, x.appended(i), x.m.at)
				}
				for range 16 {
					x.checkFilter(v, fmt.Sprintf("%v\n%v\n", v.options, x.log))
				}
			}
			require.Equal(t, x.m.lines(), nonNil(v.rows(nil)))
		})
	}
}

// appended makes rows whose values lie together, for statistics to tell files
// apart.
func (x *modelRun) appended(file int) []modelChange {
	var out []modelChange
	for i := range 1 + x.r.IntN(8) {
		row := modelRow{colP: file, colK: i, colS: 10*file + x.r.IntN(4)}
		if x.r.IntN(5) > 0 { // a file may have no value at all
			row[colA], row[colB], row[colC] = x.r.IntN(9)-file, string(rune('a'+file))+strconv.Itoa(x.r.IntN(30)), 100*file+x.r.IntN(9)
		}
		for _, c := range x.m.at {
			if c.slot >= modelColumns && x.r.IntN(4) > 0 {
				row[c.slot] = c.random(x.r)
			}
		}
		x.m.rows[modelKey{file, i}] = &modelState{row: row}
		out = append(out, modelChange{kind: types.Insert, row: row})
	}
	return out
}
