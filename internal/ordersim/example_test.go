package ordersim

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// example is the folder of the membership example, which has copies of what
// this package makes.
const example = "../../examples/membership"

func TestExampleHasTheSchema(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(example, "schema.mysql.sql"))
	require.NoError(t, err)
	require.Equal(t, Schema, string(text))
}

// TestExampleHasTheEvents holds the example's event files to what the simulator
// makes. After a change of the simulator, write them anew and adapt the numbers
// of the example's README.
func TestExampleHasTheEvents(t *testing.T) {
	dir := t.TempDir()
	s := New(Options{Seed: 1, Settled: true})
	require.NoError(t, s.Events(t.Context(), dir, EventOptions{Changes: 400}))
	for _, table := range Tables() {
		name := filepath.Join(table.Name, "part-00000.json")
		want, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		have, err := os.ReadFile(filepath.Join(example, "events", name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(have), name)
	}
	for table, rows := range map[string]int{"ods.order_info": 83, "ods.order_device_info": 59, "ods.order_coupon_info": 27, "ods.order_refund_info": 24, WideTable: 89} {
		require.Equal(t, rows, s.Expected().Len(table), table)
	}
}
