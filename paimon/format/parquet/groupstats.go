package parquet

import (
	"encoding/binary"
	"math"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/tarndb/tarn/paimon/format"
	"github.com/tarndb/tarn/paimon/types"
)

// groupStats gives the statistics of a row group for the wanted columns.
func (r *reader) groupStats(g *metadata.RowGroupMetaData) []format.ColumnStats {
	out := make([]format.ColumnStats, len(r.columns))
	for i, c := range r.columns {
		switch {
		case c == nil:
			out[i] = format.ColumnStats{Known: true, NullCount: g.NumRows()}
		case c.leaf != nil && c.leaf.isFlat && c.cast == nil:
			if chunk, err := g.ColumnChunk(c.leaf.index); err == nil {
				out[i] = chunkStats(chunk, c.leaf.node, c.want)
			}
		}
	}
	return out
}

func chunkStats(chunk *metadata.ColumnChunkMetaData, n *schema.PrimitiveNode, t types.Type) format.ColumnStats {
	var out format.ColumnStats
	if ok, err := chunk.StatsSet(); err != nil || !ok {
		return out
	}
	s, err := chunk.Statistics()
	if err != nil || s == nil || !s.HasNullCount() {
		return out
	}
	out.Known, out.NullCount = true, s.NullCount()
	if !s.HasMinMax() {
		return out
	}
	return withBounds(out, s.EncodeMin(), s.EncodeMax(), n, t)
}

// withBounds adds plainly encoded bounds.
func withBounds(out format.ColumnStats, low, high []byte, n *schema.PrimitiveNode, t types.Type) format.ColumnStats {
	ends := [2][]byte{low, high}
	width := 0
	switch n.PhysicalType() {
	case pq.Types.Boolean:
		width = 1
	case pq.Types.Int32, pq.Types.Float:
		width = 4
	case pq.Types.Int64, pq.Types.Double:
		width = 8
	case pq.Types.Int96:
		return out
	}
	if len(low) < width || len(high) < width {
		return out
	}
	out.HasBounds = keepsForm(n, t)
	for i, b := range ends {
		switch n.PhysicalType() {
		case pq.Types.Boolean:
			out.Ints[i] = int64(b[0])
		case pq.Types.Int32:
			out.Ints[i] = int64(int32(binary.LittleEndian.Uint32(b)))
		case pq.Types.Int64:
			out.Ints[i] = int64(binary.LittleEndian.Uint64(b))
		case pq.Types.Float:
			out.Floats[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		case pq.Types.Double:
			out.Floats[i] = math.Float64frombits(binary.LittleEndian.Uint64(b))
		default:
			out.Bytes[i] = b
		}
	}
	if math.IsNaN(out.Floats[0]) || math.IsNaN(out.Floats[1]) {
		out.HasBounds = false
	}
	return out
}

// keepsForm says that the file holds values in the form that ColumnStats has
// for the type.
func keepsForm(n *schema.PrimitiveNode, t types.Type) bool {
	switch t.Root {
	case types.Timestamp, types.TimestampLTZ:
		return sameUnit(n, t)
	case types.Decimal:
		asInt := n.PhysicalType() == pq.Types.Int32 || n.PhysicalType() == pq.Types.Int64
		return asInt == (t.Precision <= 18)
	}
	l, isInt := n.LogicalType().(schema.IntLogicalType)
	return !isInt || l.IsSigned()
}

// sameUnit says that the file keeps timestamps in the unit of their Arrow type.
func sameUnit(n *schema.PrimitiveNode, t types.Type) bool {
	s, ok := mustSink(n, t).(*fixedSink[int64, int64])
	return ok && s.convert == nil
}

func mustSink(n *schema.PrimitiveNode, t types.Type) sink {
	s, err := newSink(n, t, nil)
	if err != nil {
		return nil
	}
	return s
}
