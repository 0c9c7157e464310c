package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tarndb/tarn/internal/app"
	"github.com/tarndb/tarn/internal/jobs"
	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect"
)

func runCommand(c *common) *cobra.Command {
	var vars, sets []string
	var dialectName, format string
	var quiet bool
	cmd := &cobra.Command{
		Use: "run FILE...", Short: "Run SQL scripts; streaming jobs run until Ctrl-C, which is safe",
		Long: "Runs the statements of each script in order. INSERTs stream by default (SET 'execution.runtime-mode' = 'batch' runs them once).\n" +
			"A streaming job is known by 'pipeline.name', else by the script's file name: started again it goes on where it was.\n" +
			"The dialect is Flink SQL; x.spark.sql and x.starrocks.sql are Spark's and StarRocks'.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			values, err := variables("var", vars)
			if err != nil {
				return err
			}
			settings, err := variables("set", sets)
			if err != nil {
				return err
			}
			return c.with(cmd.Context(), func(a *app.App) error {
				r := &runner{app: a, out: cmd.OutOrStdout(), log: cmd.ErrOrStderr(), vars: values, settings: settings, dialect: dialectName, format: format, quiet: quiet}
				for _, f := range files {
					if err := r.file(cmd.Context(), f); err != nil {
						return err
					}
				}
				return r.wait(cmd.Context())
			})
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&vars, "var", nil, "value of ${name} in the script: name=value")
	f.StringArrayVar(&sets, "set", nil, "setting as if by SET: name=value")
	f.StringVar(&dialectName, "dialect", "", "flink, spark or starrocks (default: by the file's name)")
	f.StringVar(&format, "format", "table", "output of queries: table, csv or json")
	f.BoolVarP(&quiet, "quiet", "q", false, "no progress line")
	return cmd
}

// runner runs scripts and watches the jobs that they start.
type runner struct {
	app      *app.App
	out, log io.Writer
	vars     map[string]string
	settings map[string]string
	dialect  string
	format   string
	quiet    bool
	jobs     []*jobs.Job
}

func (r *runner) file(ctx context.Context, name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	d := dialect.DialectOf(name)
	if r.dialect != "" {
		var ok bool
		if d, ok = dialect.Named(r.dialect); !ok {
			return fmt.Errorf("--dialect %s: want flink, spark or starrocks", r.dialect)
		}
	}
	source, err := dialect.Substitute(string(text), r.vars)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	stmts, err := dialect.Parse(d, name, source)
	if err != nil {
		return err
	}
	base := filepath.Base(name)
	s := r.app.Engine.NewSession(query.SessionOptions{Dialect: d, Settings: r.settings, Dir: filepath.Dir(name), Script: strings.TrimSuffix(base, ".sql"), External: true})
	defer s.Close()
	for _, st := range stmts {
		res, err := s.Run(ctx, st)
		if err != nil {
			return located(err, name, st)
		}
		if res.Job != nil {
			r.jobs = append(r.jobs, res.Job)
		}
		err = printResult(r.out, res, r.format)
		res.Close()
		if err != nil {
			return located(err, name, st)
		}
	}
	return nil
}

// located says in which file and line an error is: where the error knows it,
// else where the statement begins.
func located(err error, name string, st ast.Statement) error {
	var syntax *ast.SyntaxError
	var unsupported *ast.UnsupportedError
	switch {
	case errors.As(err, &syntax) && syntax.File == "" && syntax.Line > 0:
		syntax.File = name
	case errors.As(err, &unsupported) && unsupported.File == "" && unsupported.Line > 0:
		unsupported.File = name
	}
	if strings.Contains(err.Error(), name+":") {
		return err
	}
	return fmt.Errorf("%s:%d: %w", name, st.Position().Line, err)
}

// wait watches the jobs until all are over or ctx ends.
func (r *runner) wait(ctx context.Context) error {
	if len(r.jobs) == 0 {
		return nil
	}
	p := &progress{out: r.log, live: isTerminal(os.Stderr), every: 5 * time.Second}
	if p.live {
		p.every = time.Second
	}
	ticker := time.NewTicker(p.every)
	defer ticker.Stop()
	if r.quiet { // failures are told all the same, when they happen
		watch, stop := context.WithCancel(ctx)
		watched := make(chan struct{})
		go func() { defer close(watched); r.announce(watch, true) }()
		defer func() { stop(); <-watched }()
	}
	for _, j := range r.jobs {
		for over := false; !over; {
			select {
			case <-j.Done():
				over = true
			case <-ctx.Done():
				for _, j := range r.jobs {
					j.Stop()
				}
				r.report(p)
				return nil
			case <-ticker.C:
				r.report(p)
			}
		}
	}
	r.report(p)
	for _, j := range r.jobs {
		if s := j.Status(); s.State == jobs.Failed || s.Err != nil {
			return fmt.Errorf("job %s: %w", s.Name, s.Err)
		}
	}
	return nil
}

// announce prints a line whenever a job changes its state, until ctx ends; or
// only errors, and of those not the end of the last job, which wait returns.
func (r *runner) announce(ctx context.Context, errorsOnly bool) {
	last := map[string]string{}
	for {
		for _, j := range r.jobs {
			s := j.Status()
			line := fmt.Sprintf("job %s is %s", s.Name, strings.ToLower(string(s.State)))
			if s.Err != nil {
				line += ": " + s.Err.Error()
			}
			tell := !errorsOnly || s.Err != nil && (s.State == jobs.Restarting || len(r.jobs) > 1)
			if last[s.Name] != line && tell {
				fmt.Fprintln(r.log, line)
				last[s.Name] = line
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

func (r *runner) report(p *progress) {
	if r.quiet {
		return
	}
	for _, j := range r.jobs {
		p.print(j.Status())
	}
}

// progress prints one line a job: rows in and out, rate, lag, last commit.
type progress struct {
	out   io.Writer
	live  bool // a terminal: the line is overwritten
	every time.Duration
	seen  map[string]seen
}

type seen struct {
	at   time.Time
	rows int64
}

func (p *progress) print(s jobs.Status) {
	if p.seen == nil {
		p.seen = map[string]seen{}
	}
	now := time.Now()
	before, ok := p.seen[s.Name]
	if !ok {
		before = seen{at: s.Started}
	}
	rate := 0.0
	if d := now.Sub(before.at).Seconds(); d > 0 {
		rate = float64(s.RowsOut-before.rows) / d
	}
	p.seen[s.Name] = seen{now, s.RowsOut}
	last := "none"
	if !s.LastCommit.IsZero() {
		last = fmt.Sprintf("%s ago (snapshot %d)", now.Sub(s.LastCommit).Round(100*time.Millisecond), s.Snapshot)
	}
	line := fmt.Sprintf("%s %s: in %d, out %d rows, %.0f rows/s, lag %s, %d commits, last %s", s.Name, strings.ToLower(string(s.State)),
		s.RowsIn, s.RowsOut, rate, s.Lag.Round(time.Millisecond), s.Commits, last)
	if s.Err != nil {
		line += ": " + s.Err.Error()
	}
	if p.live {
		fmt.Fprintf(p.out, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintln(p.out, line)
}
