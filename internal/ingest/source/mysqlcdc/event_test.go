package mysqlcdc

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/types"
)

// rawEvent builds an event without a checksum.
func rawEvent(typ byte, end uint32, body []byte) []byte {
	h := make([]byte, eventHeader, eventHeader+len(body))
	binary.LittleEndian.PutUint32(h, 1700000000)
	h[4] = typ
	binary.LittleEndian.PutUint32(h[9:], uint32(eventHeader+len(body)))
	binary.LittleEndian.PutUint32(h[13:], end)
	return append(h, body...)
}

// A compressed transaction of MySQL 8: GTID with its commit time, then table
// map, rows and commit inside a payload. There is no such server here, so the
// events are built from their documented layout.
func TestMySQLTransactionPayload(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Hostname, cfg.Username, cfg.Database, cfg.Table = "h", "u", "shop", "t"
	src, err := newSource(cfg, schema(t, "id INT NOT NULL", "s STRING"), []string{"id"})
	require.NoError(t, err)
	l, err := newLayout(src, []column{
		{name: "id", dataType: "int", columnType: "int"},
		{name: "s", dataType: "varchar", columnType: "varchar(20)", charset: "utf8mb4"},
	}, []string{"id"})
	require.NoError(t, err)

	tableMapBody := append([]byte{42, 0, 0, 0, 0, 0, 1, 0, 4}, "shop\x00\x01t\x00"...)
	tableMapBody = append(tableMapBody, 2, tLong, tVarchar, 2, 80, 0, 2)
	writeBody := []byte{42, 0, 0, 0, 0, 0, 1, 0, 2, 0, 2, 3, 0, 7, 0, 0, 0, 2, 'h', 'i', 2, 8, 0, 0, 0}
	inner := append(rawEvent(evTableMap, 0, tableMapBody), rawEvent(evWriteV2, 0, writeBody)...)
	inner = append(inner, rawEvent(evXID, 0, make([]byte, 8))...)
	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	compressed := z.EncodeAll(inner, nil)
	payload := []byte{2, 1, 0, 3, 1, byte(len(inner)), 1, 1, byte(len(compressed)), 0}
	payload = append(payload, compressed...)
	sid := "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	gtid := []byte{0}
	raw, _ := hex.DecodeString(strings.ReplaceAll(sid, "-", ""))
	gtid = append(gtid, raw...)
	gtid = binary.LittleEndian.AppendUint64(gtid, 24)
	gtid = append(gtid, 2)
	gtid = append(gtid, make([]byte, 16)...)
	commit := uint64(1700000001234567)
	for i := range 7 {
		gtid = append(gtid, byte(commit>>(8*i)))
	}

	set, err := parseGTID(sid+":1-23", false)
	require.NoError(t, err)
	st := &stream{src: src, tables: map[uint64]*boundTable{}, at: fileOffset{"binlog.000007", 100}, gtid: set}
	r := &reader{src: src, st: st, layout: l, out: newBuilder(src.schema), spansA: make([]span, 1), spansB: make([]span, 1)}
	feed := func(raw []byte) {
		t.Helper()
		e, err := st.f.parse(raw)
		require.NoError(t, err)
		it, err := st.handle(e)
		require.NoError(t, err)
		require.NoError(t, r.apply(testContext(t), it))
	}
	feed(rawEvent(evGTID, 200, gtid))
	require.False(t, st.atBoundary())
	feed(rawEvent(evPayload, 300, payload))
	for i := range 3 {
		require.True(t, st.buffered())
		e, err := st.nextEvent()
		require.NoError(t, err)
		it, err := st.handle(e)
		require.NoError(t, err, i)
		require.NoError(t, r.apply(testContext(t), it))
	}
	require.True(t, st.atBoundary())
	require.Equal(t, position{File: "binlog.000007", Pos: 300, GTID: sid + ":1-24"}, st.position())
	rows, kinds, watermark := r.out.take()
	require.Nil(t, kinds)
	require.EqualValues(t, 1700000001234567, watermark.UnixMicro())
	require.Equal(t, "[7 8]", rows.Column(0).String())
	require.Equal(t, `["hi" (null)]`, rows.Column(1).String())
}

func TestGTIDState(t *testing.T) {
	s, err := parseGTID("1-2-9, 0-1-7", true)
	require.NoError(t, err)
	require.Equal(t, "0-1-7,1-2-9", s.String())
	s.addMaria(mariaGTID{0, 3, 8})
	s.addMaria(mariaGTID{5, 1, 1})
	s.addMaria(mariaGTID{4, 1, 1})
	require.Equal(t, "0-3-8,1-2-9,4-1-1,5-1-1", s.String())
	var unknown gtidState
	unknown.addMaria(mariaGTID{0, 1, 1})
	require.Empty(t, unknown.String(), "an unknown state must not begin in the middle")
	for _, bad := range []string{"1-2", "a-b-c", "1-2-3,"} {
		_, err := parseGTID(bad, true)
		require.Error(t, err, bad)
	}
}

func TestFileOffsets(t *testing.T) {
	f := func(a string, ap uint64, b string, bp uint64, want bool) {
		t.Helper()
		require.Equal(t, want, fileOffset{a, ap}.before(fileOffset{b, bp}))
	}
	f("bin.000001", 5, "bin.000001", 6, true)
	f("bin.000001", 6, "bin.000001", 6, false)
	f("bin.000002", 4, "bin.000001", 900, false)
	f("bin.999999", 4, "bin.1000000", 4, true)
}

// The binary JSON of MySQL prints as its SELECT does.
func TestBinaryJSON(t *testing.T) {
	f := func(data []byte, want string) {
		t.Helper()
		got, err := appendJSON(nil, data)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	double := func(v float64) []byte {
		return binary.LittleEndian.AppendUint64([]byte{jsonDouble}, math.Float64bits(v))
	}
	f(nil, "null")
	f([]byte{jsonLiteral, 1}, "true")
	f([]byte{jsonInt16, 0xfe, 0xff}, "-2")
	f([]byte{jsonUint64, 255, 255, 255, 255, 255, 255, 255, 255}, "18446744073709551615")
	f([]byte{jsonString, 4, 'a', '"', '\n', 1}, `"a\"\n\u0001"`)
	f(double(3), "3.0")
	f(double(0.1), "0.1")
	f(double(1e20), "1e20")
	f(double(-2.5e-7), "-2.5e-7")
	// {"a": "b"}
	f([]byte{0, 1, 0, 14, 0, 11, 0, 1, 0, 12, 12, 0, 97, 1, 98}, `{"a": "b"}`)
	// [1, null, [], "xy"]
	f([]byte{2, 4, 0, 23, 0, jsonInt16, 1, 0, jsonLiteral, 0, 0, jsonSmallArray, 16, 0, jsonString, 20, 0, 0, 0, 4, 0, 2, 'x', 'y'}, `[1, null, [], "xy"]`)
	// A date and a decimal.
	date := int64((2024*13+2)<<5|29) << 17 << 24
	f(binary.LittleEndian.AppendUint64([]byte{jsonOpaque, tDate, 8}, uint64(date)), `"2024-02-29"`)
	f([]byte{jsonOpaque, tNewDecimal, 4, 4, 2, 0x80 | 12, 34}, "12.34")
	f([]byte{jsonOpaque, tNewDecimal, 4, 4, 2, 0x7f ^ 12, 0xff ^ 34}, "-12.34")
}

func TestClassifyDDL(t *testing.T) {
	f := func(sql string, want statement) {
		t.Helper()
		require.Equal(t, want, classify(sql, "shop", "shop", "orders"), sql)
	}
	f("BEGIN", stmtBegin)
	f("COMMIT /* x */", stmtEnd)
	f("ROLLBACK TO SAVEPOINT `a`", stmtOther)
	f("XA COMMIT 'x'", stmtEnd)
	f("truncate orders", stmtTruncate)
	f("TRUNCATE TABLE other.orders", stmtOther)
	f("TRUNCATE TABLE `shop` . `orders`", stmtTruncate)
	f("DROP TABLE IF EXISTS a, `Orders` /* generated by server */", stmtDrop)
	f("DROP TABLE orders_old", stmtOther)
	f("DROP VIEW orders", stmtOther)
	f("DROP DATABASE shop", stmtDrop)
	f("DROP DATABASE other", stmtOther)
	f("RENAME TABLE orders TO o2", stmtRename)
	f("RENAME TABLE orders TO _old, shop._new TO shop.orders", stmtAlter)
	f("ALTER TABLE orders ADD COLUMN x INT COMMENT 'rename to y'", stmtAlter)
	f("ALTER TABLE orders RENAME COLUMN a TO b", stmtAlter)
	f("ALTER TABLE orders RENAME AS b", stmtRename)
	f("ALTER TABLE orders DROP PARTITION p1", stmtPartition)
	f("ALTER TABLE orders REORGANIZE PARTITION p1 INTO (PARTITION p2 VALUES LESS THAN (5))", stmtAlter)
	f("/* note */ ALTER /*!50100 TABLE */ orders DROP COLUMN c", stmtAlter)
	f("CREATE INDEX i ON orders (a)", stmtAlter)
	f("CREATE OR REPLACE TABLE orders (a INT)", stmtDrop)
	f("CREATE TABLE x LIKE orders", stmtAlter)
	f("INSERT INTO orders VALUES (1)", stmtDML)
	f("INSERT INTO log VALUES ('orders')", stmtOther)
	f("-- a comment\nUPDATE shop.orders SET a = 1", stmtDML)
	f("", stmtOther)
}

func TestCompareText(t *testing.T) {
	f := func(collation, a, b string, want int, ok bool) {
		t.Helper()
		n, known := compareText(collation, []byte(a), []byte(b))
		require.Equal(t, ok, known)
		if ok {
			require.Equal(t, want, n)
		}
	}
	f("utf8mb4_bin", "中", "丰", -1, true)
	f("utf8mb4_bin", "a  ", "a", 0, true)
	f("utf8mb4_bin", "a\t", "a", 0, false)
	f("utf8mb4_0900_bin", "a ", "a", 1, true)
	f("latin1_bin", "é", "z", 0, false)
	f("utf8mb4_general_ci", "ab_", "ABC", 1, true)
	f("utf8mb4_general_ci", "é", "e", 0, false)
	f("utf8mb4_unicode_ci", "Ab9", "aB9", 0, true)
	f("utf8mb4_unicode_ci", "a-b", "a_b", 0, false)
	f("utf8mb4_uca1400_swedish_ai_ci", "a", "b", 0, false)
}

// Hostile bytes give errors, not panics.
func FuzzEvents(f *testing.F) {
	f.Add(byte(evTableMap), []byte{42, 0, 0, 0, 0, 0, 1, 0, 1, 's', 0, 1, 't', 0, 2, tLong, tVarchar, 2, 80, 0, 2}, []byte{1})
	f.Add(byte(evWriteV2), []byte{42, 0, 0, 0, 0, 0, 1, 0, 2, 0, 2, 3, 0, 7, 0, 0, 0, 2, 'h', 'i'}, []byte{tLong, tVarchar})
	f.Add(byte(evUpdateV1), []byte{42, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 0, 5}, []byte{tNewDecimal})
	f.Add(byte(evPayload), []byte{2, 1, 0, 3, 1, 9, 0}, []byte{1})
	f.Add(byte(evQuery), make([]byte, 20), []byte{1})
	f.Add(byte(evWriteCompV1), []byte{42, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0x81, 3}, []byte{tLong})
	cfg := DefaultConfig()
	cfg.Hostname, cfg.Username, cfg.Database, cfg.Table = "h", "u", "s", "t"
	src, err := newSource(cfg, []types.Field{{Name: "c", Type: types.String()}}, []string{"c"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, typ byte, body, columns []byte) {
		if len(columns) == 0 || len(columns) > 20 {
			return
		}
		table := &boundTable{layout: &layout{table: "s.t"}}
		put := make([]appender, len(columns))
		b := array.NewStringBuilder(memory.DefaultAllocator)
		defer b.Release()
		for i, c := range columns {
			table.types = append(table.types, c)
			table.metas = append(table.metas, uint16(c)*257^uint16(i*771))
			table.isKey = append(table.isKey, -1)
			table.layout.columns = append(table.layout.columns, column{name: "c", labels: []string{"a"}, dataType: "binary", bytes: 3})
			table.layout.field = append(table.layout.field, 0)
			put[i] = func(v *cell) error { b.BinaryBuilder.Append(appendText(nil, v, &column{})); return nil }
		}
		table.isKey[0] = 0
		st := &stream{src: src, state: inGroup, tables: map[uint64]*boundTable{42: table}}
		r := &reader{src: src, st: st, layout: table.layout, out: &builder{bound: table.layout, appenders: put}, spansA: make([]span, 1), spansB: make([]span, 1)}
		e, err := st.f.parse(rawEvent(typ, 99, body))
		for err == nil {
			var it item
			if it, err = st.handle(e); err != nil || it.bind != nil {
				return
			}
			if err = r.apply(t.Context(), it); err != nil || len(st.inner) == 0 {
				return
			}
			e, err = st.nextEvent()
		}
	})
}

func FuzzBinaryJSON(f *testing.F) {
	f.Add([]byte{0, 1, 0, 14, 0, 11, 0, 1, 0, 12, 12, 0, 97, 1, 98})
	f.Add([]byte{2, 2, 0, 10, 0, 2, 4, 0, 2, 4, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		out, _ := appendJSON(nil, data)
		if len(out) > 40*len(data)+1024 {
			t.Fatalf("%d bytes of JSON from %d", len(out), len(data))
		}
	})
}
