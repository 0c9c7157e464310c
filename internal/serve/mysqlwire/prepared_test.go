package mysqlwire

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"
)

func TestPreparedParameters(t *testing.T) {
	s := startServer(t, Options{})
	conn := s.connect(t, "root", "?maxAllowedPacket=100000")
	stmt, err := conn.PrepareContext(context.Background(), "select echo ?, ?, ?, ?, ?, ?, ?")
	require.NoError(t, err)
	defer stmt.Close()
	at := time.Date(2025, 6, 1, 10, 11, 12, 345678000, time.UTC)
	for range 2 { // the second one may leave out the types
		rows, err := stmt.Query(int64(-5), uint64(1<<63), 1.25, "text ü", []byte{0xff, 0}, nil, at)
		_, got := table(t, rows, err)
		require.Equal(t, []string{"int64 -5", "uint64 9223372036854775808", "float64 1.25", "string text ü", "[]uint8 [255 0]",
			"<nil> <nil>", "string 2025-06-01 10:11:12.345678"}, got[0])
	}
	long := strings.Repeat("long ", 50_000) // goes ahead by COM_STMT_SEND_LONG_DATA
	rows, err := stmt.Query(true, long, long, "", "", "", "")
	_, got := table(t, rows, err)
	require.Equal(t, "int64 1", got[0][0])
	require.Equal(t, "string "+long, got[0][1])
	require.Equal(t, "string "+long, got[0][2])
	require.Equal(t, "string ", got[0][3])
}

// StarRocks SQL that MySQL's grammar does not know can be prepared.
func TestPrepareOfStarRocksSQL(t *testing.T) {
	conn := startServer(t, Options{}).connect(t, "root", "")
	stmt, err := conn.PrepareContext(context.Background(), "select unnest([1,2,3])")
	require.NoError(t, err)
	defer stmt.Close()
	rows, err := stmt.Query()
	_, got := table(t, rows, err)
	require.Equal(t, [][]string{{"1"}, {"2"}, {"3"}}, got)
}

func TestPrepareErrors(t *testing.T) {
	conn := startServer(t, Options{MaxStatements: 3}).connect(t, "root", "?multiStatements=true")
	for sql, code := range map[string]uint16{"fail": CodeSyntax, "insert; insert": CodeSyntax, "-- none": CodeEmptyQuery} {
		_, err := conn.PrepareContext(context.Background(), sql)
		require.Equal(t, code, codeOf(err), sql)
	}
	for range 3 {
		_, err := conn.PrepareContext(context.Background(), "select echo ?")
		require.NoError(t, err)
	}
	_, err := conn.PrepareContext(context.Background(), "select echo ?")
	require.Equal(t, CodeTooManyStatements, codeOf(err))
}

// Parameter types that the Go driver does not send.
func TestDecodeParams(t *testing.T) {
	le := binary.LittleEndian
	date := func(n byte, y uint16, rest ...byte) []byte { return append(le.AppendUint16([]byte{n}, y), rest...) }
	for _, tc := range []struct {
		name  string
		code  byte
		flags byte
		data  []byte
		want  any
		wrong string
	}{
		{"tiny", typeTiny, 0, []byte{0xff}, int64(-1), ""},
		{"unsigned tiny", typeTiny, 0x80, []byte{0xff}, uint64(255), ""},
		{"short", typeShort, 0, []byte{0xfe, 0xff}, int64(-2), ""},
		{"year", typeYear, 0x80, []byte{0xe9, 0x07}, uint64(2025), ""},
		{"long", typeLong, 0, []byte{0, 0, 0, 0x80}, int64(-1 << 31), ""},
		{"float", typeFloat, 0, []byte{0, 0, 0xc0, 0x3f}, 1.5, ""},
		{"date", typeDate, 0, date(4, 2025, 6, 1), arrow.Date32(20240), ""},
		{"datetime", typeDatetime, 0, date(7, 2025, 6, 1, 1, 2, 3), time.Date(2025, 6, 1, 1, 2, 3, 0, time.UTC), ""},
		{"timestamp", typeTimestamp, 0, date(11, 2025, 6, 1, 1, 2, 3, 1, 0, 0, 0), time.Date(2025, 6, 1, 1, 2, 3, 1000, time.UTC), ""},
		{"time", typeTime, 0, []byte{12, 1, 1, 0, 0, 0, 2, 3, 4, 1, 0, 0, 0}, -(26*time.Hour + 3*time.Minute + 4*time.Second + time.Microsecond), ""},
		{"no time", typeTime, 0, []byte{0}, time.Duration(0), ""},
		{"decimal", typeDecimal, 0, []byte("\x051.500"), "1.500", ""},
		{"blob", typeBlob, 0, []byte("\x02ab"), []byte("ab"), ""},
		{"not text", typeVarString, 0, []byte("\x01\xff"), []byte{0xff}, ""},
		{"typed null", typeNull, 0, nil, nil, ""},
		{"zero date", typeDate, 0, []byte{0}, nil, "0000-00-00"},
		{"30 February", typeDate, 0, date(4, 2025, 2, 30), nil, "2025-02-30 00:00:00.000000 is not a date"},
		{"hour 24", typeDatetime, 0, date(7, 2025, 6, 1, 24, 0, 0), nil, "is not a date"},
		{"minute 60", typeTime, 0, []byte{8, 0, 0, 0, 0, 0, 0, 60, 0}, nil, "is not a time"},
		{"odd length of date", typeDate, 0, date(5, 2025, 6, 1, 0), nil, "malformed"},
		{"short number", typeLongLong, 0, []byte{1, 2}, nil, "malformed"},
		{"short text", typeVarString, 0, []byte("\x09ab"), nil, "malformed"},
		{"huge text", typeVarString, 0, []byte("\xfe\xff\xff\xff\xff\xff\xff\xff\xffab"), nil, "malformed"},
		{"unknown type", 0x42, 0, []byte{1}, nil, "0x42"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body := append([]byte{0, 1, tc.code, tc.flags}, tc.data...)
			p := payloadReader{b: body}
			got, types, err := decodeParams(&p, 1, nil, nil)
			if tc.wrong != "" {
				require.ErrorContains(t, err, tc.wrong)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []any{tc.want}, got)
			// Again without types.
			again := append([]byte{0, 0}, tc.data...)
			p = payloadReader{b: again}
			got, _, err = decodeParams(&p, 1, types, nil)
			require.NoError(t, err)
			require.Equal(t, []any{tc.want}, got)
		})
	}
	p := payloadReader{b: []byte{0, 0, 1}}
	_, _, err := decodeParams(&p, 1, nil, nil)
	require.ErrorContains(t, err, "without the types")
}

func FuzzDecodeParams(f *testing.F) {
	f.Add(uint16(2), []byte{2, 1, typeTiny, 0, typeNull, 0, 9}, []byte(nil))
	f.Add(uint16(1), append([]byte{0, 1, typeVarString, 0, 0xfc, 3, 0}, "abc"...), []byte("x"))
	f.Add(uint16(1), []byte{0, 1, typeTimestamp, 0, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9}, []byte(nil))
	f.Fuzz(func(t *testing.T, n uint16, body, long []byte) {
		longs := map[int][]byte{}
		if long != nil {
			longs[0] = long
		}
		p := payloadReader{b: body}
		values, types, err := decodeParams(&p, int(n), nil, longs)
		if err == nil && (len(values) != int(n) || n > 0 && len(types) != int(n)) {
			t.Fatalf("%d values and %d types for %d parameters", len(values), len(types), n)
		}
	})
}
