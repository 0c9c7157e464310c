package mysqlwire

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// client runs the mariadb command-line client against s.
func client(t *testing.T, s *testServer, user, input string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	path, lookErr := exec.LookPath("mariadb")
	require.NoError(t, lookErr, "these tests need the mariadb command-line client: install the package mariadb-client")
	_, port, splitErr := net.SplitHostPort(s.Addr().String())
	require.NoError(t, splitErr)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append([]string{"--no-defaults", "-h127.0.0.1", "-P" + port, "-u" + user}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	return out.String(), errOut.String(), err
}

func TestCommandLineClient(t *testing.T) {
	s := startServer(t, Options{Users: map[string]string{"root": "", "ann": "secret"}})
	for _, tc := range []struct {
		name, user, input string
		args              []string
		want, wrong       string
	}{
		{name: "result as a table", user: "root", input: "select numbers 2;", args: []string{"-t"},
			want: "+---+--------------+\n| n | t            |\n+---+--------------+\n| 0 | row number 0 |\n| 1 | row number 1 |\n+---+--------------+\n"},
		{name: "change of database", user: "root", input: "use dwd\nselect database();", args: []string{"-N"}, want: "dwd\n"},
		{name: "completion reads columns", user: "root", input: "select 'done' as s, version() v;", args: []string{"-N", "--auto-rehash", "dwd"}, want: "done\t8.0.33-tarn\n"},
		{name: "several statements", user: "root", args: []string{"-N", "-e", "select numbers 1; insert; select numbers 2"},
			want: "0\trow number 0\n0\trow number 0\n1\trow number 1\n"},
		{name: "semicolons in text", user: "root", args: []string{"-N", "--delimiter=//", "-e", "select @@autocommit, 'a;b' -- ;\n; select version()"},
			want: "1\ta;b\n8.0.33-tarn\n"},
		{name: "syntax error", user: "root", input: "fail syntax;", wrong: "ERROR 1064 (42000) at line 1: line 1, column 6: unexpected end"},
		{name: "long error", user: "root", input: "fail other;", wrong: "ERROR 1105 (HY000) at line 1: disk full: ää"},
		{name: "password", user: "ann", input: "select user();", args: []string{"-N", "-psecret"}, want: "ann@127.0.0.1\n"},
		{name: "wrong password", user: "ann", args: []string{"-pwrong", "-e", "select 1"},
			wrong: "ERROR 1045 (28000): Access denied for user 'ann'@'127.0.0.1' (using password: YES)"},
		{name: "unknown database", user: "root", args: []string{"missing", "-e", "select 1"}, wrong: "ERROR 1049 (42000): Unknown database 'missing'"},
		{name: "warnings", user: "root", input: "begin; insert; rollback; show warnings;", args: []string{"-N"},
			want: "Warning\t1196\tTarn commits each statement by itself: changes since the transaction began were kept\n"},
		{name: "nulls", user: "root", input: "select types;", args: []string{"--vertical"}, want: "  f32: 1.5\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, errOut, err := client(t, s, tc.user, tc.input, tc.args...)
			if tc.wrong != "" {
				require.Error(t, err)
				require.Contains(t, errOut, tc.wrong)
				return
			}
			require.NoError(t, err, errOut)
			require.Contains(t, out, tc.want)
		})
	}
}

func TestCommandLineStatus(t *testing.T) {
	s := startServer(t, Options{})
	out, errOut, err := client(t, s, "root", "status\n", "dwd")
	require.NoError(t, err, errOut)
	for _, want := range []string{"Current database:\tdwd", "Current user:\t\troot@127.0.0.1", "Server version:\t\t8.0.33-tarn", "Threads: 1"} {
		require.Contains(t, out, want)
	}
}

func TestCommandLineStreams(t *testing.T) {
	s := startServer(t, Options{})
	out, errOut, err := client(t, s, "root", "", "-N", "--quick", "-e", "select numbers 200000")
	require.NoError(t, err, errOut)
	require.Equal(t, 200000, strings.Count(out, "\n"))
	require.True(t, strings.HasSuffix(out, "199999\trow number 199999\n"))
}
