// Package ast holds the one syntax tree that every SQL dialect of Tarn is
// parsed into. It depends on no parser, no catalog and no engine.
package ast

import (
	"fmt"
	"strings"
)

// Pos is a place in a source text. The zero Pos means "not from a text".
type Pos struct {
	Line   int // 1-based
	Column int // 1-based, counted in characters
	Offset int // 0-based, counted in bytes
}

// Position returns the place itself; embedding Pos makes a struct a Node.
func (p Pos) Position() Pos { return p }

// String gives "line:column".
func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

// Node is any part of the tree.
type Node interface{ Position() Pos }

// Statement is one complete SQL statement.
type Statement interface {
	Node
	// Source returns the statement's own text, without the final semicolon.
	Source() string
	// SetSource is called once by the parser.
	SetSource(text string)
}

// Stmt is embedded by every statement: where it starts and how it was written.
type Stmt struct {
	Pos
	Text string
}

// Source implements Statement.
func (s *Stmt) Source() string { return s.Text }

// SetSource implements Statement.
func (s *Stmt) SetSource(text string) { s.Text = text }

// Dialect names the SQL dialect a text is written in.
type Dialect int

// The dialects. MySQL covers StarRocks and Doris texts too: they share the protocol and the syntax.
const (
	Flink Dialect = iota
	Spark
	MySQL
)

// String gives the dialect's lower-case name.
func (d Dialect) String() string {
	switch d {
	case Spark:
		return "spark"
	case MySQL:
		return "mysql"
	default:
		return "flink"
	}
}

// Ident is one identifier. Name is decoded; Quoted tells that it was written in quotes.
type Ident struct {
	Pos
	Name   string
	Quoted bool
}

// Name is a possibly qualified name: 1 to 3 parts for tables. One quoted part
// that contains dots, as in `db.t`, stays one part; the resolver decides.
type Name struct {
	Pos
	Parts []Ident
}

// String gives the parts joined by dots, unquoted; for messages only.
func (n Name) String() string {
	parts := make([]string, len(n.Parts))
	for i, p := range n.Parts {
		parts[i] = p.Name
	}
	return strings.Join(parts, ".")
}

// Last returns the last part, or "" for the empty name.
func (n Name) Last() string {
	if len(n.Parts) == 0 {
		return ""
	}
	return n.Parts[len(n.Parts)-1].Name
}

// Strings returns the decoded parts.
func (n Name) Strings() []string {
	out := make([]string, len(n.Parts))
	for i, p := range n.Parts {
		out[i] = p.Name
	}
	return out
}

// Property is one 'key' = 'value' pair of WITH, OPTIONS or SET.
type Property struct {
	Pos
	Key   string
	Value string
}
