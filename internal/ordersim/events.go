package ordersim

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// EventOptions say how many events to write, and how.
type EventOptions struct {
	// Changes is how many events to write at least; the last transaction is
	// written in full.
	Changes int
	// Chunk is how many events a file takes; default 10000.
	Chunk int
	// Rate writes so many events a second, each transaction at once; 0 writes
	// as fast as possible.
	Rate float64
}

// eventLog remembers which files were written.
type eventLog struct {
	chunks [tableCount]int
	pos    int64
}

// Events goes on with the simulation and writes its changes as Debezium events
// (JSON, without schema) to dir/<table>/part-00000.json and so on, in the
// order of the transactions within each table. Every call begins new files.
// When it ends early, by ctx or an error, Expected has the transactions that
// are in the files.
func (s *Sim) Events(ctx context.Context, dir string, o EventOptions) (err error) {
	if o.Chunk <= 0 {
		o.Chunk = 10000
	}
	w := &eventWriter{s: s, dir: dir, chunk: o.Chunk}
	defer func() { err = errors.Join(err, w.close()) }()
	begin := time.Now()
	for n := 0; n < o.Changes; {
		if err := ctx.Err(); err != nil {
			return err
		}
		tx := s.next()
		if tx.Rollback {
			continue
		}
		for _, op := range tx.Ops {
			if err := w.write(op, tx.At); err != nil {
				return err
			}
		}
		if err := s.expected.apply(tx); err != nil {
			return err
		}
		if n += len(tx.Ops); o.Rate > 0 {
			if err := errors.Join(w.flush(), pace(ctx, begin, n, o.Rate)); err != nil {
				return err
			}
		}
	}
	return nil
}

// pace sleeps until n changes are due.
func pace(ctx context.Context, begin time.Time, n int, rate float64) error {
	due := begin.Add(time.Duration(float64(n) / rate * float64(time.Second)))
	t := time.NewTimer(time.Until(due))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

type eventWriter struct {
	s     *Sim
	dir   string
	chunk int
	files [tableCount]*os.File
	out   [tableCount]*bufio.Writer
	count [tableCount]int
	line  []byte
}

func (w *eventWriter) write(op Op, at int64) error {
	t := op.Table
	if w.files[t] == nil || w.count[t] >= w.chunk {
		if err := w.open(t); err != nil {
			return err
		}
	}
	w.count[t]++
	w.line = append(w.s.event(w.line[:0], op, at), '\n')
	_, err := w.out[t].Write(w.line)
	return err
}

// open ends the file of a table and begins the next one.
func (w *eventWriter) open(t int) error {
	if err := w.closeTable(t); err != nil {
		return err
	}
	name := filepath.Join(w.dir, w.s.tables[t].Name, fmt.Sprintf("part-%05d.json", w.s.log.chunks[t]))
	w.s.log.chunks[t]++
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	w.files[t], w.out[t], w.count[t] = f, bufio.NewWriterSize(f, 64<<10), 0
	return nil
}

func (w *eventWriter) flush() error {
	var err error
	for _, out := range w.out {
		if out != nil {
			err = errors.Join(err, out.Flush())
		}
	}
	return err
}

func (w *eventWriter) closeTable(t int) error {
	if w.files[t] == nil {
		return nil
	}
	err := errors.Join(w.out[t].Flush(), w.files[t].Close())
	w.files[t], w.out[t] = nil, nil
	return err
}

func (w *eventWriter) close() error {
	var err error
	for t := range w.files {
		err = errors.Join(err, w.closeTable(t))
	}
	return err
}

// event is a change in Debezium's form.
func (s *Sim) event(dst []byte, op Op, at int64) []byte {
	t := s.tables[op.Table]
	kind := "u"
	switch {
	case op.Before == nil:
		kind = "c"
	case op.After == nil:
		kind = "d"
	}
	s.log.pos += 200
	dst = append(dst, `{"before":`...)
	dst = eventRow(dst, t, op.Before)
	dst = append(dst, `,"after":`...)
	dst = eventRow(dst, t, op.After)
	dst = append(dst, `,"source":{"version":"3.0.0.Final","connector":"mysql","name":"shop","ts_ms":`...)
	dst = strconv.AppendInt(dst, at, 10)
	dst = append(dst, `,"snapshot":"false","db":"shop","table":`...)
	dst = quote(dst, t.Name)
	dst = append(dst, `,"server_id":1,"file":"binlog.000001","pos":`...)
	dst = strconv.AppendInt(dst, s.log.pos, 10)
	dst = append(dst, `,"row":0},"op":"`...)
	dst = append(dst, kind...)
	dst = append(dst, `","ts_ms":`...)
	dst = strconv.AppendInt(dst, at+3, 10)
	return append(dst, `,"transaction":null}`...)
}

func eventRow(dst []byte, t Table, r Row) []byte {
	if r == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '{')
	for i, c := range t.Columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(quote(dst, c.Name), ':')
		dst = jsonCell(dst, c.Kind, r[i], time.DateTime+".000")
	}
	return append(dst, '}')
}
