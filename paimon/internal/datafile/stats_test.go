package datafile

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

func TestTruncateBounds(t *testing.T) {
	last := "\U0010FFFF"
	f := func(in string, n int, wantMin, wantMax string, ok bool) {
		t.Helper()
		require.Equal(t, wantMin, string(truncateMin([]byte(in), n)))
		got, has := truncateMax([]byte(in), n)
		require.Equal(t, ok, has)
		require.Equal(t, wantMax, string(got))
		if has {
			require.GreaterOrEqual(t, strings.Compare(string(got), in), 0)
		}
	}
	f("", 3, "", "", true)
	f("abc", 3, "abc", "abc", true)
	f("abcd", 3, "abc", "abd", true)
	f("日本語x", 3, "日本語", "日本誟", true)
	f("a"+last+"z", 2, "a"+last, "b", true)
	f(last+last+"z", 2, last+last, "", false)
	f("\uD7FFz", 1, "\uD7FF", "\uE000", true)
	f("a\xffbc", 2, "a\xff", "", false) // no text
}

func TestModes(t *testing.T) {
	two := 1
	fields := []types.Field{{Name: "_KEY_a"}, {Name: "_VALUE_KIND"}, {Name: "a"}, {Name: "b"}, {Name: "c"}}
	got, err := StatsOptions{Mode: "Full", FieldModes: map[string]string{"c": "counts"}, KeepFirst: &two}.modes(fields, map[string]bool{})
	require.NoError(t, err)
	key := statsMode{counts: true, bounds: true, limit: 128}
	require.Equal(t, []statsMode{key, key, {counts: true, bounds: true}, {}, {counts: true}}, got)
	for _, bad := range []string{"truncate(0)", "truncate(x)", "some"} {
		_, err = StatsOptions{Mode: bad}.modes(fields, nil)
		require.ErrorIs(t, err, errs.ErrInvalid)
	}
}
