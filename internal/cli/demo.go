package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tarndb/tarn/internal/app"
	"github.com/tarndb/tarn/internal/demo"
	"github.com/tarndb/tarn/internal/ordersim"
	"github.com/tarndb/tarn/internal/query"
	"github.com/tarndb/tarn/test/env/mariadb"
)

func demoCommand(c *common) *cobra.Command {
	var useMySQL bool
	var dir string
	o := demo.Options{}
	cmd := &cobra.Command{
		Use: "demo", Short: "Run the order wide table from change events to checked results; --mysql from a real MariaDB", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			work := dir
			if work == "" {
				temp, err := os.MkdirTemp("", "tarn-demo-")
				if err != nil {
					return err
				}
				defer os.RemoveAll(temp)
				work = temp
			} else if entries, err := os.ReadDir(work); err == nil && len(entries) > 0 {
				return fmt.Errorf("--dir %s is not empty: name a new folder", work)
			}
			o.Out = cmd.OutOrStdout()
			o.Print = func(r *query.Result) error { return printResult(o.Out, r, "table") }
			var err error
			if o.Dir, err = demo.EventDir(work); err != nil {
				return err
			}
			c.warehouse = filepath.Join(work, "lake")
			run := func() error {
				return c.with(cmd.Context(), func(a *app.App) error { return demo.Run(cmd.Context(), a, o) })
			}
			if useMySQL {
				err = withMariaDB(cmd.Context(), work, &o, run)
			} else {
				err = run()
			}
			if err == nil && dir != "" {
				fmt.Fprintf(o.Out, "\nThe tables stay in %s; look at them with: tarn sql -w %s\n", c.warehouse, c.warehouse)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVar(&useMySQL, "mysql", false, "take the changes from a MariaDB that is started on loopback")
	f.StringVar(&dir, "dir", "", "folder for the tables, which then stay (default: a temporary one)")
	f.IntVar(&o.Changes, "changes", 20000, "row changes of the order system before the jobs start")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the order system")
	f.Float64Var(&o.Rate, "rate", 500, "row changes a second while the jobs run (--mysql)")
	f.DurationVar(&o.For, "for", 15*time.Second, "how long the client writes (--mysql)")
	return cmd
}

// withMariaDB starts a server of its own for the demo and stops it.
func withMariaDB(ctx context.Context, work string, o *demo.Options, run func() error) (err error) {
	server, err := mariadb.Start(ctx, mariadb.Options{Dir: filepath.Join(work, "mariadb")})
	if errors.Is(err, mariadb.ErrNotInstalled) {
		return fmt.Errorf("%w; on Debian: apt-get install mariadb-server", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := createDatabase(ctx, server); err != nil {
		return err
	}
	if o.DB, err = server.Open(ordersim.Database); err != nil {
		return err
	}
	defer o.DB.Close()
	o.Host, o.Port, o.Password = "127.0.0.1", strconv.Itoa(server.Port()), mariadb.RootPassword
	return run()
}

func createDatabase(ctx context.Context, server *mariadb.Server) error {
	db, err := server.Open("")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, "CREATE DATABASE "+ordersim.Database)
	return err
}
