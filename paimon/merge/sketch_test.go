package merge

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
)

// The bytes that Java makes are in the tests of paimon/internal/sketch, and whole tables of sketches in test/interop.
func TestSketches(t *testing.T) {
	const empty = "\x02\x01\x07\x0c\x03\x0c\x00\x00"
	const one = "\x02\x01\x07\x0c\x03\x08\x01\x00\x01\x00\x00\x04"
	const two = "\x02\x01\x07\x0c\x03\x08\x01\x00\x02\x00\x00\x04"
	got, err := mergeBitmaps(t, "hll_sketch", one, nil, two)
	require.NoError(t, err)
	// The newer image is united first, then the older one.
	require.Equal(t, "\x02\x01\x07\x0c\x03\x08\x02\x00\x02\x00\x00\x04\x01\x00\x00\x04", got)
	got, err = mergeBitmaps(t, "hll_sketch", empty, empty)
	require.NoError(t, err)
	require.Equal(t, empty, got)
	for _, name := range []string{"hll_sketch", "theta_sketch"} {
		got, err = mergeBitmaps(t, name, nil, "not a sketch", nil)
		require.NoError(t, err)
		require.Equal(t, "not a sketch", got, "a single value passes as it is")
		got, err = mergeBitmaps(t, name, nil, nil)
		require.NoError(t, err)
		require.Nil(t, got)
		_, err = mergeBitmaps(t, name, "not a sketch, but long enough", one)
		require.ErrorIs(t, err, errs.ErrInvalid)
		require.ErrorIs(t, err, errs.ErrCorrupt)
		require.ErrorContains(t, err, "aggregate function "+name)
	}
	got, err = mergeBitmaps(t, "theta_sketch", "", "short")
	require.NoError(t, err)
	require.Equal(t, "\x01\x03\x03\x00\x00\x1e\x00\x00", got, "images below 16 bytes are empty ones")
}
