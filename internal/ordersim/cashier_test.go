package ordersim

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCashier(t *testing.T) {
	c := NewCashier(CashierOptions{Seed: 1, Impressions: 5000, Devices: 2000})
	list := c.Next(5000)
	again := NewCashier(CashierOptions{Seed: 1, Impressions: 5000, Devices: 2000})
	require.Equal(t, list, again.Next(5000), "a seed always gives the same impressions")
	late := c.Late(100)
	require.Len(t, late, 100)
	require.Equal(t, len(list)+len(late), c.Len())

	null, empty, back, days := 0, 0, 0, map[string]bool{}
	mids, twice := map[string]int{}, map[string]int{}
	for i, imp := range list {
		switch {
		case !imp.Mid.Valid:
			null++
		case imp.Mid.Text == "":
			empty++
		default:
			mids[imp.Mid.Text]++
			twice[imp.JSON()]++
		}
		if i > 0 && imp.At < list[i-1].At-3_600_000 {
			back++
		}
		days[time.UnixMilli(imp.At).UTC().Format(time.DateTime)[:13]] = true
	}
	doubled := 0
	for _, n := range twice {
		doubled += n - 1
	}
	for what, n := range map[string]int{"NULL mids": null, "empty mids": empty, "late": back, "doubled": doubled} {
		require.Greater(t, n, 10, what)
	}
	require.Greater(t, len(days), 65, "hours of three days")
	require.Less(t, len(days), 73)
	most := 0
	for _, n := range mids {
		most = max(most, n)
	}
	require.Greater(t, most, 5*len(list)/len(mids), "devices are skewed")
}

// TestCashierCount holds the counts against impressions made by hand.
func TestCashierCount(t *testing.T) {
	at := func(s string) int64 {
		when, err := time.Parse(time.DateTime, s)
		require.NoError(t, err)
		return when.UnixMilli()
	}
	c := &Cashier{all: []Impression{
		{At: at("2025-06-01 10:59:59"), Product: "a", Level: 1, Mid: text("x")},
		{At: at("2025-06-01 10:00:00"), Product: "a", Level: 1, Mid: text("x")},
		{At: at("2025-06-01 11:00:00"), Product: "b", Level: 2, Mid: text("x")},
		{At: at("2025-06-02 11:00:00"), Product: "b", Level: 1, Mid: text("y")},
		{At: at("2025-06-02 11:00:00"), Product: "b", Level: 1},
		{At: at("2025-06-02 11:00:00"), Product: "b", Level: 1, Mid: text("")},
	}}
	require.Equal(t, 2, c.Devices())
	require.Equal(t, map[string]Views{"": {4, 2}}, c.Count(nil))
	require.Equal(t, map[string]Views{"2025-06-01": {3, 1}, "2025-06-02": {1, 1}}, c.Count([]string{"dt"}))
	require.Equal(t, map[string]Views{"2025-06-01|10|a": {2, 1}, "2025-06-01|11|b": {1, 1}, "2025-06-02|11|b": {1, 1}}, c.Count([]string{"dt", "hh", "product"}))
	require.Equal(t, map[string]Views{"1": {3, 2}, "2": {1, 1}}, c.Count([]string{"member_level"}))
}

func TestWriteImpressions(t *testing.T) {
	dir := t.TempDir()
	list := []Impression{{At: 1717236000123, Product: `a"b`, Level: 1, Mid: text("m")}, {At: 0, Product: "年卡", Qid: text("q")}}
	require.NoError(t, WriteImpressions(dir, "part-00000.json", list))
	require.Error(t, WriteImpressions(dir+"/missing\x00", "p", list))
	text, err := os.ReadFile(filepath.Join(dir, "cashier_imp", "part-00000.json"))
	require.NoError(t, err)
	require.Equal(t, strings.Join([]string{
		`{"event_time":"2024-06-01 10:00:00.123","product":"a\"b","member_level":1,"mid":"m","qid":null}`,
		`{"event_time":"1970-01-01 00:00:00.000","product":"年卡","member_level":0,"mid":null,"qid":"q"}`, ""}, "\n"), string(text))
}

func TestRefunds(t *testing.T) {
	s := New(Options{Seed: 3, Settled: true})
	transactions(t, s, 2000)
	list := s.Expected().Refunds()
	require.Equal(t, s.Expected().Len("ods.order_refund_info"), len(list))
	e := newExpected()
	e.rows[Refunds]["c"] = Row{text("o"), text("c"), {}, number(0), number(2), number(1205), number(1717236000123), {}}
	e.rows[Refunds]["d"] = Row{text("o"), text("d"), {}, number(0), {}, {}, number(0), {}}
	require.Equal(t, []Refund{{"2024-06-01", "c", "o", "2", "12.05"}, {"1970-01-01", "d", "o", `\N`, `\N`}}, e.Refunds())
}
