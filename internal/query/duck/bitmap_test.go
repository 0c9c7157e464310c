package duck

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/bitmap"
)

// blob writes a bitmap as a literal of SQL.
func blob(t testing.TB, f bitmap.Form, values ...uint64) string {
	raw, err := bitmap.Of(values...).Append(nil, f)
	require.NoError(t, err)
	return literal(raw)
}

func literal(raw []byte) string { return "unhex('" + hex.EncodeToString(raw) + "')" }

func TestBitmapScalars(t *testing.T) {
	c := openConn(t, Options{})
	f := func(sql, want string) {
		t.Helper()
		require.Equal(t, want, rowsOf(t, c, "SELECT "+sql))
	}
	const text = "tarn_bitmap_to_string"
	f(text+"(tarn_bitmap_of(10)), "+text+"(tarn_bitmap_of(-5)), tarn_bitmap_of(NULL::BIGINT)", "10|∅|∅")
	f(text+"(tarn_bitmap_of('18446744073709551615')), tarn_bitmap_of('18446744073709551616'), tarn_bitmap_of('x'), tarn_bitmap_of('')", "18446744073709551615|∅|∅|∅")
	f(text+"(tarn_bitmap_of(18446744073709551615::HUGEINT)), tarn_bitmap_of(18446744073709551616::HUGEINT), "+text+"(tarn_bitmap_of(7::UTINYINT))", "18446744073709551615|∅|7")
	f("tarn_bitmap_empty(), "+text+"(tarn_bitmap_empty()), tarn_bitmap_count(tarn_bitmap_empty())", "x00||0")
	f("tarn_bitmap_count(NULL), tarn_bitmap_cardinality(NULL), tarn_bitmap_max(NULL)", "0|∅|∅")
	f(text+"(tarn_bitmap_from_string('0, 1, 2,1')), tarn_bitmap_from_string('-1, 0'), "+text+"(tarn_bitmap_from_string(''))", "0,1,2|∅|")
	f(text+"(tarn_bitmap_hash('hello')), tarn_bitmap_hash(NULL)", "1321743225|x00")
	f("tarn_bitmap_to_array(tarn_bitmap_from_string('1, 7, 4294967296')), tarn_bitmap_to_array(tarn_bitmap_empty()), tarn_bitmap_to_array(NULL)", "[1,7,4294967296]|[]|∅")
	f("tarn_bitmap_to_int_array(tarn_bitmap_from_string('4294967295,1')), tarn_bitmap_to_braces(tarn_bitmap_from_string('4294967295,1'))", "[1,-1]|{1,4294967295}")
	f(text+"(tarn_bitmap_of_array([5, NULL, 3, 5])), tarn_bitmap_of_array(NULL), "+text+"(tarn_bitmap_of_array([]))", "3,5|∅|")
	a, b := blob(t, bitmap.StarRocks, 1, 2, 1<<40), blob(t, bitmap.RBM64, 2, 3, 1<<40)
	f(fmt.Sprintf("%s(tarn_bitmap_and(%[2]s,%[3]s)), %[1]s(tarn_bitmap_or(%[2]s,%[3]s)), %[1]s(tarn_bitmap_xor(%[2]s,%[3]s)), %[1]s(tarn_bitmap_andnot(%[2]s,%[3]s))", text, a, b),
		"2,1099511627776|1,2,3,1099511627776|1,3|1")
	f("tarn_bitmap_and("+a+", NULL), tarn_bitmap_or(NULL, "+a+")", "∅|∅")
	f(fmt.Sprintf("tarn_bitmap_has_any(%s, %s), tarn_bitmap_has_any(%[1]s, tarn_bitmap_of(5)), tarn_bitmap_has_any(NULL, %[1]s)", a, b), "true|false|∅")
	f(fmt.Sprintf("tarn_bitmap_contains(%s, 2), tarn_bitmap_contains(%[1]s, 3), tarn_bitmap_contains(%[1]s, -1), tarn_bitmap_contains(%[1]s, NULL)", a), "true|false|false|∅")
	f(text+"(tarn_bitmap_remove("+a+", 2)), tarn_bitmap_max("+a+"), tarn_bitmap_min("+a+"), tarn_bitmap_max(tarn_bitmap_empty())", "1,1099511627776|1099511627776|1|∅")
	f("sum(tarn_bitmap_contains("+blob(t, bitmap.StarRocks, 1, 5, 100, 2047, 2048)+", r)::INT) FROM range(5000) t(r)", "5")
	f("list(tarn_bitmap_to_array(b)) FROM (VALUES (tarn_bitmap_of(1)), (NULL), (tarn_bitmap_from_string('2,3'))) t(b)", "[[1],∅,[2,3]]")
}

// Every form is read; what is written is as paimon/bitmap writes it.
func TestBitmapForms(t *testing.T) {
	vals := [][]uint64{{}, {7}, {1 << 40}, {1, 2, 3, 70000}, {1, 1 << 33, 1 << 60}}
	all := []bitmap.Form{bitmap.StarRocks, bitmap.Portable32, bitmap.Portable64, bitmap.RBM32, bitmap.RBM64}
	for form, want := range map[BitmapForm]bitmap.Form{BitmapStarRocks: bitmap.StarRocks, BitmapPortable32: bitmap.Portable32, BitmapPortable64: bitmap.Portable64} {
		c := openConn(t, Options{BitmapForm: form})
		for _, v := range vals {
			wide := len(v) > 0 && v[len(v)-1] > 1<<32
			for _, f := range all {
				if wide && (f == bitmap.Portable32 || f == bitmap.RBM32) {
					continue
				}
				sql := fmt.Sprintf("SELECT %s(tarn_bitmap_from_bytes(%s)) = hex(%s)", "hex", blob(t, f, v...), blobOr(t, want, wide, v))
				if wide && want == bitmap.Portable32 {
					_, err := drain(c.Query(context.Background(), sql))
					require.ErrorContains(t, err, "tarn_bitmap_from_bytes: a value is greater than 4294967295")
					continue
				}
				require.Equal(t, "true", rowsOf(t, c, sql), "%v as %s", v, f)
			}
			require.Equal(t, "true", rowsOf(t, c, fmt.Sprintf("SELECT tarn_bitmap_to_binary(%s) = %s", blob(t, bitmap.Portable64, v...), blob(t, bitmap.StarRocks, v...))))
		}
	}
	c := openConn(t, Options{})
	require.Equal(t, "x3a30000000000000", rowsOf(t, c, "SELECT tarn_bitmap_to_bytes(tarn_bitmap_empty())"))
	_, err := Open(context.Background(), Options{BitmapForm: 9})
	require.ErrorContains(t, err, "bitmap form 9")
}

func blobOr(t testing.TB, f bitmap.Form, wide bool, v []uint64) string {
	if wide && f == bitmap.Portable32 {
		f = bitmap.Portable64
	}
	return blob(t, f, v...)
}

// What Java wrote is read as the same set; the file is that of paimon/bitmap.
func TestBitmapOfJava(t *testing.T) {
	c := openConn(t, Options{})
	file, err := os.Open("../../../paimon/bitmap/testdata/java.txt.gz")
	require.NoError(t, err)
	defer file.Close()
	z, err := gzip.NewReader(file)
	require.NoError(t, err)
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<24)
	n := 0
	for lines.Scan() {
		l := strings.Fields(lines.Text())
		switch l[0] {
		case "raw64", "set":
			require.Equal(t, "true", rowsOf(t, c, fmt.Sprintf("SELECT tarn_bitmap_from_bytes(unhex('%s')) = tarn_bitmap_from_bytes(unhex('%s'))", l[1], l[2])))
		case "union32":
			in := "(unhex('" + strings.Join(l[1:len(l)-2], "')), (unhex('") + "'))"
			require.Equal(t, "true", rowsOf(t, c, fmt.Sprintf("SELECT tarn_bitmap_union(b) = tarn_bitmap_from_bytes(unhex('%s')) FROM (VALUES %s) t(b)", l[len(l)-1], in)))
		}
		n++
	}
	require.Greater(t, n, 200)
}

func TestBitmapAggregates(t *testing.T) {
	c := openConn(t, Options{Threads: 2})
	f := func(sql, want string) {
		t.Helper()
		require.Equal(t, want, rowsOf(t, c, "SELECT "+sql))
	}
	const text = "tarn_bitmap_to_string"
	f(text+"(tarn_bitmap_agg(x)) FROM (VALUES (5), (NULL), (-1), (3), (5)) t(x)", "3,5")
	f(text+"(tarn_bitmap_agg(x)) FROM (VALUES (-1)) t(x)", "")
	f("tarn_bitmap_agg(x) FROM (VALUES (NULL::INT)) t(x)", "∅")
	f("tarn_bitmap_agg(x), tarn_bitmap_agg_count(x), tarn_bitmap_union_count(tarn_bitmap_of(x)), tarn_bitmap_union(tarn_bitmap_of(x)) FROM range(0) t(x)", "∅|0|0|∅")
	f(text+"(tarn_bitmap_agg(x)) FROM (VALUES ('12'), ('x'), (' 7 ')) t(x)", "7,12")
	f(text+"(tarn_bitmap_agg(x)) FROM (VALUES (1::HUGEINT), (18446744073709551615::HUGEINT), (18446744073709551616::HUGEINT)) t(x)", "1,18446744073709551615")
	bitmaps := "(VALUES (tarn_bitmap_from_string('1,2,3')), (NULL), (tarn_bitmap_from_string('2,3,4')), (tarn_bitmap_from_string('3'))) t(b)"
	f(text+"(tarn_bitmap_union(b)), tarn_bitmap_union_count(b), "+text+"(tarn_bitmap_intersect(b)), tarn_bitmap_intersect_count(b), "+
		text+"(tarn_bitmap_xor_agg(b)), tarn_bitmap_xor_agg_count(b) FROM "+bitmaps, "1,2,3,4|4|3|1|1,3,4|3")
	f("count(*), sum(n), bool_and(n = d) FROM (SELECT r % 1000 g, tarn_bitmap_agg_count(r * 7 % 100003) n, count(DISTINCT r * 7 % 100003) d FROM range(300000) t(r) GROUP BY g)",
		"1000|300000|true")
	f("sum(n), bool_and(n = d), bool_and(tarn_bitmap_count(b) = d) FROM (SELECT r % 3 g, tarn_bitmap_agg_count(hash(r % 50000) // 2) n, tarn_bitmap_agg(hash(r % 50000) // 2) b, count(DISTINCT r % 50000) d FROM range(300000) t(r) GROUP BY g)",
		"150000|true|true")
	f("tarn_bitmap_union_count(b) = 100003, tarn_bitmap_union(b) = (SELECT tarn_bitmap_agg(r * 7 % 100003) FROM range(300000) t(r)) FROM (SELECT tarn_bitmap_agg(r * 7 % 100003) b FROM range(300000) t(r) GROUP BY r % 1000)", "true|true")
	f("tarn_bitmap_agg_count(DISTINCT x) FILTER (WHERE x <> 4) FROM (VALUES (4), (5), (5)) t(x)", "1")
}

// Windows combine states more than once, so a source must stay as it is.
func TestBitmapWindows(t *testing.T) {
	c := openConn(t, Options{Threads: 2})
	sql := `SELECT count(*), bool_and(n = tarn_bitmap_count(b)), bool_and(n = least(r, 49) + 1), bool_and(u = least(r, 49) + 1), bool_and(x >= 0) FROM (
		SELECT r, tarn_bitmap_agg_count(r % 1000) OVER w n, tarn_bitmap_agg(r % 1000) OVER w b,
			tarn_bitmap_union_count(tarn_bitmap_of(r % 1000)) OVER w u, tarn_bitmap_xor_agg_count(tarn_bitmap_of(r % 3)) OVER w x
		FROM range(20000) t(r) WINDOW w AS (ORDER BY r ROWS BETWEEN 49 PRECEDING AND CURRENT ROW))`
	require.Equal(t, "20000|true|true|true|true", rowsOf(t, c, sql))
	require.Equal(t, "1\n2\n2\n3", rowsOf(t, c, "SELECT tarn_bitmap_agg_count(x) OVER (ORDER BY i) FROM (VALUES (1, 7), (2, 8), (3, 7), (4, 9)) t(i, x) ORDER BY i"))
}

func TestBitmapDamaged(t *testing.T) {
	c := openConn(t, Options{})
	f := func(sql, want string) {
		t.Helper()
		_, err := drain(c.Query(context.Background(), "SELECT "+sql))
		require.ErrorContains(t, err, want)
		require.Equal(t, "1", rowsOf(t, c, "SELECT 1"))
	}
	bad := "'not a bitmap'::BLOB"
	for _, name := range []string{"count", "cardinality", "max", "min", "from_bytes", "to_binary", "to_bytes", "to_array", "to_int_array", "to_string", "to_braces", "union", "union_count", "intersect", "xor_agg"} {
		f("tarn_bitmap_"+name+"("+bad+")", "tarn_bitmap_"+name+": value of 12 bytes is no bitmap: ")
	}
	for _, name := range []string{"and", "or", "xor", "andnot", "has_any"} {
		f("tarn_bitmap_"+name+"(tarn_bitmap_empty(), "+bad+")", "tarn_bitmap_"+name+": value of 12 bytes is no bitmap: ")
	}
	f("tarn_bitmap_contains("+bad+", 1)", "tarn_bitmap_contains: value of 12 bytes is no bitmap: ")
	f("tarn_bitmap_count(''::BLOB)", "tarn_bitmap_count: value of 0 bytes is no bitmap: ")
	f("tarn_bitmap_to_array(tarn_bitmap_of('9223372036854775808'))", "tarn_bitmap_to_array: a value of 2^63 or more does not fit BIGINT")
	f("tarn_bitmap_max(tarn_bitmap_of('9223372036854775808'))", "tarn_bitmap_max: a value of 2^63 or more does not fit BIGINT")
	f("tarn_bitmap_to_int_array(tarn_bitmap_of(4294967296))", "tarn_bitmap_to_int_array: a value is greater than 4294967295")
	f("tarn_bitmap_to_bytes(tarn_bitmap_of(4294967296))", "tarn_bitmap_to_bytes: a value is greater than 4294967295")
	f("tarn_bitmap_of_array([1, -1])", "tarn_bitmap_of_array: an element is negative")
	f("tarn_bitmap_union(b) FROM (SELECT CASE WHEN r = 9999 THEN "+bad+" ELSE tarn_bitmap_of(r) END b, r % 100 g FROM range(10000) t(r)) GROUP BY g", "tarn_bitmap_union: value of 12 bytes is no bitmap")
	require.Equal(t, "∅", rowsOf(t, c, "SELECT tarn_bitmap_from_binary("+bad+")"), "as StarRocks has it")
}

func TestBitmapMemory(t *testing.T) {
	before := BitmapBytes()
	c := openConn(t, Options{MemoryLimit: 32 << 20, Threads: 2})
	_, err := drain(c.Query(context.Background(), "SELECT tarn_bitmap_agg(hash(r) // 2) FROM range(30000000) t(r) GROUP BY r % 3"))
	var de *Error
	require.ErrorAs(t, err, &de)
	require.Equal(t, KindMemory, de.Kind, de.Message)
	require.Contains(t, de.Message, "tarn_bitmap_agg: bitmaps need more memory than allowed")
	ctx, cancel := context.WithCancel(context.Background())
	b := array.NewInt64Builder(memory.DefaultAllocator)
	for i := range int64(100000) {
		b.Append(i)
	}
	batch := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int64}}, nil), []arrow.Array{b.NewArray()}, 100000)
	m := newTable(batch, batch)
	m.onNext = func(_ context.Context, n int) error {
		if n == 1 {
			cancel()
		}
		return nil
	}
	_, err = drain(c.Query(ctx, "SELECT tarn_bitmap_agg(x) FROM "+register(t, c, m).SQL()+" GROUP BY x % 100"))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "3", rowsOf(t, c, "SELECT tarn_bitmap_agg_count(r % 3) FROM range(1000) t(r)"))
	require.Less(t, BitmapBytes()-before, int64(64<<10), "what failed queries held is freed")
}

// FuzzBitmap holds that SQL and paimon/bitmap take the same bytes as the same set, and that nothing crashes.
func FuzzBitmap(f *testing.F) {
	c := openConn(f, Options{})
	s, err := c.Prepare(context.Background(), "SELECT tarn_bitmap_from_binary($1::BLOB)")
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, s.Close()) })
	for _, vals := range [][]uint64{{}, {1}, {1 << 40}, {1, 2, 3, 70000}, {1, 1 << 33, 1 << 60}} {
		for _, form := range []bitmap.Form{bitmap.StarRocks, bitmap.Portable64, bitmap.RBM64} {
			raw, err := bitmap.Of(vals...).Append(nil, form)
			require.NoError(f, err)
			f.Add(raw)
		}
	}
	f.Add([]byte("\x0d\x02\x00\x00\x00\x00\x01\x01\x00\x00\x00\x05\x00\x00\x00\x07\x00\x00\x00\x01\x00\x00\x00\x00"))
	f.Add([]byte("\x0c\x02\x3b\x30\x00\x00\x01\x00\x00\x09\x00\x01\x00\x05\x00\x09\x00"))
	f.Add([]byte("\x0a\x02\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x80\x03\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := s.Query(context.Background(), raw)
		require.NoError(t, err)
		b, err := r.Next()
		require.NoError(t, err)
		got := cell(b.Column(0), 0)
		b.Release()
		require.NoError(t, r.Close())
		want := "∅"
		if set, err := bitmap.Decode(raw); err == nil {
			out, err := set.Append(nil, bitmap.StarRocks)
			require.NoError(t, err)
			if again, err := bitmap.Decode(unhexCell(t, got)); got != "∅" {
				require.NoError(t, err)
				require.True(t, set.Equal(again), "%x: got %s, want %x", raw, got, out)
				return
			}
			want = fmt.Sprintf("x%x", out)
		}
		require.Equal(t, want, got, "%x", raw)
	})
}

func unhexCell(t testing.TB, cell string) []byte {
	if !strings.HasPrefix(cell, "x") {
		return nil
	}
	raw, err := hex.DecodeString(cell[1:])
	require.NoError(t, err)
	return raw
}
