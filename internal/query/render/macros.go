package render

import (
	_ "embed"
	"strings"
)

//go:embed macros.sql
var macros string

// Setup lists the statements that create the macros which rendered queries
// call. Run each of them once on every new DuckDB database, before it is locked
// down; they are idempotent.
func Setup() []string {
	var out []string
	for _, line := range strings.Split(macros, ";\n") {
		var code []string
		for _, l := range strings.Split(line, "\n") {
			if !strings.HasPrefix(strings.TrimSpace(l), "--") && strings.TrimSpace(l) != "" {
				code = append(code, l)
			}
		}
		if len(code) > 0 {
			out = append(out, "CREATE OR REPLACE MACRO "+strings.Join(code, "\n"))
		}
	}
	return out
}
