package manifest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/spec"
)

func TestManifestInORC(t *testing.T) {
	data, err := os.ReadFile("../../spec/testdata/paimon-1.4.2/manifest-orc")
	require.NoError(t, err)
	entries, err := inAvro(entryFields, spec.DecodeManifest)(data)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	for _, e := range entries {
		require.NotEmpty(t, e.File.FileName)
		require.Positive(t, e.File.RowCount)
		require.NotZero(t, e.File.CreationTime)
		require.NotEmpty(t, e.File.ValueStats.NullCounts)
	}
	for n := range len(data) {
		if n%37 == 0 {
			_, err := inAvro(entryFields, spec.DecodeManifest)(data[:n])
			require.Error(t, err, "cut at %d", n)
		}
	}
}
