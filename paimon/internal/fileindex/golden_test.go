package fileindex

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// rowsOf makes the rows of a golden case: n rows of distinct values (at most),
// with nulls and in runs as the kind says. The formulas are those of the Java
// program that wrote the cases.
func rowsOf(t types.Type, n, distinct, kind int) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, t.Arrow())
	defer b.Release()
	x := uint64(42)
	for i := range n {
		x = x*6364136223846793005 + 1442695040888963407
		ordinal := int64((x >> 33) % uint64(distinct))
		if kind == 2 {
			ordinal = int64(i / 100 % distinct)
		}
		if kind == 3 || kind == 1 && x>>20&7 == 0 || kind == 2 && i%1000 > 990 {
			b.AppendNull()
		} else {
			appendValue(b, t, ordinal)
		}
	}
	return b.NewArray()
}

func appendValue(b array.Builder, t types.Type, o int64) {
	s := o * 7919
	if o%2 != 0 {
		s = -s
	}
	real := map[int64]float64{5: math.NaN(), 6: math.Copysign(0, -1), 7: 0}
	f, special := real[o]
	if !special {
		f = float64(s) / 8
	}
	text := fmt.Sprintf("value-%d", o)
	if o == 3 {
		text = ""
	} else if o%5 == 0 {
		text = fmt.Sprintf("é€𝄞%d", o)
	}
	switch b := b.(type) {
	case *array.Int8Builder:
		b.Append(int8(s))
	case *array.Int16Builder:
		b.Append(int16(s))
	case *array.Int32Builder:
		b.Append(int32(s * 104729))
	case *array.Int64Builder:
		b.Append(s * 104729 * 1000003)
	case *array.Float32Builder:
		b.Append(float32(f))
	case *array.Float64Builder:
		b.Append(f)
	case *array.BooleanBuilder:
		b.Append(o%2 == 1)
	case *array.Date32Builder:
		b.Append(arrow.Date32(s))
	case *array.Time32Builder:
		b.Append(arrow.Time32(abs(s) * 1000 % 86400000))
	case *array.TimestampBuilder:
		switch v := s * 1000003; {
		case t.Precision > 6:
			v = v*1000000 + o*37%1000000
			b.Append(arrow.Timestamp(v))
		case t.Precision > 3:
			b.Append(arrow.Timestamp(v + o))
		default:
			b.Append(arrow.Timestamp(v))
		}
	case *array.Decimal128Builder:
		b.Append(decimal128.FromI64(s))
	case *array.StringBuilder:
		b.Append(text)
	case *array.BinaryBuilder:
		b.Append([]byte(text))
	default:
		panic(t.SQL())
	}
}

// goldenCase is one line of the golden file.
type goldenCase struct {
	kind              string
	options           map[string]string
	typ               string
	n, distinct, mode int
	want              string
}

func goldenCases(tb testing.TB) []goldenCase {
	raw, err := os.ReadFile("testdata/paimon-1.4.2/indexes.txt.gz")
	require.NoError(tb, err)
	z, err := gzip.NewReader(bytes.NewReader(raw))
	require.NoError(tb, err)
	var out []goldenCase
	for lines := bufio.NewScanner(z); lines.Scan(); {
		p := strings.Split(lines.Text(), "|")
		require.Len(tb, p, 7)
		c := goldenCase{kind: p[0], typ: p[2], want: p[6], options: map[string]string{}}
		for _, kv := range strings.Split(p[1], ",") {
			if k, v, ok := strings.Cut(kv, "="); ok {
				c.options[k] = v
			}
		}
		c.n, _ = strconv.Atoi(p[3])
		c.distinct, _ = strconv.Atoi(p[4])
		c.mode, _ = strconv.Atoi(p[5])
		if c.kind == "container" {
			c.n, _ = strconv.Atoi(p[2])
		}
		out = append(out, c)
	}
	return out
}

// show is how the golden file shows bytes.
func show(raw []byte) string {
	if len(raw) > 600 {
		return fmt.Sprintf("sha256 %d %x", len(raw), sha256.Sum256(raw))
	}
	return hex.EncodeToString(raw)
}

// TestGolden: for the same rows the bytes are those of Java, and what Java
// refuses is refused.
func TestGolden(t *testing.T) {
	cases := goldenCases(t)
	require.Greater(t, len(cases), 1300)
	for _, c := range cases {
		name := fmt.Sprint(c.kind, c.options, c.typ, " ", c.n, " of ", c.distinct, " ", c.mode)
		if c.kind == "container" {
			require.Equal(t, c.want, show(goldenContainer(c.n)), name)
			continue
		}
		typ, err := types.Parse(c.typ)
		require.NoError(t, err)
		b, err := newBuilder(c.kind, typ, c.options)
		if strings.HasPrefix(c.want, "error") {
			require.ErrorIs(t, err, errs.ErrUnsupported, name)
			continue
		}
		require.NoError(t, err, name)
		rows := rowsOf(typ, c.n, c.distinct, c.mode)
		var col column
		for from := 0; from < c.n; from += 777 { // in batches, which are slices of one array
			part := array.NewSlice(rows, int64(from), int64(min(from+777, c.n)))
			require.NoError(t, col.set(part))
			b.add(&col)
			part.Release()
		}
		if got := show(b.bytes()); got != c.want {
			t.Errorf("%s\nJava %s\nTarn %s", name, c.want, got)
		}
	}
}

func goldenContainer(n int) []byte {
	var p []Payload
	for i := range n {
		name := fmt.Sprintf("column_%d", i)
		if i%7 == 3 {
			name = fmt.Sprintf("ключ\x00𝄞%d", i)
		}
		p = append(p, Payload{Column: name, Type: Bloom, Bytes: []byte{byte(i), 1}})
		if i%2 == 0 {
			p = append(p, Payload{Column: name, Type: Bitmap, Bytes: []byte{byte(i), 2}})
		}
		if i%3 == 0 {
			p = append(p, Payload{Column: name, Type: RangeBitmap, Empty: true})
		}
	}
	return Encode(p)
}
