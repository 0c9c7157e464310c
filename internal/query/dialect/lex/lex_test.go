package lex

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/query/ast"
)

func TestSubstitute(t *testing.T) {
	vars := map[string]string{"dt": "2025-06-01", "q": "${dt}"}
	f := func(in, want string) {
		t.Helper()
		got, err := Substitute(in, vars)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	f("select '${dt}', `t_${dt}`, ${ dt }", "select '2025-06-01', `t_2025-06-01`, 2025-06-01")
	f("select 1 -- ${nope}\n, ${dt} /* ${nope} */", "select 1 -- ${nope}\n, 2025-06-01 /* ${nope} */")
	f("t /*+ OPTIONS('k'='${dt}') */", "t /*+ OPTIONS('k'='2025-06-01') */")
	f("'-- ${dt}' $ $x {dt} ${q}", "'-- 2025-06-01' $ $x {dt} ${dt}")
	f("-- ${nope}", "-- ${nope}")
	f("/* ${nope}", "/* ${nope}")

	fail := func(in string, line, column int, message string) {
		t.Helper()
		_, err := Substitute(in, vars)
		var syntax *ast.SyntaxError
		require.ErrorAs(t, err, &syntax)
		require.Equal(t, []int{line, column}, []int{syntax.Line, syntax.Column})
		require.Contains(t, err.Error(), message)
	}
	fail("select\n  订单 = '${dtt}'", 2, 9, "unknown variable ${dtt}")
	fail("select ${dt", 1, 8, "variable without closing brace")
}

// TestTokensCoverTheText holds that tokens lie in order inside the text and that
// their places are right, for all dialects.
func TestTokensCoverTheText(t *testing.T) {
	text := "select `a``b`, 'it''s 中文', x'0F' -- 注释\n from 订单$x /*+ O('k') */ where 1.5e3>=.5 and a<>@@s.v"
	for _, d := range []ast.Dialect{ast.Flink, ast.Spark, ast.MySQL} {
		last := 0
		for _, tok := range Tokens(text, OptionsOf(d)) {
			require.GreaterOrEqual(t, tok.Pos.Offset, last)
			require.Equal(t, tok.Text, text[tok.Pos.Offset:tok.End])
			require.Equal(t, 1+strings.Count(text[:tok.Pos.Offset], "\n"), tok.Pos.Line)
			start := strings.LastIndexByte(text[:tok.Pos.Offset], '\n') + 1
			require.Equal(t, 1+len([]rune(text[start:tok.Pos.Offset])), tok.Pos.Column, tok.Text)
			require.NotEqual(t, Bad, tok.Kind, "%s %s", d, tok.Text)
			last = tok.End
		}
		require.Equal(t, len(text), last)
	}
}
