package mysqlwire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
)

// testdata/statements: "split" cuts the input and prints each statement in
// quotes; "tokens" prints the tokens of the first.
func TestStatements(t *testing.T) {
	names := []string{"end", "word", "quoted", "string", "number", "variable", "punct", "broken"}
	datadriven.RunTest(t, "testdata/statements", func(t *testing.T, d *datadriven.TestData) string {
		var b strings.Builder
		switch d.Cmd {
		case "split":
			st, rest := nextStatement(d.Input)
			for ; !st.empty(); st, rest = nextStatement(rest) {
				fmt.Fprintf(&b, "%q\n", st.text)
			}
		case "tokens":
			st, _ := nextStatement(d.Input)
			for _, tok := range st.tokens {
				fmt.Fprintf(&b, "%d %s %s", tok.pos, names[tok.kind], tok.text)
				if tok.kind == tokenString || tok.kind == tokenQuoted {
					fmt.Fprintf(&b, " = %q", unquote(tok))
				}
				b.WriteByte('\n')
			}
		default:
			d.Fatalf(t, "unknown command %s", d.Cmd)
		}
		return b.String()
	})
}

func TestLike(t *testing.T) {
	for _, tc := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"%", "", true}, {"a%", "ABC", true}, {"%c", "abc", true}, {"%b%", "abc", true},
		{"a_c", "abc", true}, {"a_c", "aéc", true}, {"a_c", "ac", false}, {`a\_c`, "abc", false}, {`a\_c`, "a_c", true},
		{"%a%b%c", "xxaxxbxxcxc", true}, {"%aab", "aaaaaab", true}, {"abc", "ab", false}, {`a\%`, "a%", true},
	} {
		require.Equal(t, tc.want, like(tc.pattern, tc.s), "%q LIKE %q", tc.s, tc.pattern)
	}
}

func FuzzStatements(f *testing.F) {
	for _, seed := range []string{
		"select 1; select 2", "/*!40101 set names utf8 */; # x\n select `a``;` -- y", "'a\\';b'; \"x;\"\";\"",
		"execute statement set begin insert; insert; end; select 1", "@@`x`.y @", "1e+5.x 0x", "/*", "'", "`", "/*!",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		total := 0
		for rest := sql; rest != ""; {
			st, after := cutStatement(rest)
			if len(after) >= len(rest) {
				t.Fatalf("no progress at %q", rest)
			}
			cut := len(rest) - len(after)
			if len(st.text) != cut && len(st.text) != cut-1 {
				t.Fatalf("statement %q of %d bytes out of %d", st.text, len(st.text), cut)
			}
			for _, tok := range st.tokens {
				if rest[tok.pos:tok.pos+len(tok.text)] != tok.text {
					t.Fatalf("token %q is not at %d", tok.text, tok.pos)
				}
				unquote(tok)
			}
			parseLocal(st)
			total += cut
			rest = after
		}
		if total != len(sql) {
			t.Fatalf("%d bytes of %d", total, len(sql))
		}
	})
}
