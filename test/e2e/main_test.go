package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/test/env/mariadb"
)

// shared is what the tests of the package have in common: the program, built
// once, and a server, in which each test has a database of its own.
var shared struct {
	program string
	once    sync.Once
	server  *mariadb.Server
	err     error
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tarn-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	shared.program = os.Getenv("TARN_PROGRAM")
	if shared.program == "" {
		shared.program = filepath.Join(dir, "tarn")
		build := exec.Command("go", "build", "-o", shared.program, "github.com/tarndb/tarn/cmd/tarn")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build tarn: %v\n%s", err, out)
			return 1
		}
	}
	code := m.Run()
	if shared.server != nil {
		if err := shared.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

func sharedServer(t testing.TB) *mariadb.Server {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = mariadb.Start(context.Background(), mariadb.Options{}) })
	require.NoError(t, shared.err)
	return shared.server
}

// number reads a whole number from the environment.
func number(t testing.TB, name string, otherwise int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// seed is of the environment or the clock; a failing test shows it.
func seed(t testing.TB) int64 {
	t.Helper()
	n := number(t, "TARN_SEED", time.Now().UnixNano()%1_000_000_007)
	t.Logf("seed: TARN_SEED=%d", n)
	return n
}
