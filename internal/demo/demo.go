// Package demo runs the membership example from the change events of an order
// system to the wide table, and checks every row against what the order system
// says must be there.
package demo

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	membership "github.com/tarndb/tarn/examples/membership"
	"github.com/tarndb/tarn/internal/app"
	"github.com/tarndb/tarn/internal/dump"
	"github.com/tarndb/tarn/internal/jobs"
	"github.com/tarndb/tarn/internal/ordersim"
	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
	"github.com/tarndb/tarn/paimon/catalog"
)

// Options of the demo.
type Options struct {
	Out io.Writer
	// Dir takes the event files.
	Dir string
	// Changes is how many row changes the order system makes.
	Changes int
	Seed    uint64
	// Print prints a result of a query.
	Print func(*query.Result) error
	// DB is the order system's database; nil for event files instead.
	DB *sql.DB
	// Host and Port are where the CDC job finds DB; Password is root's.
	Host, Port, Password string
	// Rate and For are how the client writes while the jobs run (DB only).
	Rate float64
	For  time.Duration
}

// settleTimeout bounds the wait for the jobs to catch up.
const settleTimeout = 2 * time.Minute

// demo is one run.
type demo struct {
	Options
	app     *app.App
	sim     *ordersim.Sim
	jobs    []*jobs.Job
	started time.Time
}

// Run runs the demo; an error says what differs or what failed.
func Run(ctx context.Context, a *app.App, o Options) error {
	d := &demo{Options: o, app: a, sim: ordersim.New(ordersim.Options{Seed: o.Seed, Settled: true}), started: time.Now()}
	defer d.stop()
	if err := d.prepare(ctx); err != nil {
		return err
	}
	d.say("tables", "creating the databases ods and dwd, four ODS tables and the wide table dwd.enrich_order")
	if err := d.sql(ctx, dialect.Flink, "setup.sql", "CREATE DATABASE IF NOT EXISTS ods; CREATE DATABASE IF NOT EXISTS dwd;"); err != nil {
		return err
	}
	for _, f := range []string{"00_ods.sql", "01_enrich_order_ddl.sql"} {
		if err := d.script(ctx, f); err != nil {
			return err
		}
	}
	ingest := "ods_events_job.sql"
	if d.DB != nil {
		ingest = "ods_cdc_job.sql"
	}
	d.say("jobs", "%s: changes into the ODS tables; 02_enrich_order_job.sql: four streams into the wide table", ingest)
	for _, f := range []string{ingest, "02_enrich_order_job.sql"} {
		if err := d.script(ctx, f); err != nil {
			return err
		}
	}
	if err := d.write(ctx); err != nil {
		return err
	}
	if err := d.settle(ctx); err != nil {
		return err
	}
	return d.show(ctx)
}

// say prints a line of the story.
func (d *demo) say(step, format string, args ...any) {
	fmt.Fprintf(d.Out, "%6.1fs  %-8s %s\n", time.Since(d.started).Seconds(), step, fmt.Sprintf(format, args...))
}

// prepare makes what is there before the jobs start.
func (d *demo) prepare(ctx context.Context) error {
	if d.DB == nil {
		d.say("events", "an order system writes %d change events (Debezium JSON) to files", d.Changes)
		return d.sim.Events(ctx, d.Dir, ordersim.EventOptions{Changes: d.Changes})
	}
	d.say("mariadb", "creating the order system's tables with %d row changes in them", d.Changes)
	if err := ordersim.CreateTables(ctx, d.DB); err != nil {
		return err
	}
	_, err := d.sim.RunChanges(ctx, d.DB, d.Changes)
	return err
}

// write lets the client go on writing while the jobs run.
func (d *demo) write(ctx context.Context) error {
	if d.DB == nil {
		return nil
	}
	d.say("client", "writing %.0f row changes a second for %s while the jobs run", d.Rate, d.For)
	s, err := d.sim.Run(ctx, d.DB, d.Rate, d.For)
	if err != nil {
		return err
	}
	d.say("client", "%d transactions with %d row changes committed, %d rolled back", s.Transactions, s.Changes, s.RolledBack)
	return ctx.Err()
}

func (d *demo) script(ctx context.Context, name string) error {
	text, err := membership.Files.ReadFile(name)
	if err != nil {
		return err
	}
	return d.sql(ctx, dialect.DialectOf(name), name, string(text))
}

// sql runs the statements of a script and keeps its jobs.
func (d *demo) sql(ctx context.Context, dia dialect.Dialect, name, text string) error {
	return d.each(ctx, dia, name, text, func(_ ast.Statement, r *query.Result) error {
		if r.Job != nil {
			d.jobs = append(d.jobs, r.Job)
		}
		return nil
	})
}

func (d *demo) each(ctx context.Context, dia dialect.Dialect, name, text string, visit func(ast.Statement, *query.Result) error) error {
	text, err := dialect.Substitute(text, map[string]string{"events": d.Dir, "mysql_host": d.Host, "mysql_port": d.Port, "mysql_user": "root", "mysql_password": d.Password, "mysql_database": ordersim.Database})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	stmts, err := dialect.Parse(dia, name, text)
	if err != nil {
		return err
	}
	s := d.app.Engine.NewSession(query.SessionOptions{Dialect: dia, Dir: d.Dir, Script: strings.TrimSuffix(name, ".sql"), External: true,
		Settings: map[string]string{"execution.checkpointing.interval": "200 ms"}})
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

// settle waits until every table holds what the order system says, or until
// nothing changes any more; then it stops the jobs.
func (d *demo) settle(ctx context.Context) error {
	deadline := time.Now().Add(settleTimeout)
	var last error
	for seen := int64(-1); ; {
		for seen == d.rowsOut() && time.Now().Before(deadline) && ctx.Err() == nil && last != nil {
			time.Sleep(50 * time.Millisecond) // nothing new since the last look
		}
		last, seen = nil, d.rowsOut()
		for _, name := range d.sim.Expected().Names() {
			if err := d.compare(ctx, name); err != nil {
				last = err
				break
			}
		}
		if last == nil || time.Now().After(deadline) {
			break
		}
		for _, j := range d.jobs {
			if s := j.Status(); s.Err != nil {
				return fmt.Errorf("job %s: %w", s.Name, s.Err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	for _, j := range d.jobs {
		s := j.Status()
		d.say("job", "%s: %d rows in, %d rows out, %d commits, %d restarts", s.Name, s.RowsIn, s.RowsOut, s.Commits, s.Restarts)
	}
	d.stop()
	return last
}

// rowsOut is how many rows all jobs have committed.
func (d *demo) rowsOut() int64 {
	var n int64
	for _, j := range d.jobs {
		n += j.Status().RowsOut
	}
	return n
}

func (d *demo) stop() {
	for _, j := range d.jobs {
		j.Stop()
	}
}

// compare holds one table against the expectation, row by row.
func (d *demo) compare(ctx context.Context, name string) error {
	rows, err := d.dump(ctx, name)
	if err != nil {
		return err
	}
	return d.sim.Expected().Compare(name, bytes.NewReader(rows))
}

func (d *demo) dump(ctx context.Context, name string) ([]byte, error) {
	db, table, _ := strings.Cut(name, ".")
	var out bytes.Buffer
	err := dump.Run(ctx, d.app.Warehouse, dump.Options{Table: catalog.Identifier{Database: db, Table: table}}, &out)
	return out.Bytes(), err
}

// show prints the checks and what an analyst sees.
func (d *demo) show(ctx context.Context) error {
	fmt.Fprintln(d.Out)
	var bad error
	for _, name := range d.sim.Expected().Names() {
		wantRows, want, err := d.sim.Expected().Digest(name)
		if err != nil {
			return err
		}
		gotRows, got, err := d.digest(ctx, name)
		if err != nil {
			return err
		}
		verdict := "equal"
		if gotRows != wantRows || got != want {
			verdict = "DIFFERENT"
			bad = errors.Join(bad, fmt.Errorf("table %s differs from what the order system says", name))
		}
		fmt.Fprintf(d.Out, "check  %-22s %7d rows, digest %s; expected %7d rows, digest %s: %s\n", name, gotRows, got, wantRows, want, verdict)
	}
	if bad != nil {
		return bad
	}
	text, err := membership.Files.ReadFile("queries.starrocks.sql")
	if err != nil {
		return err
	}
	return d.each(ctx, dialect.MySQL, "queries.starrocks.sql", string(text), func(st ast.Statement, r *query.Result) error {
		fmt.Fprintf(d.Out, "\n%s;\n", strings.TrimSpace(st.Source()))
		return d.Print(r)
	})
}

// EventDir makes the folder for event files.
func EventDir(root string) (string, error) {
	dir := filepath.Join(root, "events")
	return dir, os.MkdirAll(dir, 0o755)
}
