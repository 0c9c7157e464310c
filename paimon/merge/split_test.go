package merge

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/types"
)

// splitSafe says whether merging a history in two parts, and then the two
// results, must give what merging it at once gives. Paimon's engines are not
// associative in general; the exceptions are what this function lists:
//
//   - retracts, except in deduplicate without ignore-delete: a key with a single
//     version keeps it as it is, a retract too;
//   - inside sequence groups, aggregates whose order matters: a late part goes
//     in front of the others as a whole, not row by row;
//   - count-limit, decimals that overflow on the way, rounding of float sums
//     and products;
//   - distinct lists and rows by nested key: a single version keeps its
//     duplicates, and deleted entries of merge_map_with_keytime come back.
func splitSafe(c *config, s Schema, history []version) bool {
	retracts := slices.ContainsFunc(history, func(v version) bool { return v.kind.IsRetract() })
	if c.name == Deduplicate {
		return !retracts || !c.ignoreDelete
	}
	if retracts {
		return false
	}
	for i, fn := range c.functions {
		if fn != nil && !safeFunction(fn, s.Fields[i].Type, c.group[i] >= 0) {
			return false
		}
	}
	return true
}

func safeFunction(fn *function, t types.Type, grouped bool) bool {
	switch fn.name {
	case "max", "min", "bool_and", "bool_or":
		return true
	case "sum", "product":
		return t.Root <= types.BigInt && t.Root >= types.TinyInt
	case "last_value", "last_non_null_value", "first_value", "first_non_null_value", "merge_map":
		return !grouped
	case "collect", "listagg":
		return !grouped && !fn.distinct
	case "nested_update":
		return !grouped && len(fn.nestedKey) == 0 && fn.countLimit > 1000
	}
	return false
}

// TestSplitHistories merges histories at once and in two parts.
func TestSplitHistories(t *testing.T) {
	r := newRand(t)
	checked, differ := 0, map[bool]int{}
	for round := range 3000 {
		s, options := randomTable(r)
		e, err := New(s, options)
		require.NoError(t, err)
		c, err := parseConfig(s, options)
		require.NoError(t, err)
		history := randomHistory(r, s, 1+r.IntN(25), 1+r.IntN(6))
		at := r.IntN(len(history) + 1)
		batch := func(rows []version) []*columnar.KV {
			kv := toKV(s, rows)
			encodeKeys(kv, s, nil, false)
			return []*columnar.KV{kv}
		}
		once, err := mergeKVs(e, batch(history), len(s.Fields), false)
		if err != nil {
			continue
		}
		var parts []*columnar.KV
		for _, part := range [][]version{history[:at], history[at:]} {
			rows, partErr := mergeKVs(e, batch(part), len(s.Fields), false)
			if partErr != nil {
				err = partErr
				break
			}
			parts = append(parts, batch(rows)...)
		}
		var twice []version
		if err == nil {
			twice, err = mergeKVs(e, parts, len(s.Fields), false)
		}
		same := err == nil && slices.Equal(lines(once), lines(twice))
		if splitSafe(c, s, history) {
			checked++
			require.NoError(t, err)
			require.Equal(t, lines(once), lines(twice), fmt.Sprintf("round %d, split at %d\n%s", round, at, describe(s, options, history)))
		}
		differ[same]++
	}
	t.Logf("%d histories must agree; of all, %d agree and %d differ", checked, differ[true], differ[false])
	require.Greater(t, checked, 300)
	require.Positive(t, differ[false], "the exceptions should be real")
}
