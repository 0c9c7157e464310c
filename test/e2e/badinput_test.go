package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/test/env/mariadb"
)

// TestBadInput runs testdata/badinput: what people get wrong, and what they are
// told. Commands:
//
//	server [option…]   take a server of its own, with these options
//	mysql              input: statements for the business database
//	tarn               input: a script. Prints what tarn prints, and how it ended
//
// ${cdc} in a script stands for the options that reach the database.
func TestBadInput(t *testing.T) {
	datadriven.Walk(t, "testdata/badinput", func(t *testing.T, path string) {
		b := &badInput{t: t, dir: t.TempDir(), server: sharedServer(t)}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			b.t = t
			switch d.Cmd {
			case "server":
				return b.own(d)
			case "mysql":
				return b.mysql(d.Input)
			case "tarn":
				return b.tarn(d.Input)
			}
			d.Fatalf(t, "unknown command %q", d.Cmd)
			return ""
		})
	})
}

type badInput struct {
	t      *testing.T
	dir    string
	server *mariadb.Server
}

func (b *badInput) own(d *datadriven.TestData) string {
	var args []string
	for _, a := range d.CmdArgs {
		args = append(args, a.String())
	}
	s, err := mariadb.Start(context.Background(), mariadb.Options{Args: args})
	require.NoError(b.t, err)
	b.t.Cleanup(func() { _ = s.Close() })
	b.server = s
	return ""
}

func (b *badInput) mysql(statements string) string {
	db, err := b.server.Open("")
	require.NoError(b.t, err)
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		return err.Error()
	}
	return ""
}

// volatile is what differs from run to run.
var volatile = regexp.MustCompile(`(127\.0\.0\.1:)\d+`)

func (b *badInput) tarn(text string) string {
	cdc := fmt.Sprintf("'connector' = 'mysql-cdc', 'hostname' = '127.0.0.1', 'port' = '%d', 'username' = 'root', 'password' = '%s'", b.server.Port(), mariadb.RootPassword)
	if strings.Contains(text, "'password'") {
		cdc = strings.TrimSuffix(cdc, ", 'password' = '"+mariadb.RootPassword+"'")
	}
	path := script(b.t, b.dir, "job.sql", strings.ReplaceAll(text, "${cdc}", cdc))
	p := start(b.t, "tarn", "run", path, "-w", b.dir+"/lake")
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && !p.ended() && !strings.Contains(p.out.String(), " restarting: "); {
		time.Sleep(20 * time.Millisecond)
	}
	end := "goes on trying"
	if !p.kill() {
		end = p.cmd.ProcessState.String()
	}
	said := strings.ReplaceAll(p.out.String(), b.dir+"/", "")
	said = progressLine.ReplaceAllString(said, "$1: ")
	return strings.TrimSpace(volatile.ReplaceAllString(said, "${1}PORT")) + "\n" + end
}

// progressLine is the part of a progress line with figures.
var progressLine = regexp.MustCompile(`(?m)^(\S+ (?:restarting|failed)): in .*? last none: `)
