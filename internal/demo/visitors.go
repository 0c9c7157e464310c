package demo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/internal/ordersim"
	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/query/ast"
)

// visitors is case 2: exact unique visitors by bitmaps of dictionary ids.
func (d *demo) visitors(ctx context.Context) error {
	d.title("Case 2: exact unique visitors of the cashier page, by bitmaps")
	d.say("tables", "creating the events, the dictionary, the hourly bitmaps; and the same with dense ids")
	if err := d.scripts(ctx, "10_bitmap_ddl.sql", "dense_ddl.sql"); err != nil {
		return err
	}
	d.say("jobs", "11_dictionary_job.sql: an id for every device, by auto_id(); dense_dictionary_job.sql: ids without gaps, by dense_id()")
	names := []string{"11_dictionary_job.sql", "dense_dictionary_job.sql"}
	if d.Brokers != "" {
		d.say("jobs", "cashier_kafka_job.sql: events from the Kafka broker at %s", d.Brokers)
		names = append(names, "cashier_kafka_job.sql")
	}
	if err := d.scripts(ctx, names...); err != nil {
		return err
	}
	if err := d.arrive(ctx, 0, d.cashier.Next(d.Impressions)); err != nil {
		return err
	}
	if err := d.hourly(ctx); err != nil {
		return err
	}
	d.say("late", "phones that were offline send %d impressions of all hours; the hours are recomputed", d.lateImpressions())
	if err := d.arrive(ctx, 1, d.cashier.Late(d.lateImpressions())); err != nil {
		return err
	}
	if err := d.hourly(ctx); err != nil {
		return err
	}
	d.end("11_dictionary_job", "dense_dictionary_job", "cashier_kafka", "cashier_events")
	fmt.Fprintln(d.Out)
	if err := d.rollups(ctx); err != nil {
		return err
	}
	return d.sizes(ctx)
}

// arrive brings impressions to the table and their devices to the dictionaries.
func (d *demo) arrive(ctx context.Context, portion int, list []ordersim.Impression) error {
	if d.Brokers != "" {
		if err := d.produce(ctx, list); err != nil {
			return err
		}
	} else {
		d.say("events", "the page writes %d impressions (JSON) to a file; cashier_events_job.sql loads them", len(list))
		if err := ordersim.WriteImpressions(d.Dir, portionName(portion), list); err != nil {
			return err
		}
		if err := d.scripts(ctx, "cashier_events_job.sql"); err != nil {
			return err
		}
	}
	if err := d.awaitCount(ctx, "SELECT COUNT(*) FROM dwd.cashier_imp_event", strconv.Itoa(d.cashier.Len())); err != nil {
		return err
	}
	n := d.cashier.Devices()
	for _, q := range []struct{ query, want string }{
		{"SELECT COUNT(*), COUNT(DISTINCT mid_int) FROM dict.mid_mapping WHERE mid <> ''", fmt.Sprintf("%d|%d", n, n)},
		{"SELECT COUNT(*), COUNT(DISTINCT mid_int), MAX(mid_int) - MIN(mid_int) + 1 FROM dict.mid_dense", fmt.Sprintf("%d|%d|%d", n, n, n)},
	} {
		if err := d.awaitCount(ctx, q.query, q.want); err != nil {
			return err
		}
	}
	d.say("devices", "%d impressions, %d devices in both dictionaries, each with an id of its own; the dense ids have no gap", d.cashier.Len(), n)
	d.checks += 3
	return nil
}

func portionName(n int) string { return fmt.Sprintf("part-%05d.json", n) }

// lateImpressions is how many come in the second portion.
func (d *demo) lateImpressions() int { return max(d.Impressions/20, 1) }

// produce sends impressions to the broker in portions, while the job reads.
func (d *demo) produce(ctx context.Context, list []ordersim.Impression) error {
	d.say("kafka", "producing %d impressions (JSON) to topic %s while the job runs", len(list), ordersim.CashierTopic)
	for part := range slices.Chunk(list, 2000) {
		lines := make([]string, len(part))
		for i, imp := range part {
			lines[i] = imp.JSON()
		}
		if err := d.Produce(ctx, lines); err != nil {
			return err
		}
		select { // so that the job sees them come
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}

// awaitCount waits until a query of one row gives it.
func (d *demo) awaitCount(ctx context.Context, q, want string) error {
	return d.await(ctx, func(ctx context.Context) (missing, err error) {
		a, err := d.ask(ctx, q)
		if err != nil {
			return nil, err
		}
		if have := strings.Join(a.lines(), " "); have != want {
			return fmt.Errorf("%s gives %s, expected %s", q, have, want), nil
		}
		return nil, nil
	})
}

// hourly recomputes the bitmaps and checks the views of every hour.
func (d *demo) hourly(ctx context.Context) error {
	d.say("bitmaps", "12_hourly_uv.spark.sql and dense_hourly_uv.spark.sql: a bitmap for every hour and product (and level), by dynamic overwrite")
	if err := d.scripts(ctx, "12_hourly_uv.spark.sql", "dense_hourly_uv.spark.sql"); err != nil {
		return err
	}
	return d.each(ctx, "13_uv_query.starrocks.sql", func(st ast.Statement, r *query.Result) error {
		return d.views(st, r, 5)
	})
}

// rollups checks queries over other dimensions.
func (d *demo) rollups(ctx context.Context) error {
	return d.each(ctx, "uv_rollups.starrocks.sql", func(st ast.Statement, r *query.Result) error {
		return d.views(st, r, 6)
	})
}

// views checks a result of dimensions, pv and uv, and shows its first rows.
func (d *demo) views(st ast.Statement, r *query.Result, most int) error {
	a, err := collect(r)
	if err != nil {
		return err
	}
	dims := a.columns[:len(a.columns)-2]
	var want []string
	for key, v := range d.cashier.Count(dims) {
		line := fmt.Sprintf("%d|%d", v.PV, v.UV)
		if len(dims) > 0 {
			line = key + "|" + line
		}
		want = append(want, line)
	}
	slices.Sort(want)
	what := "UV of all"
	if len(dims) > 0 {
		what = "UV by " + strings.Join(dims, ", ")
	}
	have := a.lines()
	if len(dims) > 1 {
		slices.SortFunc(a.rows, slices.Compare)
	}
	a.print(d.Out, most)
	return d.check(what+" against the page's own count of devices", want, have)
}

// sizes compares the bytes of the bitmaps.
func (d *demo) sizes(ctx context.Context) error {
	names := []string{"one bitmap a day", "one bitmap an hour and product, all of a day together"}
	return d.each(ctx, "uv_sizes.starrocks.sql", func(_ ast.Statement, r *query.Result) error {
		a, err := collect(r)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.Out, "\nbytes of the same visitors, %s: with ids of auto_id(), with dense ids, and the ids at 8 bytes each\n", names[0])
		names = names[1:]
		a.print(d.Out, 10)
		var want, have []string
		var uv, auto, dense float64
		for _, row := range a.rows {
			want, have = append(want, row[0]+"|"+row[1]), append(have, row[0]+"|"+row[5])
			for i, sum := range []*float64{&uv, &auto, &dense} {
				n, err := strconv.ParseFloat(row[i+1], 64)
				if err != nil {
					return err
				}
				*sum += n
			}
		}
		fmt.Fprintf(d.Out, "bytes a visitor: %.2f with auto_id(), %.2f with dense_id(), 8 as a list of ids\n", auto/uv, dense/uv)
		return d.check("visitors of both kinds of ids", want, have)
	})
}
