// Package cli is the command line of Tarn: flags to options, results to text.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tarndb/tarn/internal/app"
	"github.com/tarndb/tarn/paimon/options"
)

// common are the flags that all commands share.
type common struct {
	warehouse   string
	queryMemory string
	writeMemory string
	tempDir     string
	sync        bool
}

// Root gives the command tree.
func Root() *cobra.Command {
	c := &common{}
	root := &cobra.Command{
		Use: "tarn", Short: "A real-time lakehouse in one process, on Apache Paimon tables",
		SilenceUsage: true, SilenceErrors: true,
	}
	f := root.PersistentFlags()
	f.StringVarP(&c.warehouse, "warehouse", "w", "", "directory of the tables (default ./warehouse); stands for the catalog that a script names")
	f.StringVar(&c.queryMemory, "query-memory", "1 gb", "memory for all queries together")
	f.StringVar(&c.writeMemory, "write-memory", "128 mb", "memory for all write buffers together")
	f.StringVar(&c.tempDir, "temp-dir", "", "directory for what does not fit into memory (default: the system's)")
	f.BoolVar(&c.sync, "sync", false, "make every commit wait until it is on disk")
	root.AddCommand(runCommand(c), sqlCommand(c), serveCommand(c), compactCommand(c), dumpCommand(c), demoCommand(c))
	return root
}

// open builds the process.
func (c *common) open(ctx context.Context) (*app.App, error) {
	o := app.Options{Warehouse: c.warehouse, AnyCatalog: c.warehouse != "", TempDir: c.tempDir, Sync: c.sync}
	if o.Warehouse == "" {
		o.Warehouse = "warehouse"
	}
	var err1, err2 error
	o.QueryMemory, err1 = options.ParseBytes(c.queryMemory)
	o.WriteMemory, err2 = options.ParseBytes(c.writeMemory)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return app.Open(ctx, o)
}

// with runs f on a process and closes it.
func (c *common) with(ctx context.Context, f func(*app.App) error) (err error) {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return f(a)
}

// variables reads the values k=v of a flag; the environment is not asked.
func variables(flag string, list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, kv := range list {
		k, v, ok := strings.Cut(kv, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("--%s %q: want name=value", flag, kv)
		}
		out[k] = v
	}
	return out, nil
}

// isTerminal reports whether a file is a terminal.
func isTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
