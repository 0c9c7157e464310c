package render

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed macros.sql
var macros string

// Setup lists the statements that create the macros which rendered queries
// call. Run each of them once, in order, on every new DuckDB database, before
// it is locked down; they are idempotent.
func Setup() []string {
	var out []string
	for _, m := range macroBodies() {
		out = append(out, "CREATE OR REPLACE MACRO "+m)
	}
	return out
}

// macroBodies are the definitions without comments: name(params) AS body.
func macroBodies() []string {
	var out []string
	for _, stmt := range strings.Split(macros, ";\n") {
		var code []string
		for _, l := range strings.Split(stmt, "\n") {
			if !strings.HasPrefix(strings.TrimSpace(l), "--") && strings.TrimSpace(l) != "" {
				code = append(code, l)
			}
		}
		if len(code) > 0 {
			out = append(out, strings.Join(code, "\n"))
		}
	}
	return out
}

// A macro's argument is substituted wherever the parameter stands, so nested
// calls grow the expression that DuckDB binds exponentially. maxExpansion
// bounds how often one sub-expression may be repeated that way, and maxText the
// rendered text, which the renderer itself may repeat parts of.
const (
	maxExpansion = 50_000
	maxText      = 8 << 20
)

// macroCosts tells, for each macro, how often its most used argument stands in
// the full expansion.
var macroCosts = sync.OnceValue(func() map[string]int {
	costs := map[string]int{}
	for _, m := range macroBodies() {
		head, body, _ := strings.Cut(m, ") AS ")
		name, list, _ := strings.Cut(head, "(")
		uses := map[string]int{}
		for _, p := range strings.Split(list, ",") {
			uses[strings.TrimSpace(p)] = 0
		}
		scanWords(body, costs, func(word string, times int) {
			if _, param := uses[word]; param {
				uses[word] += times
			}
		})
		costs[name] = 1
		for _, n := range uses {
			costs[name] = max(costs[name], min(n, maxExpansion+1))
		}
	}
	return costs
})

// expansion is how often the most repeated part of a rendered text will stand
// in what DuckDB binds.
func expansion(sql string) int {
	most := 1
	scanWords(sql, macroCosts(), func(_ string, times int) { most = max(most, times) })
	return most
}

// scanWords calls found for each bare word of SQL text with the product of the
// costs of the macros around it. Quoted text is passed over.
func scanWords(sql string, costs map[string]int, found func(word string, times int)) {
	stack := []int{1}
	for i := 0; i < len(sql); {
		c := sql[i]
		switch {
		case c == '\'' || c == '"':
			end := strings.IndexByte(sql[i+1:], c)
			if end < 0 {
				return
			}
			i += end + 2
			continue
		case c == '(':
			stack = append(stack, stack[len(stack)-1])
		case c == ')' && len(stack) > 1:
			stack = stack[:len(stack)-1]
		case wordByte(c):
			j := i
			for j < len(sql) && wordByte(sql[j]) {
				j++
			}
			word, times := sql[i:j], stack[len(stack)-1]
			found(word, times)
			if j < len(sql) && sql[j] == '(' {
				if cost, ok := costs[word]; ok {
					times = min(times*cost, maxExpansion+1)
				}
				stack = append(stack, times)
				j++
			}
			i = j
			continue
		}
		i++
	}
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
