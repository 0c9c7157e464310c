// Package dialect turns SQL texts of any dialect into the one tree of package ast.
package dialect

import (
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/internal/query/dialect/flink"
	"github.com/tarndb/tarn/internal/query/dialect/lex"
	"github.com/tarndb/tarn/internal/query/dialect/mysql"
	"github.com/tarndb/tarn/internal/query/dialect/parse"
	"github.com/tarndb/tarn/internal/query/dialect/spark"
)

// Dialect names a SQL dialect.
type Dialect = ast.Dialect

// The dialects.
const (
	Flink = ast.Flink
	Spark = ast.Spark
	MySQL = ast.MySQL
)

// Parse parses all statements of text. name is the file's name for messages,
// or "". Errors are *ast.SyntaxError or *ast.UnsupportedError.
func Parse(d Dialect, name, text string) ([]ast.Statement, error) {
	return parse.Statements(d, grammar(d), name, text)
}

// ParseQuery parses text that must be exactly one query, such as a stored view.
func ParseQuery(d Dialect, name, text string) (*ast.Query, error) {
	stmts, err := Parse(d, name, text)
	if err != nil {
		return nil, err
	}
	if len(stmts) == 1 {
		if q, ok := stmts[0].(*ast.QueryStmt); ok {
			return q.Query, nil
		}
	}
	return nil, &ast.SyntaxError{File: name, Line: 1, Column: 1, Message: "the text is not one query"}
}

// ParseExpr parses text that must be exactly one expression, such as the WHERE argument of a procedure.
func ParseExpr(d Dialect, text string) (ast.Expr, error) { return parse.Expression(d, text) }

// ParseType parses text that must be exactly one data type.
func ParseType(d Dialect, text string) (*ast.TypeName, error) { return parse.Type(d, text) }

// Split cuts a script into the texts of its statements without parsing them.
func Split(d Dialect, text string) []lex.Piece { return lex.Split(text, lex.OptionsOf(d)) }

// Substitute replaces ${name} in text; see lex.Substitute.
func Substitute(text string, vars map[string]string) (string, error) {
	return lex.Substitute(text, vars)
}

func grammar(d Dialect) parse.Grammar {
	switch d {
	case Spark:
		return spark.Statement
	case MySQL:
		return mysql.Statement
	default:
		return flink.Statement
	}
}

// DialectOf tells the dialect of a script by its name: x.spark.sql is Spark,
// x.starrocks.sql, x.mysql.sql and x.doris.sql are MySQL, all others Flink.
func DialectOf(filename string) Dialect {
	name := strings.TrimSuffix(strings.ToLower(filename), ".sql")
	switch {
	case strings.HasSuffix(name, ".spark"):
		return Spark
	case strings.HasSuffix(name, ".starrocks"), strings.HasSuffix(name, ".mysql"), strings.HasSuffix(name, ".doris"):
		return MySQL
	default:
		return Flink
	}
}

// Named returns the dialect called name: flink, spark, mysql, starrocks or doris.
func Named(name string) (Dialect, bool) {
	switch strings.ToLower(name) {
	case "flink":
		return Flink, true
	case "spark":
		return Spark, true
	case "mysql", "starrocks", "doris":
		return MySQL, true
	}
	return Flink, false
}
