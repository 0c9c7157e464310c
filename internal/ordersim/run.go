package ordersim

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Stats counts what Run did.
type Stats struct {
	Transactions int // committed
	Changes      int // of rows, in committed transactions
	RolledBack   int // transactions
	Elapsed      time.Duration
}

// maxRows is how many rows one INSERT takes.
const maxRows = 16

// CreateTables makes the database Database, if it is not there, and the tables
// of Schema in it.
func CreateTables(ctx context.Context, db *sql.DB) error {
	statements := []string{"CREATE DATABASE IF NOT EXISTS " + Database}
	for _, q := range strings.Split(Schema, ";\n") {
		if strings.TrimSpace(q) != "" {
			statements = append(statements, strings.Replace(q, "CREATE TABLE ", "CREATE TABLE "+Database+".", 1))
		}
	}
	for _, q := range statements {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("create tables of the order system: %w", err)
		}
	}
	return nil
}

// Run goes on with the simulation as transactions against a MySQL or MariaDB
// server that has the tables of CreateTables, at rate row changes a second (0 is
// as fast as possible), for a duration (0 until ctx ends). The end of ctx is
// no error: the transaction under way is committed first. After an error the
// simulator is of no more use: Expected lacks the last transaction, which may
// or may not have been committed.
func (s *Sim) Run(ctx context.Context, db *sql.DB, rate float64, d time.Duration) (Stats, error) {
	if d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	return s.run(ctx, db, rate, func(*Stats) bool { return ctx.Err() == nil })
}

// RunChanges is Run, as fast as possible, until so many rows have changed.
// Here the end of ctx is an error.
func (s *Sim) RunChanges(ctx context.Context, db *sql.DB, changes int) (Stats, error) {
	stats, err := s.run(ctx, db, 0, func(done *Stats) bool { return done.Changes < changes && ctx.Err() == nil })
	return stats, errors.Join(err, ctx.Err())
}

// run does transactions while more says so.
func (s *Sim) run(ctx context.Context, db *sql.DB, rate float64, more func(*Stats) bool) (stats Stats, err error) {
	begin := time.Now()
	defer func() { stats.Elapsed = time.Since(begin) }()
	work := context.WithoutCancel(ctx)
	conn, err := db.Conn(work)
	if err != nil {
		return stats, fmt.Errorf("connect to the order database: %w", err)
	}
	r := &runner{s: s, conn: conn, statements: map[string]*sql.Stmt{}}
	defer func() { err = errors.Join(err, r.close()) }()
	for more(&stats) {
		tx := s.next()
		if err := r.run(work, tx); err != nil {
			return stats, fmt.Errorf("run transaction %d: %w", stats.Transactions+stats.RolledBack+1, err)
		}
		if tx.Rollback {
			stats.RolledBack++
			continue
		}
		if err := s.expected.apply(tx); err != nil {
			return stats, err
		}
		stats.Transactions++
		stats.Changes += len(tx.Ops)
		if rate > 0 {
			_ = pace(ctx, begin, stats.Changes, rate) // more looks at ctx
		}
	}
	return stats, nil
}

// runner runs transactions on one connection, whose statements it keeps.
type runner struct {
	s          *Sim
	conn       *sql.Conn
	statements map[string]*sql.Stmt
	args       []any
}

func (r *runner) run(ctx context.Context, tx *Tx) error {
	t, err := r.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for i := 0; i < len(tx.Ops); {
		n := r.same(tx.Ops[i:])
		if err := r.exec(ctx, tx.Ops[i:i+n]); err != nil {
			return errors.Join(err, t.Rollback())
		}
		i += n
	}
	if tx.Rollback {
		return t.Rollback()
	}
	return t.Commit()
}

// same counts the inserts into one table at the start of ops; at least 1.
func (r *runner) same(ops []Op) int {
	n := 0
	for n < len(ops) && n < maxRows && ops[n].Before == nil && ops[n].Table == ops[0].Table {
		n++
	}
	return max(n, 1)
}

// exec runs one statement: several inserts, or one update or delete.
func (r *runner) exec(ctx context.Context, ops []Op) error {
	t := r.s.tables[ops[0].Table]
	name, key := Database+"."+t.Name, t.Columns[t.Key].Name
	var q strings.Builder
	r.args = r.args[:0]
	switch op := ops[0]; {
	case op.Before == nil:
		q.WriteString("INSERT INTO " + name + " VALUES ")
		for i, op := range ops {
			if i > 0 {
				q.WriteByte(',')
			}
			q.WriteString("(?" + strings.Repeat(",?", len(t.Columns)-1) + ")")
			r.row(t, op.After)
		}
	case op.After == nil:
		q.WriteString("DELETE FROM " + name + " WHERE " + key + " = ?")
		r.args = append(r.args, op.Before[t.Key].Text)
	default:
		q.WriteString("UPDATE " + name + " SET ")
		for i, c := range t.Columns {
			if i > 0 {
				q.WriteString(", ")
			}
			q.WriteString(c.Name + " = ?")
		}
		q.WriteString(" WHERE " + key + " = ?")
		r.row(t, op.After)
		r.args = append(r.args, op.Before[t.Key].Text)
	}
	stmt, err := r.prepare(ctx, q.String())
	if err != nil {
		return err
	}
	if _, err := stmt.ExecContext(ctx, r.args...); err != nil {
		return fmt.Errorf("%s: %w", q.String(), err)
	}
	return nil
}

// row adds the cells of a row as arguments. Times and decimals go as text, so
// no time zone of the connection touches them.
func (r *runner) row(t Table, row Row) {
	for i, c := range row {
		switch kind := t.Columns[i].Kind; {
		case !c.Valid:
			r.args = append(r.args, nil)
		case kind == Integer:
			r.args = append(r.args, c.N)
		default:
			r.args = append(r.args, c.plain(kind, time.DateTime+".000"))
		}
	}
}

func (r *runner) prepare(ctx context.Context, q string) (*sql.Stmt, error) {
	if stmt, ok := r.statements[q]; ok {
		return stmt, nil
	}
	stmt, err := r.conn.PrepareContext(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", q, err)
	}
	r.statements[q] = stmt
	return stmt, nil
}

func (r *runner) close() error {
	for _, stmt := range r.statements {
		_ = stmt.Close() // the connection ends them anyway
	}
	return r.conn.Close()
}
