package query

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/tarndb/tarn/paimon/types"
	"github.com/tarndb/tarn/paimon/variant"
)

// engineFields gives columns as the engine gets them: a VARIANT is a text of
// JSON.
func engineFields(fields []types.Field) []types.Field {
	out := make([]types.Field, len(fields))
	for i, f := range fields {
		if f.Type.Root == types.Variant {
			text := types.String()
			text.Nullable, f.Type = f.Type.Nullable, text
		}
		out[i] = f
	}
	return out
}

// variantsAsText gives b with its VARIANT columns, those of fields that are, as
// texts of JSON. It takes over b.
func variantsAsText(b arrow.RecordBatch, fields []types.Field) (arrow.RecordBatch, error) {
	defer b.Release()
	cols := make([]arrow.Array, len(fields))
	for i, f := range fields {
		cols[i] = b.Column(i)
		if f.Type.Root != types.Variant {
			continue
		}
		text, err := variantTexts(b.Column(i).(*array.Struct))
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		defer text.Release()
		cols[i] = text
	}
	return array.NewRecordBatch(types.ArrowSchema(engineFields(fields)), cols, b.NumRows()), nil
}

func variantTexts(a *array.Struct) (arrow.Array, error) {
	values, metadata := a.Field(0).(*array.Binary), a.Field(1).(*array.Binary)
	out := array.NewStringBuilder(memory.DefaultAllocator)
	defer out.Release()
	out.Reserve(a.Len())
	var buf []byte
	for i := range a.Len() {
		if a.IsNull(i) {
			out.AppendNull()
			continue
		}
		var err error
		if buf, err = variant.New(values.Value(i), metadata.Value(i)).AppendJSON(buf[:0]); err != nil {
			return nil, err
		}
		out.BinaryBuilder.Append(buf)
	}
	return out.NewArray(), nil
}
