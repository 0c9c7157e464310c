package predicate

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// TestLiterals: a literal that the type would round, or that statistics order
// otherwise than SQL, makes no condition.
func TestLiterals(t *testing.T) {
	price := types.Type{Root: types.Decimal, Precision: 10, Scale: 2}
	for _, text := range []string{"1.554", "1.555", "-0.001", "1e-3", "x", "123456789.1"} {
		_, err := New("c", price, Lt, text)
		require.ErrorIs(t, err, errs.ErrInvalid, text)
	}
	for _, text := range []string{"1", "1.5", "-1.55", "1.5500", ".5"} {
		_, err := New("c", price, Lt, text)
		require.NoError(t, err, text)
	}
	for _, root := range []types.Root{types.Float, types.Double} {
		_, err := New("c", types.Of(root), Gt, "0")
		require.ErrorIs(t, err, errs.ErrUnsupported)
		_, err = New("c", types.Of(root), IsNull)
		require.NoError(t, err)
	}
	_, err := New("c", types.Type{Root: types.Timestamp, Precision: 3}, Lt, "2025-01-01 00:00:00.0005")
	require.ErrorIs(t, err, errs.ErrInvalid)
}
