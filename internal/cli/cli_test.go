package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/cli"
)

// TestCommands runs testdata/*. The commands are
//
//	file NAME: writes a file
//	tarn ARGS…: runs the command line; input, if any, is its standard input
//	stop ARGS…: as tarn, interrupted after a second, as by Ctrl-C
//
// <dir> in arguments is the folder of the files; it holds the warehouse "lake".
func TestCommands(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		dir := t.TempDir()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "file":
				require.NoError(t, os.WriteFile(filepath.Join(dir, d.CmdArgs[0].Key), []byte(d.Input+"\n"), 0o644))
				return ""
			case "tarn":
				return run(t, dir, d.Input, false)
			case "stop":
				return run(t, dir, d.Input, true)
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

var changing = regexp.MustCompile(`[0-9.]+ms|[0-9.]+m?s ago|[0-9]+ rows/s|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z`)

// run takes the arguments from the first lines of input, one a line, up to a
// line "<<", behind which the standard input stands.
func run(t *testing.T, dir, input string, interrupt bool) string {
	t.Helper()
	head, stdin, _ := strings.Cut(input, "\n<<\n")
	args := []string{"--warehouse", filepath.Join(dir, "lake"), "--temp-dir", t.TempDir()}
	for _, a := range strings.Split(head, "\n") {
		args = append(args, strings.ReplaceAll(a, "<dir>", dir))
	}
	var out, log bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if interrupt {
		time.AfterFunc(time.Second, cancel)
	}
	root := cli.Root()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&log)
	err := root.ExecuteContext(ctx)
	text := out.String()
	if log.Len() > 0 {
		text += "log: " + log.String()
	}
	if err != nil {
		text += fmt.Sprintf("error: %v\n", err)
	}
	return changing.ReplaceAllString(strings.ReplaceAll(text, dir, "<dir>"), "#")
}
