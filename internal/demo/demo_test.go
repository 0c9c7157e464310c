package demo

import (
	"bytes"
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/app"
	"github.com/tarndb/tarn/internal/ordersim"
	"github.com/tarndb/tarn/internal/query"
)

func small(t *testing.T, out io.Writer) (*app.App, Options) {
	t.Helper()
	dir := t.TempDir()
	a, err := app.Open(t.Context(), app.Options{Warehouse: filepath.Join(dir, "lake"), AnyCatalog: true, TempDir: t.TempDir(), QueryMemory: 256 << 20, WriteMemory: 64 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	return a, Options{Out: out, Dir: filepath.Join(dir, "events"), Changes: 1500, Impressions: 1500, Seed: 7,
		Print: func(r *query.Result) error { _, err := collect(r); return err }}
}

// TestDemo runs all cases on little data.
func TestDemo(t *testing.T) {
	var out bytes.Buffer
	a, o := small(t, &out)
	require.NoError(t, Run(t.Context(), a, o), out.String())
	require.Contains(t, out.String(), "checks passed")
	require.NotContains(t, out.String(), "DIFFERENT")
}

// TestDemoFails holds that the checks are of what the tables really hold: an
// impression that the page counts and does not send is missed.
func TestDemoFails(t *testing.T) {
	var out bytes.Buffer
	a, o := small(t, &out)
	d := newDemo(o)
	d.app = a
	defer d.stop()
	require.NoError(t, d.wideTable(t.Context()))
	require.NoError(t, d.visitors(t.Context()))
	before := d.checks
	require.NoError(t, d.rollups(t.Context()))
	require.Greater(t, d.checks, before)
	d.cashier.Late(20)
	require.ErrorContains(t, d.rollups(t.Context()), "UV by dt")
	require.Contains(t, out.String(), "DIFFERENT")
}

func TestDifference(t *testing.T) {
	require.NoError(t, difference(nil, nil))
	require.NoError(t, difference([]string{"a", "b"}, []string{"a", "b"}))
	require.ErrorContains(t, difference([]string{"a", "b"}, []string{"b"}), `missing is "a"`)
	require.ErrorContains(t, difference([]string{"a", "b"}, []string{"a"}), `missing is "b"`)
	require.ErrorContains(t, difference([]string{"b"}, []string{"a", "b"}), `too many is "a"`)
	require.ErrorContains(t, difference([]string{"a"}, []string{"a", "a"}), `too many is "a"`)
}

func TestRefundLines(t *testing.T) {
	list := []ordersim.Refund{{Day: "2025-06-02", Code: "b", Order: "o", Status: "1", Fee: `\N`}, {Day: "2025-06-01", Code: "a", Order: "o", Status: "2", Fee: "1.50"}}
	require.Equal(t, []string{"2025-06-01|a|o|2|1.50", `2025-06-02|b|o|1|\N`}, refundLines(list, func(ordersim.Refund) bool { return true }))
	require.Equal(t, []string{"2025-06-01|a|o|2|1.50"}, refundLines(list, func(r ordersim.Refund) bool { return r.Day < "2025-06-02" }))
}
