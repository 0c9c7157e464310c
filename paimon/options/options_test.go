package options

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
)

func TestDefaults(t *testing.T) {
	o, err := Parse(Map{}, true)
	require.NoError(t, err)
	require.Equal(t, -1, o.Bucket)
	require.Equal(t, Deduplicate, o.MergeEngine)
	require.Equal(t, int64(128<<20), o.Files.TargetSize)
	require.Equal(t, 8, o.Compaction.StopTrigger)
	require.Equal(t, 6, o.Compaction.NumLevels)
	require.Equal(t, 10, o.Compaction.LookupMaxInterval)
	require.NoError(t, o.Validate(true))
}

func TestUnits(t *testing.T) {
	f := func(in string, want int64) {
		t.Helper()
		got, err := ParseBytes(in)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	f("128 mb", 128<<20)
	f("64kb", 64<<10)
	f("1024", 1024)
	d, err := ParseDuration("3 min")
	require.NoError(t, err)
	require.Equal(t, 3*time.Minute, d)
	for _, bad := range []string{"", "x", "5 parsecs", "99999999999999999999", "9223372036854775807 tb"} {
		_, err := ParseBytes(bad)
		require.Error(t, err, bad)
	}
}

func TestErrors(t *testing.T) {
	f := func(m Map, want string) {
		t.Helper()
		_, err := Parse(m, true)
		require.ErrorIs(t, err, errs.ErrInvalid)
		require.ErrorContains(t, err, want)
	}
	f(Map{"bucket": "0"}, "bucket")
	f(Map{"bucket": "x"}, "'bucket' = 'x'")
	f(Map{"merge-engine": "dedup"}, "one of deduplicate")
	require.ErrorContains(t, CheckKnown(Map{"merge-engin": "x"}), "did you mean 'merge-engine'?")
	require.NoError(t, CheckKnown(Map{"fields.a.aggregate-function": "sum", "connector": "paimon"}))
	require.ErrorIs(t, CheckReadable(Map{"query-auth.enabled": "true"}), errs.ErrUnsupported)
	require.NoError(t, CheckReadable(Map{"deletion-vectors.enabled": "false", "row-tracking.enabled": "true"}))
	require.ErrorContains(t, CheckWritable(Map{"row-tracking.enabled": "true"}), "for writing")
}
