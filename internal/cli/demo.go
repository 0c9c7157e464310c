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
	"github.com/tarndb/tarn/test/env/kafka"
	"github.com/tarndb/tarn/test/env/mariadb"
)

// demoFlags are the flags of the demo that are no options of it.
type demoFlags struct {
	mysql, kafka bool
	dir, events  string
}

func demoCommand(c *common) *cobra.Command {
	flags, o := demoFlags{}, demo.Options{}
	cmd := &cobra.Command{
		Use: "demo", Short: "Run the three cases of the membership example and check their results; --mysql and --kafka with real servers",
		Long: "Runs the scripts of the membership example on made-up data: the order wide table, exact visitors by bitmaps, and refunds that a\n" +
			"batch corrects. Every result is checked against an independent count; a difference is an error.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Out = cmd.OutOrStdout()
			o.Print = func(r *query.Result) error { return printResult(o.Out, r, "table") }
			if flags.events != "" {
				return writeEvents(cmd.Context(), flags.events, o)
			}
			return runDemo(cmd.Context(), c, flags, o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&flags.mysql, "mysql", false, "take the orders from a MariaDB that is started on loopback")
	f.BoolVar(&flags.kafka, "kafka", false, "take the impressions from a Kafka broker that is started on loopback")
	f.StringVar(&flags.dir, "dir", "", "folder for the tables, which then stay (default: a temporary one)")
	f.StringVar(&flags.events, "events", "", "write the event files to this new folder, and do nothing else")
	f.IntVar(&o.Changes, "changes", 10000, "row changes of the order system before the jobs start")
	f.IntVar(&o.Impressions, "impressions", 60000, "impressions of the cashier page")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the order system")
	f.Float64Var(&o.Rate, "rate", 500, "row changes a second while the jobs run (--mysql)")
	f.DurationVar(&o.For, "for", 15*time.Second, "how long the client writes (--mysql)")
	return cmd
}

func writeEvents(ctx context.Context, dir string, o demo.Options) error {
	if err := newFolder("--events", dir); err != nil {
		return err
	}
	o.Dir, o.For = dir, 0
	if err := demo.WriteEvents(ctx, o); err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "%s has %d changes of orders and %d impressions of the cashier page; what comes later is in %s\n", dir, o.Changes, o.Impressions, filepath.Join(dir, demo.Later))
	return nil
}

// newFolder refuses a folder that has something in it.
func newFolder(flag, dir string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s %s is not empty: name a new folder", flag, dir)
	}
	return nil
}

func runDemo(ctx context.Context, c *common, flags demoFlags, o demo.Options) error {
	work := flags.dir
	if work == "" {
		temp, err := os.MkdirTemp("", "tarn-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		work = temp
	} else if err := newFolder("--dir", work); err != nil {
		return err
	}
	o.Dir, c.warehouse = filepath.Join(work, "events"), filepath.Join(work, "lake")
	run := func() error {
		return c.with(ctx, func(a *app.App) error { return demo.Run(ctx, a, o) })
	}
	if flags.kafka {
		inner := run
		run = func() error { return withKafka(ctx, work, &o, inner) }
	}
	if flags.mysql {
		inner := run
		run = func() error { return withMariaDB(ctx, work, &o, inner) }
	} else {
		o.For = 0
	}
	err := run()
	if err == nil && flags.dir != "" {
		fmt.Fprintf(o.Out, "\nThe tables stay in %s; look at them with: tarn sql -w %s\n", c.warehouse, c.warehouse)
	}
	return err
}

// withKafka starts a broker of its own for the demo and stops it.
func withKafka(ctx context.Context, work string, o *demo.Options, run func() error) (err error) {
	fmt.Fprintln(o.Out, "starting a Kafka broker on loopback")
	dir := filepath.Join(work, "kafka")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	server, err := kafka.Start(ctx, kafka.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := server.CreateTopic(ctx, ordersim.CashierTopic, 4); err != nil {
		return err
	}
	o.Brokers = server.Brokers()
	o.Produce = func(ctx context.Context, lines []string) error {
		return kafka.Produce(ctx, server.Brokers(), ordersim.CashierTopic, lines)
	}
	return run()
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
