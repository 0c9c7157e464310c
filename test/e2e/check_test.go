package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/rowjson"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

// lake reads a warehouse from outside of the processes that write it.
type lake struct {
	t   testing.TB
	dir string
	w   *paimon.Warehouse
}

func openLake(t testing.TB, dir string) *lake {
	t.Helper()
	store, err := fileio.NewLocal(dir)
	require.NoError(t, err)
	return &lake{t, dir, paimon.Open(store, paimon.Options{})}
}

func (l *lake) table(name string) *paimon.Table {
	l.t.Helper()
	db, table, _ := strings.Cut(name, ".")
	id, err := catalog.ParseObject(db, table)
	require.NoError(l.t, err)
	t, err := l.w.Table(context.Background(), id, nil)
	require.NoError(l.t, err)
	return t
}

// state gives the rows of a table by primary key, as JSON.
func (l *lake) state(name string) map[string]string {
	l.t.Helper()
	ctx := context.Background()
	t := l.table(name)
	snap, err := t.LatestSnapshot(ctx)
	require.NoError(l.t, err)
	plan, err := t.Plan(ctx, snap, nil)
	require.NoError(l.t, err)
	r := plan.Read(ctx, plan.Splits, nil)
	defer r.Close()
	out := map[string]string{}
	each(l.t, t, r, func(key, row string, _ types.RowKind) {
		require.NotContains(l.t, out, key, "table %s has a key twice", name)
		out[key] = row
	})
	return out
}

func each(tb testing.TB, t *paimon.Table, r *paimon.Reader, f func(key, row string, kind types.RowKind)) {
	tb.Helper()
	at, err := t.Schema().Indexes(t.Schema().PrimaryKeys)
	require.NoError(tb, err)
	require.Len(tb, at, 1)
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(tb, err)
		for i := range int(b.Rows.NumRows()) {
			key := string(rowjson.AppendValue(nil, t.Fields()[at[0]].Type, b.Rows.Column(at[0]), i))
			f(key, string(rowjson.AppendRow(nil, t.Fields(), b.Rows, i, "")), b.Kind(i))
		}
		b.Rows.Release()
	}
}

// replay applies the whole changelog of a table, which must be consistent at
// every step, and gives the state that it leads to.
func (l *lake) replay(name string) (state map[string]string, changes int, err error) {
	l.t.Helper()
	ctx := context.Background()
	t := l.table(name)
	s, err := t.Stream(1)
	require.NoError(l.t, err)
	defer s.Close()
	state = map[string]string{}
	for {
		p, nerr := s.TryNext(ctx)
		require.NoError(l.t, nerr)
		if p == nil || err != nil {
			return state, changes, err
		}
		r, rerr := p.Read(ctx, nil)
		require.NoError(l.t, rerr)
		each(l.t, t, r, func(key, row string, kind types.RowKind) {
			changes++
			old, there := state[key]
			added := kind == types.Insert || kind == types.UpdateAfter
			if err == nil && (added && there || !added && old != row) {
				err = fmt.Errorf("changelog of %s, snapshot %d: %s %s does not fit what is there: %s", name, p.Snapshot.ID, kind, row, old)
			}
			if delete(state, key); added {
				state[key] = row
			}
		})
		r.Close()
	}
}

// audit holds every snapshot of a table of totals (orders, fee by product)
// against the changelog that they are made of: it must have all changes before
// the position that the snapshot carries, and none after it.
func (l *lake) audit(totals, source string, of func(row map[string]any) (product string, fee any)) {
	l.t.Helper()
	ctx := context.Background()
	t, src := l.table(totals), l.table(source)
	s, err := src.Stream(1)
	require.NoError(l.t, err)
	defer s.Close()
	want := map[string]string{}
	orders, cents := map[string]int64{}, map[string]int64{}
	next := int64(1) // of the changelog, what is not in want yet
	advance := func(to int64) {
		for next < to {
			p, err := s.TryNext(ctx)
			require.NoError(l.t, err)
			require.NotNil(l.t, p, "%s has a position behind the end of %s", totals, source)
			r, err := p.Read(ctx, nil)
			require.NoError(l.t, err)
			each(l.t, src, r, func(_, text string, kind types.RowKind) {
				var row map[string]any
				require.NoError(l.t, json.Unmarshal([]byte(text), &row))
				product, fee := of(row)
				sign := int64(1)
				if kind.IsRetract() {
					sign = -1
				}
				orders[product] += sign
				if fee != nil {
					cents[product] += sign * inCents(l.t, fee.(string))
				}
			})
			r.Close()
			next = p.Next
		}
		for product, n := range orders {
			want[product] = fmt.Sprintf("%d %d", n, cents[product])
		}
	}
	all, err := t.Snapshots(ctx)
	require.NoError(l.t, err)
	for _, snap := range all {
		var inputs map[string]string
		require.NoError(l.t, json.Unmarshal([]byte(snap.Properties["tarn.positions"]), &inputs))
		var at struct{ Next, Full, Skip int64 }
		require.NoError(l.t, json.Unmarshal([]byte(inputs[source]), &at))
		if at.Skip > 0 {
			continue // inside a piece
		}
		advance(at.Next)
		plan, err := t.Plan(ctx, snap, nil)
		require.NoError(l.t, err)
		r := plan.Read(ctx, plan.Splits, nil)
		have := map[string]string{}
		each(l.t, t, r, func(_, text string, _ types.RowKind) {
			var row struct {
				Product string
				Orders  int64
				Fee     *string
			}
			require.NoError(l.t, json.Unmarshal([]byte(text), &row))
			fee := int64(0)
			if row.Fee != nil {
				fee = inCents(l.t, *row.Fee)
			}
			have[row.Product] = fmt.Sprintf("%d %d", row.Orders, fee)
		})
		r.Close()
		require.NoError(l.t, differ(fmt.Sprintf("%s at snapshot %d (%s of %s), positions %s", totals, snap.ID, snap.CommitKind, snap.CommitUser, inputs[source]), want, have))
	}
}

func inCents(t testing.TB, fee string) int64 {
	t.Helper()
	whole, part, _ := strings.Cut(fee, ".")
	n, err := strconv.ParseInt(whole+part, 10, 64)
	require.NoError(t, err)
	return n
}

// whole checks that no snapshot is missing and that every file that the
// snapshots name is there. It gives the number of snapshots and of orphans.
func (l *lake) whole(name string) (snapshots, orphans int) {
	l.t.Helper()
	ctx := context.Background()
	t := l.table(name)
	all, err := t.Snapshots(ctx)
	require.NoError(l.t, err)
	dir := filepath.Join(l.dir, strings.Replace(name, ".", ".db/", 1))
	live := map[string]bool{}
	for i, s := range all {
		require.Equal(l.t, int64(i+1), s.ID, "table %s misses a snapshot", name)
		lists := []string{s.BaseManifestList, s.DeltaManifestList}
		if s.ChangelogManifestList != nil {
			lists = append(lists, *s.ChangelogManifestList)
		}
		for _, list := range lists {
			require.FileExists(l.t, filepath.Join(dir, "manifest", list))
		}
		plan, err := t.Plan(ctx, s, nil)
		require.NoError(l.t, err)
		for _, split := range plan.Splits {
			for _, f := range split.Files {
				path := filepath.Join(dir, fmt.Sprintf("bucket-%d", split.Bucket), f.FileName)
				if !live[path] {
					st, err := os.Stat(path)
					require.NoError(l.t, err, "snapshot %d", s.ID)
					require.Equal(l.t, f.FileSize, st.Size(), path)
				}
				live[path] = true
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "bucket-*", "*"))
	require.NoError(l.t, err)
	for _, f := range files {
		if base := filepath.Base(f); strings.HasPrefix(base, "data-") && !live[f] || strings.HasPrefix(base, ".") {
			orphans++
		}
	}
	return len(all), orphans
}

// mirror gives a business table as the lake must show it.
func mirror(t testing.TB, db *sql.DB, b businessTable) map[string]string {
	t.Helper()
	rows, err := db.Query("SELECT " + strings.Join(b.names(), ", ") + " FROM " + b.name)
	require.NoError(t, err)
	defer rows.Close()
	out := map[string]string{}
	cells := make([]sql.NullString, len(b.columns))
	into := make([]any, len(cells))
	for i := range cells {
		into[i] = &cells[i]
	}
	for rows.Next() {
		require.NoError(t, rows.Scan(into...))
		row, key := []byte{'{'}, ""
		for i, c := range b.columns {
			if i > 0 {
				row = append(row, ',')
			}
			row = append(rowjson.Quote(row, c.name), ':')
			value := appendCell(nil, c, cells[i])
			if row = append(row, value...); c.name == b.key {
				key = string(value)
			}
		}
		out[key] = string(append(row, '}'))
	}
	require.NoError(t, rows.Err())
	return out
}

func appendCell(dst []byte, c column, v sql.NullString) []byte {
	switch {
	case !v.Valid:
		return append(dst, "null"...)
	case c.flink == "INT":
		return append(dst, v.String...)
	case c.mysql == when:
		return rowjson.Quote(dst, strings.Replace(v.String, " ", "T", 1))
	}
	return rowjson.Quote(dst, v.String)
}

// differ names up to three differences of two states.
func differ(what string, want, have map[string]string) error {
	var out []string
	add := func(format string, args ...any) {
		if len(out) < 3 {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	n := 0
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if h, ok := have[k]; !ok {
			n++
			add("missing %s", want[k])
		} else if h != want[k] {
			n++
			add("want %s\nhave %s", want[k], h)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[k]; !ok {
			n++
			add("too much %s", have[k])
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%s: %d of %d rows differ:\n%s", what, n, len(want), strings.Join(out, "\n"))
}

// wideDiffers compares the wide table with what the clients did.
func (w *workload) wideDiffers(have map[string]string) error {
	delete(have, `"zzz"`) // the marker of awaitPicture
	seen := 0
	for _, c := range w.clients {
		for _, id := range slices.Sorted(maps.Keys(c.wide)) {
			o := c.wide[id]
			text, ok := have[string(rowjson.Quote(nil, id))]
			if !ok {
				if o.certain() {
					return fmt.Errorf("dwd.enrich_order: order %s is missing", id)
				}
				continue
			}
			seen++
			if err := o.differs(text); err != nil {
				return fmt.Errorf("dwd.enrich_order: order %s: %w in %s", id, err, text)
			}
		}
	}
	if seen != len(have) {
		return fmt.Errorf("dwd.enrich_order: has %d orders, of which only %d were ever made", len(have), seen)
	}
	return nil
}

// certain reports whether the lake must have seen something of the order.
func (o *wide) certain() bool {
	return o.order != nil && !o.orderLost || o.device != nil || o.coupon != nil && !o.couponLost || len(o.refunds) > 0
}

func (o *wide) differs(text string) error {
	var row map[string]any
	if err := json.Unmarshal([]byte(text), &row); err != nil {
		return err
	}
	parts := []struct {
		want    values
		lost    bool
		columns []string
	}{
		{o.order, o.orderLost, []string{"product", "qid", "order_create_time", "order_end_time", "order_status", "order_real_fee", "sku_id"}},
		{o.device, false, []string{"mid", "client_type", "android_id", "idfa", "client_version", "os_name", "ip"}},
		{o.coupon, o.couponLost, []string{"coupon_code", "coupon_batch", "coupon_type", "coupon_status", "coupon_discount"}},
	}
	for i, p := range parts {
		have := pick(row, p.columns)
		want := values{}
		for _, c := range p.columns {
			if v, ok := p.want[c]; ok {
				want[c] = v
			}
		}
		if i == 0 {
			delete(want, "qid") // the job does not carry it
		}
		if !maps.Equal(want, have) && !(p.lost && len(have) == 0) {
			return fmt.Errorf("want %v, have %v", want, have)
		}
	}
	return o.refundsDiffer(row)
}

func (o *wide) refundsDiffer(row map[string]any) error {
	var want, have []string
	for _, r := range o.refunds {
		want = append(want, fmt.Sprint(map[string]string(project(r, "refund_mer_trade_code", "refund_type", "refund_status", "refund_fee", "refund_time", "refund_way"))))
	}
	list, _ := row["refund_info"].([]any)
	for _, e := range list {
		m, _ := e.(map[string]any)
		have = append(have, fmt.Sprint(map[string]string(pick(m, slices.Collect(maps.Keys(m))))))
	}
	sort.Strings(want)
	sort.Strings(have)
	if !slices.Equal(want, have) {
		return fmt.Errorf("want refunds %v, have %v", want, have)
	}
	if (len(want) > 0) != (row["g_refund_seq"] != nil) {
		return fmt.Errorf("g_refund_seq is %v with %d refunds", row["g_refund_seq"], len(want))
	}
	return nil
}

func project(row values, columns ...string) values {
	out := values{}
	for _, c := range columns {
		if v, ok := row[c]; ok {
			out[c] = v
		}
	}
	return out
}

// pick gives the columns of a decoded row that are not null, as text.
func pick(row map[string]any, columns []string) values {
	out := values{}
	for _, c := range columns {
		switch v := row[c].(type) {
		case nil:
		case float64:
			out[c] = fmt.Sprintf("%.0f", v)
		default:
			out[c] = fmt.Sprint(v)
		}
	}
	return out
}
