package lex

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
)

// Piece is one statement of a script, as text.
type Piece struct {
	Text string  // without the final semicolon and the blanks around
	Pos  ast.Pos // of its first token
	// Terminated is false for a last piece without a semicolon, or with an
	// open string, comment or statement set: an interactive shell reads on.
	Terminated bool
}

// Split cuts a script at the semicolons that end statements. The inserts of a
// Flink statement set stay together with its BEGIN and END. Texts that are not
// SQL split too: parsing reports what is wrong with them.
func Split(text string, opts Options) []Piece {
	toks := Tokens(text, opts)
	var out []Piece
	for i := 0; toks[i].Kind != EOF; {
		if toks[i].Text == ";" {
			i++
			continue
		}
		end, done := pieceEnd(toks, i)
		last := toks[end-1]
		out = append(out, Piece{
			Text:       strings.TrimSpace(text[toks[i].Pos.Offset:last.End]),
			Pos:        toks[i].Pos,
			Terminated: done,
		})
		i = end
	}
	return out
}

// pieceEnd returns the index of the token that ends the statement starting at i.
func pieceEnd(toks []Token, i int) (end int, terminated bool) {
	set := OpensStatementSet(toks[i:])
	for ; toks[i].Kind != EOF; i++ {
		if toks[i].Kind == Bad && strings.Contains(toks[i].Value, "without end") {
			return i + 1, false
		}
		if toks[i].Kind != Op || toks[i].Text != ";" {
			continue
		}
		if !set || closesSet(toks, i) {
			return i, true
		}
	}
	return i, false
}

// OpensStatementSet tells whether tokens start with EXECUTE STATEMENT SET
// [BEGIN] or BEGIN STATEMENT SET.
func OpensStatementSet(toks []Token) bool {
	return len(toks) > 2 && toks[1].Upper == "STATEMENT" && toks[2].Upper == "SET" &&
		(toks[0].Upper == "EXECUTE" || toks[0].Upper == "BEGIN")
}

// closesSet tells whether the semicolon at i follows the END of a statement
// set, which itself follows a semicolon; the END of a CASE does not.
func closesSet(toks []Token, i int) bool {
	if i < 2 || toks[i-1].Upper != "END" {
		return false
	}
	before := toks[i-2]
	return before.Text == ";" || before.Upper == "BEGIN" || before.Upper == "SET"
}
