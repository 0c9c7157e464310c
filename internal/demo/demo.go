// Package demo runs the three cases of the membership example, with its own
// scripts, from the events of an order system and of its cashier page to query
// results, and checks the results against what those say must be there.
package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	membership "github.com/tarndb/tarn/examples/membership"
	"github.com/tarndb/tarn/internal/app"
	"github.com/tarndb/tarn/internal/jobs"
	"github.com/tarndb/tarn/internal/ordersim"
	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
)

// Options of the demo.
type Options struct {
	Out io.Writer
	// Dir takes the event files.
	Dir string
	// Changes is how many row changes the order system makes before the jobs
	// start, Impressions how often the cashier page is shown.
	Changes, Impressions int
	Seed                 uint64
	// Print prints a result of a query.
	Print func(*query.Result) error
	// DB is the order system's database; nil for event files instead.
	DB *sql.DB
	// Host and Port are where the CDC job finds DB; Password is root's.
	Host, Port, Password string
	// Rate and For are how the client writes while the jobs run (DB only).
	Rate float64
	For  time.Duration
	// Brokers is the Kafka broker that has the topic of impressions, to which
	// Produce adds records; empty for files instead.
	Brokers string
	Produce func(ctx context.Context, lines []string) error
}

// settleTimeout bounds each wait for the jobs to catch up.
const settleTimeout = 3 * time.Minute

// demo is one run.
type demo struct {
	Options
	app     *app.App
	sim     *ordersim.Sim
	cashier *ordersim.Cashier
	today   time.Time // midnight, UTC
	vars    map[string]string
	jobs    []*jobs.Job
	started time.Time
	checks  int
}

// Run runs the demo; an error says what differs or what failed.
func Run(ctx context.Context, a *app.App, o Options) error {
	d := newDemo(o)
	d.app = a
	defer d.stop()
	for _, c := range []func(context.Context) error{d.wideTable, d.visitors, d.refunds} {
		if err := c(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(d.Out, "\nAll %d checks passed, in %.0f s.\n", d.checks, time.Since(d.started).Seconds())
	return nil
}

// Later is the folder of WriteEvents for what comes later.
const Later = "later"

// WriteEvents writes the events of the demo to o.Dir, for doing its steps by
// hand: those of the order system and of the cashier page, and, in the folder
// Later of it, those that come while case 2 and case 3 are under way.
func WriteEvents(ctx context.Context, o Options) error {
	d := newDemo(o)
	later := filepath.Join(o.Dir, Later)
	return errors.Join(
		d.sim.Events(ctx, o.Dir, ordersim.EventOptions{Changes: o.Changes}),
		d.sim.Events(ctx, later, ordersim.EventOptions{Changes: d.moreChanges()}),
		ordersim.WriteImpressions(o.Dir, portionName(0), d.cashier.Next(o.Impressions)),
		ordersim.WriteImpressions(later, portionName(1), d.cashier.Late(d.lateImpressions())))
}

// days before today are what the order system's clock runs through: case 3
// looks at the refunds of the last days.
const days = 4

// changesPerTransaction is what the order system makes on average.
const changesPerTransaction = 3.1

func newDemo(o Options) *demo {
	now := time.Now()
	d := &demo{Options: o, today: now.UTC().Truncate(24 * time.Hour), started: now}
	transactions := (float64(d.Changes+d.moreChanges()) + d.Rate*d.For.Seconds()) / changesPerTransaction
	step := time.Duration(days * 24 * float64(time.Hour) / max(transactions, 1))
	d.sim = ordersim.New(ordersim.Options{Seed: o.Seed, Settled: true, Start: d.today.AddDate(0, 0, -days), Step: step})
	d.cashier = ordersim.NewCashier(ordersim.CashierOptions{Seed: o.Seed, Impressions: o.Impressions, Devices: max(o.Impressions/3, 10), Start: d.today.AddDate(0, 0, -3), Days: 3})
	d.vars = map[string]string{"events": d.Dir, "mysql_host": d.Host, "mysql_port": d.Port, "mysql_user": "root", "mysql_password": d.Password,
		"mysql_database": ordersim.Database, "brokers": d.Brokers}
	return d
}

// day is so many days after today, before it when negative.
func (d *demo) day(n int) string { return d.today.AddDate(0, 0, n).Format(time.DateOnly) }

// title begins a case.
func (d *demo) title(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(d.Out, "\n%s\n%s\n", text, strings.Repeat("=", len([]rune(text))))
}

// say prints a line of the story.
func (d *demo) say(step, format string, args ...any) {
	fmt.Fprintf(d.Out, "%6.1fs  %-8s %s\n", time.Since(d.started).Seconds(), step, fmt.Sprintf(format, args...))
}

// scripts runs scripts of the example and keeps their jobs.
func (d *demo) scripts(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := d.each(ctx, name, func(_ ast.Statement, r *query.Result) error {
			if r.Job != nil {
				d.jobs = append(d.jobs, r.Job)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// each visits the results of a script of the example.
func (d *demo) each(ctx context.Context, name string, visit func(ast.Statement, *query.Result) error) error {
	text, err := membership.Files.ReadFile(name)
	if err != nil {
		return err
	}
	return d.sql(ctx, name, string(text), visit)
}

// sql visits the results of statements, in the dialect that the name says.
func (d *demo) sql(ctx context.Context, name, text string, visit func(ast.Statement, *query.Result) error) error {
	text, err := dialect.Substitute(text, d.vars)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	dia := dialect.DialectOf(name)
	stmts, err := dialect.Parse(dia, name, text)
	if err != nil {
		return err
	}
	s := d.app.Engine.NewSession(query.SessionOptions{Dialect: dia, Dir: d.Dir, Script: strings.TrimSuffix(name, ".sql"), External: true,
		Settings: map[string]string{"execution.checkpointing.interval": "500 ms"}})
	defer s.Close()
	for _, st := range stmts {
		r, err := s.Run(ctx, st)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, st.Position().Line, err)
		}
		err = visit(st, r)
		if err = errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("%s:%d: %w", name, st.Position().Line, err)
		}
	}
	return nil
}

// await asks ready until it is told that nothing is missing; jobs that fail
// end the wait.
func (d *demo) await(ctx context.Context, ready func(context.Context) (missing, err error)) error {
	deadline := time.Now().Add(settleTimeout)
	for {
		seen := d.rowsOut()
		missing, err := ready(ctx)
		if missing == nil || err != nil {
			return err
		}
		for _, j := range d.jobs {
			if s := j.Status(); s.Err != nil {
				return fmt.Errorf("job %s: %w", s.Name, s.Err)
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the jobs do not catch up within %v: %w", settleTimeout, missing)
		}
		// Look again when something is new, or else after a while.
		for range 40 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
			if d.rowsOut() != seen {
				break
			}
		}
	}
}

// rowsOut is how many rows all jobs have committed.
func (d *demo) rowsOut() int64 {
	var n int64
	for _, j := range d.jobs {
		n += j.Status().RowsOut
	}
	return n
}

// end stops the jobs whose name is one of names, or all without names, and
// tells what they did.
func (d *demo) end(names ...string) {
	var rest []*jobs.Job
	for _, j := range d.jobs {
		s := j.Status()
		if len(names) > 0 && !strings.Contains(" "+strings.Join(names, " ")+" ", " "+s.Name+" ") {
			rest = append(rest, j)
			continue
		}
		j.Stop()
		s = j.Status()
		d.say("job", "%s: %d rows in, %d rows out, %d commits, %d restarts", s.Name, s.RowsIn, s.RowsOut, s.Commits, s.Restarts)
	}
	d.jobs = rest
}

func (d *demo) stop() {
	for _, j := range d.jobs {
		j.Stop()
	}
}
