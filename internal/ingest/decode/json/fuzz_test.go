package json

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/ingest/decode"
)

// comparable tells whether this package and encoding/json must agree on a
// text: see scanner for where they differ.
func comparable(text []byte) bool {
	depth, deepest := 0, 0
	for _, c := range text {
		if c < ' ' {
			return false
		}
		if c == '{' || c == '[' {
			depth++
			deepest = max(deepest, depth)
		}
	}
	return deepest < MaxDepth && utf8.Valid(text)
}

// FuzzScan holds the scanner against encoding/json: the same texts are taken,
// and each member has the same value.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":"x"}`, ` { "a" : [ 1 , { } , [ ] , "\u00e9\ud83d\ude00\\" ] , "a" : null } `, `{"a":-0.1e+5,"b":tru}`,
		`{"a":"\ud800"}`, `{"a":{"b":{"a":[[[]]]}}}`, `{}`, `{"a":01}`, `{"\u0061":"\t\n\/"}`, `{"a":"中\"文"}x`,
	} {
		f.Add([]byte(s))
	}
	o := NewObject("a", "b")
	f.Fuzz(func(t *testing.T, text []byte) {
		err := o.Scan(text)
		if !comparable(text) {
			return
		}
		var want map[string]stdjson.RawMessage
		stdErr := stdjson.Unmarshal(text, &want)
		if stdErr == nil && want == nil {
			stdErr = errors.New("null")
		}
		require.Equal(t, stdErr == nil, err == nil, "%q: encoding/json says %v, this package %v", text, stdErr, err)
		if err != nil {
			return
		}
		for i, name := range []string{"a", "b"} {
			require.Equal(t, string(want[name]), string(o.Get(i)), "%q", text)
			if got, ok := o.Text(i); ok {
				var s string
				require.NoError(t, stdjson.Unmarshal(want[name], &s))
				require.Equal(t, s, got)
			} else if v := o.Get(i); v != nil {
				var b bytes.Buffer
				require.NoError(t, stdjson.Compact(&b, want[name]))
				var room []byte
				require.Equal(t, b.String(), string(compact(v, &room)))
			}
		}
	})
}

// everyType has a column of each type that JSON can hold.
const everyType = `b BOOLEAN NOT NULL
i TINYINT
l BIGINT
d DECIMAL(20, 5)
f DOUBLE
s STRING
v BYTES
day DATE
t TIME(3)
ts TIMESTAMP(9)
z TIMESTAMP(3) WITH LOCAL TIME ZONE
a ARRAY<INT NOT NULL>
m MAP<INT, STRING NOT NULL>
u MULTISET<STRING>
r ROW<x INT NOT NULL, y ARRAY<ROW<k STRING, n MAP<STRING, DECIMAL(3, 1)>>>>`

// FuzzDecode feeds any line to columns of every type: no panic, and a line
// that is refused leaves nothing behind.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"b":true,"i":1,"l":"9","d":1.5e3,"f":-1e-3,"s":{"k":1},"v":"AA==","day":"2024-02-29","t":"01:02:03.4"}`), false)
	f.Add([]byte(`{"b":false,"ts":"2024-01-01 00:00:00.123456789","z":"2024-01-01 00:00:00Z","a":[1,null],"m":{"1":"x"},"u":{"a":1},"r":{"x":1,"y":[{"k":"v","n":{"a":99.95}}]}}`), true)
	f.Add([]byte(`{"b":0,"a":[],"m":{"x":null},"r":{"y":[null,{}]}}`), true)
	fields := fieldsOf(f, everyType)
	good := []byte(`{"b":true,"r":{"x":1}}`)
	f.Fuzz(func(t *testing.T, line []byte, ignore bool) {
		d, err := NewDecoder(fields, Options{IgnoreParseErrors: ignore})
		require.NoError(t, err)
		defer d.Release()
		require.NoError(t, d.Decode(good))
		err = d.Decode(line)
		taken := d.Len() - 1
		require.NoError(t, d.Decode(good))
		c, ferr := d.Flush()
		require.NoError(t, ferr)
		defer c.Rows.Release()
		require.EqualValues(t, taken+2, c.Rows.NumRows())
		require.True(t, taken == 0 || taken == 1 && err == nil)
		require.True(t, c.Rows.Column(0).(*array.Boolean).Value(0))
		require.True(t, c.Rows.Column(0).(*array.Boolean).Value(taken+1))
		for i := range int(c.Rows.NumCols()) {
			_ = c.Rows.Column(i).String()
		}
	})
}

// FuzzDecimal holds decimals and whole numbers against big.Rat.
func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"0", "-1.005", "12345678901234567890123456789012345678", "1e5", "9.995e-1", ".5", "1.", "99999999999999999999e-19", "-9223372036854775808"} {
		f.Add(s, uint8(2))
	}
	f.Fuzz(func(t *testing.T, text string, scale uint8) {
		s := int(scale % 39)
		p, ok := split([]byte(text))
		if !ok || p.exponent > 100 || p.exponent < -100 || len(text) > 200 {
			return
		}
		want := exactly(t, text)
		n, rest, fits := p.scaled(s)
		shifted := new(big.Rat).Mul(want, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(s)), nil)))
		rounded := roundHalfUp(shifted)
		limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)
		if !fits {
			require.True(t, new(big.Int).Quo(shifted.Num(), shifted.Denom()).CmpAbs(limit) >= 0, "%q at scale %d was refused", text, s)
			return
		}
		require.Equal(t, rounded.String(), n.BigInt().String(), "%q at scale %d", text, s)
		require.Equal(t, !shifted.IsInt(), rest)
		i, whole := parseInt([]byte(text))
		require.Equal(t, want.IsInt() && want.Num().IsInt64(), whole, "%q", text)
		if whole {
			require.Equal(t, want.Num().Int64(), i)
		}
	})
}

// exactly reads a number without this package.
func exactly(t *testing.T, text string) *big.Rat {
	mantissa, exponent, has := strings.Cut(strings.ToLower(text), "e")
	r, ok := new(big.Rat).SetString(mantissa)
	require.True(t, ok, "%q", text)
	if !has {
		return r
	}
	e, err := strconv.Atoi(exponent)
	require.NoError(t, err)
	power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(e, -e))), nil))
	if e < 0 {
		power.Inv(power)
	}
	return r.Mul(r, power)
}

func roundHalfUp(r *big.Rat) *big.Int {
	twice := new(big.Int).Mul(new(big.Int).Abs(r.Num()), big.NewInt(2))
	twice.Add(twice, r.Denom())
	out := twice.Quo(twice, new(big.Int).Mul(r.Denom(), big.NewInt(2)))
	if r.Sign() < 0 {
		out.Neg(out)
	}
	return out
}

// TestDates holds the calendar against a day by day count.
func TestDates(t *testing.T) {
	day := daysFromCivil(0, 1, 1)
	for year := range 2400 {
		for month := 1; month <= 12; month++ {
			for d := 1; d <= monthDays(year, month); d++ {
				if daysFromCivil(year, month, d) != day {
					t.Fatalf("%04d-%02d-%02d: day %d, want %d", year, month, d, daysFromCivil(year, month, d), day)
				}
				day++
			}
		}
	}
	require.Zero(t, daysFromCivil(1970, 1, 1))
}

// TestDepth holds that nesting is bounded.
func TestDepth(t *testing.T) {
	o := NewObject("a")
	require.NoError(t, o.Scan([]byte(`{"a":`+strings.Repeat("[", MaxDepth-1)+strings.Repeat("]", MaxDepth-1)+`}`)))
	var e *decode.SyntaxError
	require.ErrorAs(t, o.Scan([]byte(`{"a":`+strings.Repeat("[", 1<<20))), &e)
	require.Contains(t, e.Text, "too deep")
}

// TestDecodeAllocatesNothing holds the hot path to its promise.
func TestDecodeAllocatesNothing(t *testing.T) {
	d, line := benchDecoder(t)
	defer d.Release()
	for range 2000 { // room in the builders
		require.NoError(t, d.Decode(line))
	}
	perLine := testing.AllocsPerRun(1000, func() {
		if err := d.Decode(line); err != nil {
			t.Fatal(err)
		}
	})
	require.Less(t, perLine, 0.1, "allocations a line")
}

func benchDecoder(t testing.TB) (*Decoder, []byte) {
	d, err := NewDecoder(fieldsOf(t, "order_id STRING\nproduct STRING\nat TIMESTAMP(3)\nstatus INT\nfee DECIMAL(10, 2)\nr ARRAY<ROW<x INT, y STRING>>"), Options{})
	require.NoError(t, err)
	return d, []byte(`{"order_id":"OD000000012345","product":"年卡 \"plus\"","at":"2024-03-01 12:34:56.789","status":3,"fee":199.90,"unknown":[1,2,3],"r":[{"x":1,"y":"a"},{"x":2,"y":"b"}]}`)
}

func BenchmarkDecode(b *testing.B) {
	d, line := benchDecoder(b)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := d.Decode(line); err != nil {
			b.Fatal(err)
		}
		if i%4096 == 4095 {
			c, err := d.Flush()
			if err != nil {
				b.Fatal(err)
			}
			c.Rows.Release()
		}
	}
}
