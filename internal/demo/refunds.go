package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tarndb/tarn/internal/ordersim"
	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/query/ast"
)

// refundStream is the job that fills the branch.
const refundStream = "22_refund_stream_job"

// refunds is case 3: a stream fills a branch, a batch corrects main, readers
// see main where it has the day.
func (d *demo) refunds(ctx context.Context) error {
	d.title("Case 3: refunds by day, a stream on a branch and the batch that corrects it on main")
	since, before := d.day(-3), d.day(-1)
	d.say("tables", "creating dwd.enrich_refund with the branch streaming, which is read where main has no such day")
	if err := d.scripts(ctx, "20_refund_ddl.sql", "21_branch.sql"); err != nil {
		return err
	}
	d.say("stream", "22_refund_stream_job.sql: refunds since %s from the changelog of the wide table into the branch", since)
	if err := d.stream(ctx, since); err != nil {
		return err
	}
	old := d.sim.Expected().Refunds()
	inStream := func(r ordersim.Refund) bool { return r.Day >= since }
	if err := d.awaitRefunds(ctx, refundLines(old, inStream)); err != nil {
		return err
	}
	if err := d.shown(ctx, "refunds before the correction, all from the branch, against the order system's", refundLines(old, inStream)); err != nil {
		return err
	}

	d.say("outage", "the stream is stopped; %d more changes come to the wide table, refunds of earlier days among them", d.moreChanges())
	d.end(refundStream)
	if err := d.change(ctx); err != nil {
		return err
	}
	d.say("batch", "23_refund_batch_job.sql: the days before %s from the wide table into main", before)
	if err := d.correct(ctx, before); err != nil {
		return err
	}
	now := d.sim.Expected().Refunds()
	inMain := func(r ordersim.Refund) bool { return r.Day < before }
	want := append(refundLines(now, inMain), refundLines(old, func(r ordersim.Refund) bool { return !inMain(r) })...)
	slices.Sort(want)
	if err := d.shown(ctx, "refunds after the correction: days before "+before+" from main, others from the branch as it was", want); err != nil {
		return err
	}

	d.say("stream", "the stream goes on where it was")
	if err := d.stream(ctx, since); err != nil {
		return err
	}
	all := refundLines(now, func(ordersim.Refund) bool { return true })
	if err := d.awaitRefunds(ctx, all); err != nil {
		return err
	}
	d.end()
	if err := d.shown(ctx, "refunds in the end, all days, against the order system's", all); err != nil {
		return err
	}
	return d.verify(ctx, now)
}

func (d *demo) stream(ctx context.Context, since string) error {
	d.vars["dt"] = since
	return d.scripts(ctx, refundStream+".sql")
}

// correct runs the batch.
func (d *demo) correct(ctx context.Context, before string) error {
	d.vars["dt"] = before
	return d.each(ctx, "23_refund_batch_job.sql", func(_ ast.Statement, r *query.Result) error {
		if r.Affected > 0 {
			d.say("batch", "%s", r.Message)
		}
		return nil
	})
}

// refundLines gives refunds as lines, sorted.
func refundLines(list []ordersim.Refund, in func(ordersim.Refund) bool) []string {
	var out []string
	for _, r := range list {
		if in(r) {
			out = append(out, strings.Join([]string{r.Day, r.Code, r.Order, r.Status, r.Fee}, "|"))
		}
	}
	slices.Sort(out)
	return out
}

const refundQuery = "SELECT dt, refund_mer_trade_code, refund_order_id, refund_status, CAST(refund_fee AS STRING) FROM dwd.enrich_refund"

func (d *demo) awaitRefunds(ctx context.Context, want []string) error {
	return d.await(ctx, func(ctx context.Context) (missing, err error) {
		a, err := d.ask(ctx, refundQuery)
		if err != nil {
			return nil, err
		}
		return difference(want, a.lines()), nil
	})
}

// shown shows the refunds by day and checks each.
func (d *demo) shown(ctx context.Context, what string, want []string) error {
	err := d.each(ctx, "refund_days.starrocks.sql", func(_ ast.Statement, r *query.Result) error {
		a, err := collect(r)
		if err == nil {
			a.print(d.Out, 10)
		}
		return err
	})
	if err != nil {
		return err
	}
	a, err := d.ask(ctx, refundQuery)
	if err != nil {
		return err
	}
	return d.check(what, want, a.lines())
}

// verify runs the users' own query: refunds of the last days.
func (d *demo) verify(ctx context.Context, refunds []ordersim.Refund) error {
	d.say("verify", "24_verify.starrocks.sql")
	since := time.Now().UTC().AddDate(0, 0, -3).Format(time.DateOnly)
	days := map[string]int{}
	for _, r := range refunds {
		if r.Day >= since {
			days[r.Day]++
		}
	}
	var want []string
	for day, n := range days {
		want = append(want, fmt.Sprintf("%s|%d", day, n))
	}
	slices.Sort(want)
	return d.each(ctx, "24_verify.starrocks.sql", func(_ ast.Statement, r *query.Result) error {
		a, err := collect(r)
		if err != nil {
			return err
		}
		a.print(d.Out, 10)
		return d.check("refunds of the last days, by day", want, a.lines())
	})
}
