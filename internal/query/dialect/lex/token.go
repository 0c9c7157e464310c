// Package lex cuts SQL text of any dialect into tokens with positions, splits
// scripts into statements and substitutes script variables.
package lex

import "github.com/tarndb/tarn/internal/query/ast"

// Kind classifies a Token.
type Kind int

// The kinds of token.
const (
	EOF     Kind = iota
	Word         // keyword or bare identifier
	Quoted       // `identifier`
	Int          // digits
	Decimal      // digits with a point
	Float        // with an exponent
	String       // 'text'; Value is decoded
	Hex          // X'0aff' or 0x0aff; Value holds the digits
	Op           // operator or punctuation
	Param        // ?
	SysVar       // @@name or @@scope.name; Value is what follows @@
	UserVar      // @name; Value is what follows @
	Bad          // what no dialect knows; Value is the reason, Hint the way out
)

// Token is one lexical element. Text is the source as written; Value is
// decoded. Upper is the upper-case text of a Word, "" for other kinds, so that
// keywords compare without case and quoted names never look like keywords.
type Token struct {
	Kind   Kind
	Text   string
	Value  string
	Upper  string
	Suffix string // Spark's type suffix of a number
	Hint   string
	Pos    ast.Pos
	End    int // byte offset just behind
}

// Options are the lexical differences of the dialects.
type Options struct {
	BackslashEscapes bool // '\n' in strings
	DoubleQuotes     bool // "text" is a string
	HashComments     bool // # to the end of the line
	DashNeedsSpace   bool // "--x" is two minus signs
	NumberSuffixes   bool // 1L, 2.5BD
	RawStrings       bool // r'..'
	Conditional      bool // /*!40101 text */ is text
	Adjoining        bool // 'it''s' is the two strings 'it' and 's', not one with a quote in it
}

// OptionsOf returns the lexical rules of a dialect.
func OptionsOf(d ast.Dialect) Options {
	switch d {
	case ast.Spark:
		return Options{BackslashEscapes: true, DoubleQuotes: true, NumberSuffixes: true, RawStrings: true, Adjoining: true}
	case ast.MySQL:
		return Options{BackslashEscapes: true, DoubleQuotes: true, HashComments: true, DashNeedsSpace: true, Conditional: true}
	default:
		return Options{}
	}
}
