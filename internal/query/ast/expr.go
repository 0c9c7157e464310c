package ast

// Expr is an expression. The concrete types are the ones of this file.
type Expr interface {
	Node
	expr()
}

// ColumnRef is a column, qualified or not: a, t.a, db.t.a, cat.db.t.a. What
// follows a column may also be a field of a row; only binding can tell.
type ColumnRef struct {
	Pos
	Parts []Ident
}

// Star is * or t.*, in a projection or in COUNT(*).
type Star struct {
	Pos
	Qualifier []Ident
	Except    []Ident // Spark: * EXCEPT (a, b)
}

// LiteralKind tells how Literal.Text is to be read.
type LiteralKind int

// The kinds of literal.
const (
	NullLit LiteralKind = iota
	BoolLit
	IntLit       // digits
	DecimalLit   // digits with a point: exact
	FloatLit     // with an exponent: DOUBLE
	StringLit    // decoded characters
	BytesLit     // Text holds the hexadecimal digits
	DateLit      // DATE 'yyyy-mm-dd'
	TimeLit      // TIME 'hh:mm:ss'
	TimestampLit // TIMESTAMP '...'; without a time zone, but in Spark with the session's
	TimestampLTZLit
)

// Literal is a constant. Suffix is Spark's type suffix of a number (L, S, Y, D, F, BD).
type Literal struct {
	Pos
	Kind   LiteralKind
	Text   string
	Suffix string
}

// Interval is INTERVAL '1-2' YEAR TO MONTH, INTERVAL 3 DAY or (Spark) INTERVAL '1 day 2 hours'.
type Interval struct {
	Pos
	Value Expr   // a string literal or, where the dialect allows, any expression
	From  string // YEAR QUARTER MONTH WEEK DAY HOUR MINUTE SECOND MILLISECOND MICROSECOND; "" for units inside the text
	To    string // "" unless a range
	Neg   bool   // INTERVAL - '1' DAY
	More  []Interval
}

// Difference is (L - R) From [TO To] of two times: an interval in those units.
type Difference struct {
	Pos
	L, R     Expr
	From, To string
}

// Unary is -x, +x, NOT x, ~x. Op is upper case.
type Unary struct {
	Pos
	Op string
	X  Expr
}

// Binary is L Op R. Op is upper case: OR XOR AND = <> < <= > >= <=> | & ^ << >>
// + - * / % DIV || OVERLAPS CONTAINS PRECEDES SUCCEEDS EQUALS. != is stored as <>.
type Binary struct {
	Pos
	Op   string
	L, R Expr
}

// Quantified is L Op ANY|ALL (query).
type Quantified struct {
	Pos
	L     Expr
	Op    string
	All   bool
	Query *Query
}

// Is is X IS [NOT] Kind, where Kind is NULL, TRUE, FALSE, UNKNOWN, DISTINCT FROM (with Y) or JSON.
type Is struct {
	Pos
	X    Expr
	Kind string
	Not  bool
	Y    Expr
}

// Between is X [NOT] BETWEEN [SYMMETRIC] Low AND High.
type Between struct {
	Pos
	X, Low, High Expr
	Not          bool
	Symmetric    bool
}

// In is X [NOT] IN (list) or X [NOT] IN (query).
type In struct {
	Pos
	X     Expr
	List  []Expr
	Query *Query
	Not   bool
}

// Like is X [NOT] LIKE pattern. Op is LIKE, ILIKE, RLIKE (also REGEXP) or SIMILAR TO.
// Quantifier is "", ANY or ALL; then List holds the patterns.
type Like struct {
	Pos
	X          Expr
	Op         string
	Pattern    Expr
	Escape     Expr
	Not        bool
	Quantifier string
	List       []Expr
}

// Exists is EXISTS (query).
type Exists struct {
	Pos
	Query *Query
}

// Subquery is a query used as a value.
type Subquery struct {
	Pos
	Query *Query
}

// Case is CASE [operand] WHEN ... END.
type Case struct {
	Pos
	Operand Expr
	Whens   []When
	Else    Expr
}

// When is one arm of a Case.
type When struct {
	Cond, Result Expr
}

// Cast is CAST(X AS Type), TRY_CAST when Try, or Spark's X::Type.
type Cast struct {
	Pos
	X    Expr
	Type *TypeName
	Try  bool
}

// Call is a function call. Special syntaxes are brought to plain arguments:
// SUBSTRING(a FROM b FOR c) has arguments a, b, c; POSITION(a IN b) has a, b;
// OVERLAY(a PLACING b FROM c FOR d) has a, b, c, d. Units are Word arguments,
// also for CEIL(x TO DAY) and TIMESTAMPDIFF(DAY, a, b).
type Call struct {
	Pos
	Name         Name
	Args         []Expr
	Distinct     bool
	OrderBy      []OrderItem // inside the parentheses
	Separator    Expr        // GROUP_CONCAT(x SEPARATOR ',')
	WithinGroup  []OrderItem
	Filter       Expr
	Over         *WindowSpec
	RespectNulls string // "", IGNORE, RESPECT
	JSON         *JSONClause
	Bare         bool // written without parentheses: CURRENT_DATE
}

// JSONClause holds the clauses of the SQL/JSON functions.
type JSONClause struct {
	Returning *TypeName
	Wrapper   string // "", WITHOUT, WITH, WITH CONDITIONAL, WITH UNCONDITIONAL
	OnEmpty   string // "", NULL, ERROR, DEFAULT, EMPTY ARRAY, EMPTY OBJECT
	OnError   string // the same, and TRUE, FALSE, UNKNOWN for JSON_EXISTS
	EmptyExpr Expr
	ErrorExpr Expr
	OnNull    string // constructors: "", NULL, ABSENT
	Pairs     bool   // JSON_OBJECT: arguments alternate key, value
}

// Word is a bare word that a function takes as an argument: a unit, a keyword.
type Word struct {
	Pos
	Name string // upper case
}

// NamedArg is name => value.
type NamedArg struct {
	Pos
	Name  Ident
	Value Expr
}

// TableArg is TABLE t as an argument of a table function.
type TableArg struct {
	Pos
	Table TableExpr
}

// Extract is EXTRACT(Unit FROM X).
type Extract struct {
	Pos
	Unit string
	X    Expr
}

// Trim is TRIM([Where] [Chars] FROM X); Where is BOTH, LEADING or TRAILING.
type Trim struct {
	Pos
	Where string
	Chars Expr // nil: blanks
	X     Expr
}

// Array is ARRAY[...]; Elems may be empty.
type Array struct {
	Pos
	Elems []Expr
}

// Row is ROW(...) or (a, b). Explicit tells that ROW was written.
type Row struct {
	Pos
	Elems    []Expr
	Explicit bool
}

// Map is MAP[k, v, ...]: Elems alternates keys and values.
type Map struct {
	Pos
	Elems []Expr
}

// Subscript is X[Index].
type Subscript struct {
	Pos
	X, Index Expr
}

// Field is X.Name where X is not a plain column reference.
type Field struct {
	Pos
	X    Expr
	Name Ident
}

// Param is the Index-th ? of the statement, from 0.
type Param struct {
	Pos
	Index int
}

// Var is @@scope.name (System) or @name.
type Var struct {
	Pos
	System bool
	Scope  string // "", GLOBAL, SESSION, LOCAL
	Name   string
}

// AtTimeZone is X AT TIME ZONE Zone, or X AT LOCAL when Zone is nil.
type AtTimeZone struct {
	Pos
	X, Zone Expr
}

// Lambda is (a, b) -> body.
type Lambda struct {
	Pos
	Params []Ident
	Body   Expr
}

// Collate is X COLLATE name; the collation is kept by name.
type Collate struct {
	Pos
	X    Expr
	Name string
}

// WindowSpec is OVER name, OVER (...) or a named window's definition.
type WindowSpec struct {
	Pos
	Name        string // OVER name, or the base window
	PartitionBy []Expr
	OrderBy     []OrderItem
	Frame       *Frame
}

// Frame is ROWS|RANGE|GROUPS BETWEEN Start AND End.
type Frame struct {
	Pos
	Unit       string
	Start, End Bound
}

// Bound is one end of a frame. Kind is UNBOUNDED PRECEDING, PRECEDING, CURRENT
// ROW, FOLLOWING or UNBOUNDED FOLLOWING.
type Bound struct {
	Kind   string
	Offset Expr
}

func (*ColumnRef) expr()  {}
func (*Star) expr()       {}
func (*Literal) expr()    {}
func (*Interval) expr()   {}
func (*Difference) expr() {}
func (*Unary) expr()      {}
func (*Binary) expr()     {}
func (*Quantified) expr() {}
func (*Is) expr()         {}
func (*Between) expr()    {}
func (*In) expr()         {}
func (*Like) expr()       {}
func (*Exists) expr()     {}
func (*Subquery) expr()   {}
func (*Case) expr()       {}
func (*Cast) expr()       {}
func (*Call) expr()       {}
func (*Word) expr()       {}
func (*NamedArg) expr()   {}
func (*TableArg) expr()   {}
func (*Extract) expr()    {}
func (*Trim) expr()       {}
func (*Array) expr()      {}
func (*Row) expr()        {}
func (*Map) expr()        {}
func (*Subscript) expr()  {}
func (*Field) expr()      {}
func (*Param) expr()      {}
func (*Var) expr()        {}
func (*AtTimeZone) expr() {}
func (*Lambda) expr()     {}
func (*Collate) expr()    {}
