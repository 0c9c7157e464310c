package ast

// Query is a complete query expression: WITH, a body, then ordering and limits.
type Query struct {
	Pos
	With      []CTE
	Recursive bool
	Body      QueryBody
	OrderBy   []OrderItem
	Limit     Expr // LIMIT or FETCH; nil for none
	Offset    Expr
	Text      string // as written
	// Script is what the query was parsed from; nil for one made by a program.
	Script *Script
}

// Script is a text of statements, into which places point.
type Script struct {
	File string // "" when it came from no file
	Text string
}

// CTE is one table of WITH.
type CTE struct {
	Pos
	Name    Ident
	Columns []Ident
	Query   *Query
}

// QueryBody is a Select, SetOp, Values, TableBody or a parenthesised *Query.
type QueryBody interface {
	Node
	queryBody()
}

// Select is one SELECT block.
type Select struct {
	Pos
	Hints    []Hint
	Distinct bool
	Items    []SelectItem
	From     []TableExpr // comma list; empty without FROM
	Where    Expr
	GroupBy  []GroupItem
	GroupAll bool // Spark: GROUP BY ALL
	Having   Expr
	Windows  []NamedWindow
	Qualify  Expr
	Arranged []Expr // Spark's DISTRIBUTE BY, CLUSTER BY: they place rows and change no result
	Laterals []LateralView
}

// SelectItem is one projected expression. Text is its source without the
// alias: some dialects name the result column by it.
type SelectItem struct {
	Pos
	Expr  Expr
	Alias *Ident
	// Aliases are the names of a generator's several columns: Spark's explode(m) AS (k, v).
	Aliases []Ident
	Text    string
}

// GroupItem is one element of GROUP BY. Kind is "" for the expressions Exprs,
// grouped together (none for the grand total), or ROLLUP, CUBE or GROUPING SETS
// over Sets.
type GroupItem struct {
	Pos
	Kind  string
	Exprs []Expr
	Sets  []GroupItem
}

// NamedWindow is one WINDOW name AS (...).
type NamedWindow struct {
	Name Ident
	Spec *WindowSpec
}

// LateralView is Spark's LATERAL VIEW [OUTER] f(x) t AS a, b.
type LateralView struct {
	Pos
	Outer   bool
	Call    *Call
	Alias   Ident
	Columns []Ident
}

// OrderItem is one element of ORDER BY. Nulls is "", FIRST or LAST.
type OrderItem struct {
	Pos
	Expr  Expr
	Desc  bool
	Nulls string
}

// SetOp is L UNION|INTERSECT|EXCEPT [ALL] R. Op is upper case; MINUS is EXCEPT.
type SetOp struct {
	Pos
	Op   string
	All  bool
	L, R QueryBody
}

// Values is VALUES (..), (..).
type Values struct {
	Pos
	Rows [][]Expr
}

// TableBody is TABLE t used as a query.
type TableBody struct {
	Pos
	Table *TableRef
}

func (*Query) queryBody()     {}
func (*Select) queryBody()    {}
func (*SetOp) queryBody()     {}
func (*Values) queryBody()    {}
func (*TableBody) queryBody() {}

// TableExpr is one item of FROM.
type TableExpr interface {
	Node
	tableExpr()
}

// TableAlias is AS name(columns).
type TableAlias struct {
	Pos
	Name    Ident
	Columns []Ident
}

// Hint is one /*+ NAME(...) */. OPTIONS('k'='v') fills Options; others keep their words in Args.
type Hint struct {
	Pos
	Name    string // upper case
	Options []Property
	Args    []string
}

// TableRef is a named table. Name parts may carry system suffixes such as
// t$snapshots or t$branch_b; the resolver splits them.
type TableRef struct {
	Pos
	Name   Name
	Hints  []Hint
	AsOf   *AsOf
	Alias  *TableAlias
	EndOff int // byte offset just behind the name
}

// AsOf is time travel. Kind is SYSTEM_TIME, VERSION or TIMESTAMP.
type AsOf struct {
	Pos
	Kind string
	Expr Expr
}

// Derived is (query) AS t(a, b); Lateral when LATERAL was written.
type Derived struct {
	Pos
	Query   *Query
	Lateral bool
	Alias   *TableAlias
}

// Unnest is UNNEST(exprs) [WITH ORDINALITY] AS t(a, b).
type Unnest struct {
	Pos
	Exprs      []Expr
	Ordinality bool
	Alias      *TableAlias
}

// TableFunc is TABLE(f(...)), LATERAL TABLE(f(...)) or f(...) in FROM.
type TableFunc struct {
	Pos
	Call    *Call
	Lateral bool
	Alias   *TableAlias
}

// Join is L Kind JOIN R. Kind is INNER, LEFT, RIGHT, FULL, CROSS, LEFT SEMI or LEFT ANTI.
type Join struct {
	Pos
	Kind    string
	Natural bool
	L, R    TableExpr
	On      Expr
	Using   []Ident
	Hints   []Hint
}

func (*TableRef) tableExpr()  {}
func (*Derived) tableExpr()   {}
func (*Unnest) tableExpr()    {}
func (*TableFunc) tableExpr() {}
func (*Join) tableExpr()      {}
