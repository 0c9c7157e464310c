package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tarndb/tarn/internal/dump"
	"github.com/tarndb/tarn/internal/ordersim"
	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/paimon/catalog"
)

// wideTable is case 1: four streams into one wide table.
func (d *demo) wideTable(ctx context.Context) error {
	d.title("Case 1: four streams of orders, devices, coupons and refunds become one wide table")
	if err := d.prepare(ctx); err != nil {
		return err
	}
	d.say("tables", "creating the databases ods, dwd, dws and dict, four ODS tables and the wide table dwd.enrich_order")
	if err := d.sql(ctx, "setup.sql", "CREATE DATABASE ods; CREATE DATABASE dwd; CREATE DATABASE dws; CREATE DATABASE dict;", func(ast.Statement, *query.Result) error { return nil }); err != nil {
		return err
	}
	if err := d.scripts(ctx, "00_ods.sql", "01_enrich_order_ddl.sql"); err != nil {
		return err
	}
	d.say("jobs", "%s: changes into the ODS tables; 02_enrich_order_job.sql: four streams into the wide table", d.ingest())
	if err := d.scripts(ctx, d.ingest(), "02_enrich_order_job.sql"); err != nil {
		return err
	}
	if err := d.write(ctx); err != nil {
		return err
	}
	if err := d.await(ctx, d.settled); err != nil {
		return err
	}
	for _, j := range d.jobs {
		s := j.Status()
		d.say("job", "%s: %d rows in, %d rows out, %d commits so far", s.Name, s.RowsIn, s.RowsOut, s.Commits)
	}
	fmt.Fprintln(d.Out)
	if err := d.digests(ctx); err != nil {
		return err
	}
	return d.each(ctx, "queries.starrocks.sql", func(st ast.Statement, r *query.Result) error {
		fmt.Fprintf(d.Out, "\n%s;\n", strings.TrimSpace(st.Source()))
		return d.Print(r)
	})
}

// ingest is the job that fills the ODS tables.
func (d *demo) ingest() string {
	if d.DB != nil {
		return "ods_cdc_job.sql"
	}
	return "ods_events_job.sql"
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

// moreChanges is how many changes come during case 3.
func (d *demo) moreChanges() int { return d.Changes / 10 }

// change makes more changes and lets them come to the wide table.
func (d *demo) change(ctx context.Context) error {
	if d.DB != nil {
		if _, err := d.sim.RunChanges(ctx, d.DB, d.moreChanges()); err != nil {
			return err
		}
		return d.await(ctx, d.settled)
	}
	if err := d.sim.Events(ctx, d.Dir, ordersim.EventOptions{Changes: d.moreChanges()}); err != nil {
		return err
	}
	if err := d.scripts(ctx, d.ingest()); err != nil { // it goes on with the new files
		return err
	}
	return d.await(ctx, d.settled)
}

// settled tells which table does not yet hold what the order system says.
func (d *demo) settled(ctx context.Context) (missing, err error) {
	for _, name := range d.sim.Expected().Names() {
		rows, err := d.dump(ctx, name)
		if err != nil {
			return nil, err
		}
		if missing := d.sim.Expected().Compare(name, bytes.NewReader(rows)); missing != nil {
			return missing, nil
		}
	}
	return nil, nil
}

func (d *demo) dump(ctx context.Context, name string) ([]byte, error) {
	db, table, _ := strings.Cut(name, ".")
	var out bytes.Buffer
	err := dump.Run(ctx, d.app.Warehouse, dump.Options{Table: catalog.Identifier{Database: db, Table: table}}, &out)
	return out.Bytes(), err
}

// digests checks all tables as a whole.
func (d *demo) digests(ctx context.Context) error {
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
		d.checks++
		verdict := "equal"
		if gotRows != wantRows || got != want {
			verdict = "DIFFERENT"
			bad = errors.Join(bad, fmt.Errorf("table %s differs from what the order system says", name))
		}
		fmt.Fprintf(d.Out, "check  %-22s %7d rows, digest %s; expected %7d rows, digest %s: %s\n", name, gotRows, got, wantRows, want, verdict)
	}
	return bad
}
