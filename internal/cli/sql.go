package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/peterh/liner"
	"github.com/spf13/cobra"

	"github.com/tarndb/tarn/internal/app"
	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/internal/query/dialect"
)

func sqlCommand(c *common) *cobra.Command {
	var execute, vars []string
	var dialectName, format string
	cmd := &cobra.Command{
		Use: "sql", Short: "Interactive SQL; -e runs statements and ends", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, ok := dialect.Named(dialectName)
			if !ok {
				return fmt.Errorf("--dialect %s: want flink, spark or starrocks", dialectName)
			}
			if err := checkFormat(format); err != nil {
				return err
			}
			values, err := variables("var", vars)
			if err != nil {
				return err
			}
			return c.with(cmd.Context(), func(a *app.App) error {
				dir, err := os.Getwd()
				if err != nil {
					return err
				}
				s := a.Engine.NewSession(query.SessionOptions{Dialect: d, Dir: dir, External: true})
				defer s.Close()
				sh := &shell{session: s, dialect: d, format: format, vars: values, out: cmd.OutOrStdout(), errOut: cmd.ErrOrStderr()}
				sh.run.app, sh.run.log = a, cmd.ErrOrStderr()
				if len(execute) > 0 {
					for _, text := range execute {
						if err := sh.execute(cmd.Context(), text); err != nil {
							return err
						}
					}
					return sh.run.wait(cmd.Context())
				}
				if _, err := liner.TerminalMode(); err != nil || cmd.InOrStdin() != os.Stdin {
					return sh.pipe(cmd.Context(), cmd.InOrStdin())
				}
				return sh.interact(cmd.Context())
			})
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&execute, "execute", "e", nil, "statements to run")
	f.StringVar(&dialectName, "dialect", "flink", "flink, spark or starrocks")
	f.StringVar(&format, "format", "table", "output: table, csv or json")
	f.StringArrayVar(&vars, "var", nil, "value of ${name}: name=value")
	return cmd
}

// shell is one SQL session at a terminal, or fed by a pipe.
type shell struct {
	session     *query.Session
	dialect     dialect.Dialect
	format      string
	vars        map[string]string
	out, errOut io.Writer
	run         runner // watches jobs started with -e
}

// execute runs all statements of text.
func (s *shell) execute(ctx context.Context, text string) error {
	text, err := dialect.Substitute(text, s.vars)
	if err != nil {
		return err
	}
	stmts, err := dialect.Parse(s.dialect, "", text)
	if err != nil {
		return err
	}
	for _, st := range stmts {
		res, err := s.session.Run(ctx, st)
		if err != nil {
			return err
		}
		if res.Job != nil {
			s.run.jobs = append(s.run.jobs, res.Job)
		}
		err = printResult(s.out, res, s.format)
		res.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *shell) pipe(ctx context.Context, in io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(in, 64<<20))
	if err != nil {
		return err
	}
	if err := s.execute(ctx, string(text)); err != nil {
		return err
	}
	return s.run.wait(ctx)
}

// interact reads statements, each ended by a semicolon. Ctrl-C ends the running
// statement or empties the line; Ctrl-D ends the session.
func (s *shell) interact(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx) // the process's context ends with the first Ctrl-C, the session does not
	signal.Reset(syscall.SIGTERM)    // a prompt cannot be canceled, so this ends the process at once
	l := liner.NewLiner()
	defer l.Close()
	l.SetCtrlCAborts(true)
	l.SetMultiLineMode(true)
	l.SetCompleter(s.complete)
	history := historyFile()
	if f, err := os.Open(history); err == nil {
		_, _ = l.ReadHistory(f)
		f.Close()
	}
	defer func() {
		if f, err := os.OpenFile(history, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err == nil {
			_, _ = l.WriteHistory(f)
			f.Close()
		}
	}()
	fmt.Fprintln(s.out, "Tarn SQL. End a statement with ; and the session with Ctrl-D or quit.")
	var buffer string
	for {
		prompt := "tarn> "
		if buffer != "" {
			prompt = "   -> "
		}
		line, err := l.Prompt(prompt)
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			buffer = ""
			continue
		case err == io.EOF:
			fmt.Fprintln(s.out)
			return nil
		case err != nil:
			return err
		}
		word := strings.ToLower(strings.TrimRight(strings.TrimSpace(line), ";"))
		if buffer == "" && (word == "quit" || word == "exit") {
			return nil
		}
		if buffer += line + "\n"; !s.complete1(buffer) {
			continue
		}
		l.AppendHistory(strings.TrimSpace(strings.ReplaceAll(buffer, "\n", " ")))
		s.statement(ctx, buffer)
		buffer = ""
	}
}

// complete1 reports whether text ends its last statement.
func (s *shell) complete1(text string) bool {
	pieces := dialect.Split(s.dialect, text)
	return len(pieces) == 0 || pieces[len(pieces)-1].Terminated
}

// statement runs one entry; Ctrl-C cancels it and keeps the session.
func (s *shell) statement(ctx context.Context, text string) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	switch err := s.execute(ctx, text); {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintln(s.errOut, "interrupted")
	case err != nil:
		fmt.Fprintln(s.errOut, "error:", err)
	}
}

func historyFile() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return os.DevNull
	}
	dir = filepath.Join(dir, "tarn")
	if os.MkdirAll(dir, 0o700) != nil {
		return os.DevNull
	}
	return filepath.Join(dir, "history")
}

// complete offers words and table names for the last word of the line.
func (s *shell) complete(line string) []string {
	at := strings.LastIndexAny(line, " \t(,") + 1
	head, word := line[:at], line[at:]
	if word == "" {
		return nil
	}
	var out []string
	for _, w := range s.session.Words(context.Background()) {
		if len(w) >= len(word) && strings.EqualFold(w[:len(word)], word) {
			out = append(out, head+w)
		}
	}
	return out
}
