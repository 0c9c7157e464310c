package types

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		got, err := Parse(in)
		require.NoError(t, err)
		require.Equal(t, want, got.SQL())
		again, err := Parse(got.SQL())
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
	f("int", "INT")
	f("BIGINT NOT NULL", "BIGINT NOT NULL")
	f("decimal(10,2)", "DECIMAL(10, 2)")
	f("numeric", "DECIMAL(10, 0)")
	f("VARCHAR(2147483647)", "STRING")
	f("varchar", "VARCHAR(1)")
	f("timestamp", "TIMESTAMP(6)")
	f("TIMESTAMP(3) WITHOUT TIME ZONE NOT NULL", "TIMESTAMP(3) NOT NULL")
	f("timestamp_ltz(3)", "TIMESTAMP(3) WITH LOCAL TIME ZONE")
	f("double precision", "DOUBLE")
	f("array<row<a string comment 'it''s', `b c` int not null>>", "ARRAY<ROW<`a` STRING COMMENT 'it''s', `b c` INT NOT NULL>>")
	f("map<string, array<int>> not null", "MAP<STRING, ARRAY<INT>> NOT NULL")
	f("INT NOT NULL ARRAY", "ARRAY<INT NOT NULL>")
	f("ROW(订单 STRING)", "ROW<`订单` STRING>")
}

func TestParseErrors(t *testing.T) {
	for _, in := range []string{"", "INTEGERS", "DECIMAL(39)", "DECIMAL(5,6)", "ARRAY<INT", "MAP<INT>", "VARCHAR(0)", "TIMESTAMP(10)", "INT x", "ROW<a>", "TIMESTAMP WITH TIME ZONE"} {
		_, err := Parse(in)
		require.Error(t, err, in)
	}
}

func TestJSON(t *testing.T) {
	in := `{"id":3,"name":"r","type":{"type":"ARRAY NOT NULL","element":{"type":"ROW","fields":[{"id":4,"name":"x","type":"DECIMAL(10, 2)"},{"id":5,"name":"y","type":"TIMESTAMP(3) WITH LOCAL TIME ZONE NOT NULL","description":"<d>"}]}}}`
	var f Field
	require.NoError(t, json.Unmarshal([]byte(in), &f))
	require.Equal(t, "ARRAY<ROW<`x` DECIMAL(10, 2), `y` TIMESTAMP(3) WITH LOCAL TIME ZONE NOT NULL COMMENT '<d>'>> NOT NULL", f.Type.SQL())
	out, err := f.MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, in, string(out))
}

func FuzzParse(f *testing.F) {
	f.Add("ARRAY<ROW<a STRING COMMENT 'x', b MAP<INT, DECIMAL(3,1)>>> NOT NULL")
	f.Fuzz(func(t *testing.T, in string) {
		if got, err := Parse(in); err == nil {
			again, err := Parse(got.SQL())
			if err != nil || again.SQL() != got.SQL() {
				t.Fatalf("%q → %q → %v", in, got.SQL(), err)
			}
		}
	})
}
