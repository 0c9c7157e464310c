package variant

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// meta has the names a, b and "".
var meta = []byte{0x01, 3, 0, 1, 2, 2, 'a', 'b'}

func TestJSON(t *testing.T) {
	for _, x := range []struct {
		value []byte
		want  string
	}{
		{[]byte{0x00}, `null`},
		{[]byte{0x04}, `true`},
		{[]byte{0x08}, `false`},
		{[]byte{0x0c, 0xff}, `-1`},
		{[]byte{0x10, 0x00, 0x80}, `-32768`},
		{[]byte{0x14, 1, 0, 0, 0}, `1`},
		{[]byte{0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, `9223372036854775807`},
		{[]byte{0x1c, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, `1.0`},
		{[]byte{0x1c, 0, 0, 0, 0, 0x84, 0xd7, 0x97, 0x41}, `1.0E8`},
		{[]byte{0x1c, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f}, `"NaN"`},
		{[]byte{0x38, 0, 0, 0x80, 0xbf}, `-1.0`},
		{[]byte{0x20, 2, 0xc9, 0x04, 0, 0}, `12.25`},
		{[]byte{0x20, 3, 0x18, 0xfc, 0xff, 0xff}, `-1`},
		{[]byte{0x24, 2, 1, 0, 0, 0, 0, 0, 0, 0}, `0.01`},
		{append([]byte{0x28, 0}, []byte{0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}...), `18446744073709551616`},
		{[]byte{0x2c, 0xff, 0xff, 0xff, 0xff}, `"1969-12-31"`},
		{[]byte{0x30, 0x40, 0x42, 0x0f, 0, 0, 0, 0, 0}, `"1970-01-01 00:00:01+00:00"`},
		{[]byte{0x34, 0x20, 0xa1, 0x07, 0, 0, 0, 0, 0}, `"1970-01-01 00:00:00.5"`},
		{[]byte{0x3c, 2, 0, 0, 0, 1, 2}, `"AQI="`},
		{[]byte{0x40, 2, 0, 0, 0, 'h', '"'}, `"h\""`},
		{[]byte{0x50, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, `"00010203-0405-0607-0809-0a0b0c0d0e0f"`},
		{[]byte{0x0d, 'a', '\n', 1}, `"a\n\u0001"`},
		{[]byte{0x02, 0, 0}, `{}`},
		{[]byte{0x02, 2, 0, 1, 0, 1, 2, 0x00, 0x04}, `{"a":null,"b":true}`},
		{[]byte{0x02, 1, 2, 0, 1, 0x04}, `{"":true}`},
		{[]byte{0x03, 2, 0, 1, 4, 0x04, 0x03, 0, 0}, `[true,[]]`},
		{[]byte{0x13, 1, 0, 0, 0, 0, 1, 0x04}, `[true]`}, // large sizes
	} {
		got, err := New(x.value, meta).JSON()
		require.NoError(t, err, x.want)
		require.Equal(t, x.want, got)
		for n := range x.value { // every cut is noticed
			if text, err := New(x.value[:n], meta).JSON(); err == nil {
				require.True(t, strings.HasPrefix(x.want, text[:1]), "%s cut at %d: %s", x.want, n, text)
			} else {
				require.ErrorIs(t, err, ErrMalformed)
			}
		}
	}
	_, err := New([]byte{0x02, 1, 7, 0, 1, 0x04}, meta).JSON()
	require.ErrorIs(t, err, ErrMalformed)
	_, err = New([]byte{0x44}, meta).JSON()
	require.ErrorContains(t, err, "primitive type 17")
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte{0x02, 2, 0, 1, 0, 1, 2, 0x00, 0x04}, meta)
	f.Add([]byte{0x03, 2, 0, 1, 4, 0x04, 0x03, 0, 0}, meta)
	b, _ := base64.StdEncoding.DecodeString("KAAAAAAAAAAAAQAAAAAAAAAA")
	f.Add(b, []byte{})
	f.Fuzz(func(t *testing.T, value, metadata []byte) {
		if len(value) > 200 { // overlapping parts make texts of any length
			return
		}
		_, _ = New(value, metadata).JSON()
	})
}
