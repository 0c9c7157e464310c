package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tarndb/tarn/internal/app"
	"github.com/tarndb/tarn/internal/dump"
	"github.com/tarndb/tarn/internal/serve/mysqlwire"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
)

// identifier reads db.table.
func identifier(name string) (catalog.Identifier, error) {
	db, table, ok := strings.Cut(name, ".")
	if !ok {
		return catalog.Identifier{}, errs.Invalid("table %q: want database.table", name)
	}
	return catalog.ParseObject(db, table)
}

func dumpCommand(c *common) *cobra.Command {
	var o dump.Options
	var branch string
	cmd := &cobra.Command{
		Use: "dump DB.TABLE", Short: "Print a table as JSON lines, in the form that other Paimon readers can reproduce", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := identifier(args[0])
			if err != nil {
				return err
			}
			if branch != "" {
				id.Branch = branch
			}
			o.Table = id
			return c.with(cmd.Context(), func(a *app.App) error { return dump.Run(cmd.Context(), a.Warehouse, o, cmd.OutOrStdout()) })
		},
	}
	f := cmd.Flags()
	f.Int64Var(&o.Snapshot, "snapshot", 0, "the table as of this snapshot")
	f.StringVar(&o.Tag, "tag", "", "the table as of this tag")
	f.StringVar(&branch, "branch", "", "a branch of the table")
	f.BoolVar(&o.Changelog, "changelog", false, "print changes instead of the state")
	f.Int64Var(&o.From, "from", 0, "first snapshot of the changes (default: the oldest)")
	cmd.MarkFlagsMutuallyExclusive("snapshot", "tag", "changelog")
	return cmd
}

func compactCommand(c *common) *cobra.Command {
	var o paimon.CompactOptions
	var partition []string
	cmd := &cobra.Command{
		Use: "compact DB.TABLE", Short: "Compact a table once, as its options say; --full rewrites all of it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := identifier(args[0])
			if err != nil {
				return err
			}
			if o.Partition, err = variables("partition", partition); err != nil {
				return err
			}
			return c.with(cmd.Context(), func(a *app.App) error {
				t, err := a.Warehouse.Table(cmd.Context(), id, nil)
				if err != nil {
					return err
				}
				snap, err := compact(cmd.Context(), t, o)
				if err != nil {
					return err
				}
				if snap == 0 {
					fmt.Fprintf(cmd.OutOrStdout(), "table %s: nothing to compact\n", t.Name())
					return nil
				}
				fmt.Fprintf(cmd.OutOrStdout(), "table %s compacted: snapshot %d\n", t.Name(), snap)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&o.Full, "full", false, "rewrite every bucket into its top level")
	cmd.Flags().StringArrayVar(&partition, "partition", nil, "only partitions with column=value")
	return cmd
}

// compact tries again when another job compacted the same files in between.
func compact(ctx context.Context, t *paimon.Table, o paimon.CompactOptions) (int64, error) {
	for try := 0; ; try++ {
		snap, err := t.Compact(ctx, o)
		switch {
		case errors.Is(err, errs.ErrConflict) && try < 3:
			continue
		case err != nil:
			return 0, err
		case snap == nil:
			return 0, nil
		}
		return snap.ID, nil
	}
}

func serveCommand(c *common) *cobra.Command {
	var addr string
	var users, vars []string
	cmd := &cobra.Command{
		Use: "serve [JOB.sql...]", Short: "Serve the tables to MySQL clients, running the given job scripts beside",
		RunE: func(cmd *cobra.Command, files []string) error {
			accounts, err := variables("user", users)
			if err != nil {
				return err
			}
			values, err := variables("var", vars)
			if err != nil {
				return err
			}
			return c.with(cmd.Context(), func(a *app.App) error {
				s, err := mysqlwire.New(mysqlwire.Options{Addr: addr, Users: accounts}, a.MySQL())
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "MySQL protocol on %s; try: mariadb -h 127.0.0.1 -P %s -u root\n", s.Addr(), port(s.Addr().String()))
				r := &runner{app: a, out: cmd.OutOrStdout(), log: cmd.ErrOrStderr(), vars: values, format: "table"}
				for _, f := range files {
					if err := r.file(cmd.Context(), f); err != nil {
						return errors.Join(err, s.Close())
					}
				}
				watch, stop := context.WithCancel(cmd.Context())
				watched := make(chan struct{})
				go func() { defer close(watched); r.announce(watch, false) }()
				err = s.Run(cmd.Context())
				stop()
				<-watched
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&addr, "mysql", mysqlwire.DefaultAddr, "address of the MySQL protocol")
	f.StringArrayVar(&users, "user", nil, "account of the MySQL protocol: name=password, or name=*HASH; without any, root without password on loopback")
	f.StringArrayVar(&vars, "var", nil, "value of ${name} in the scripts: name=value")
	return cmd
}

func port(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }
