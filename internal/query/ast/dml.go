package ast

// PartitionValue is dt = 'x' in PARTITION (...); Value is nil for a dynamic one.
type PartitionValue struct {
	Pos
	Name  Ident
	Value Expr
}

// Insert is INSERT INTO|OVERWRITE target query.
type Insert struct {
	Stmt
	Target     Name
	Hints      []Hint // on the target
	Overwrite  bool
	Partition  []PartitionValue
	Dynamic    bool // PARTITION was written and at least one value is missing
	Columns    []Ident
	ByName     bool // Spark: INSERT INTO t BY NAME
	Query      *Query
	IfNotExist bool
}

// StatementSet is a group of inserts that run as one job.
type StatementSet struct {
	Stmt
	Inserts []*Insert
}

// QueryStmt is a query as a statement.
type QueryStmt struct {
	Stmt
	Query *Query
}

// Delete is DELETE FROM t [WHERE].
type Delete struct {
	Stmt
	Target Name
	Alias  *TableAlias
	Hints  []Hint
	Where  Expr
}

// Update is UPDATE t SET a = x [WHERE].
type Update struct {
	Stmt
	Target Name
	Alias  *TableAlias
	Hints  []Hint
	Set    []Assignment
	Where  Expr
}

// Assignment is column = value.
type Assignment struct {
	Pos
	Column Name
	Value  Expr
}

// Merge is Spark's MERGE INTO t USING s ON cond WHEN ...
type Merge struct {
	Stmt
	Target Name
	Alias  *TableAlias
	Using  TableExpr
	On     Expr
	Whens  []MergeWhen
}

// MergeWhen is one WHEN arm. Match is MATCHED, NOT MATCHED or NOT MATCHED BY
// SOURCE; Action is UPDATE, DELETE or INSERT; Star is UPDATE SET * or INSERT *.
type MergeWhen struct {
	Pos
	Match   string
	Cond    Expr
	Action  string
	Star    bool
	Set     []Assignment
	Columns []Ident
	Values  []Expr
}

// Truncate is TRUNCATE TABLE t.
type Truncate struct {
	Stmt
	Target    Name
	Partition []PartitionValue
}

// Analyze is ANALYZE TABLE t COMPUTE STATISTICS [FOR COLUMNS ...].
type Analyze struct {
	Stmt
	Target     Name
	Partition  []PartitionValue
	NoScan     bool
	AllColumns bool
	Columns    []Ident
}

// CallStmt is CALL cat.sys.procedure(args).
type CallStmt struct {
	Stmt
	Name Name
	Args []CallArg
}

// CallArg is one argument; Name is "" for a positional one.
type CallArg struct {
	Pos
	Name  string
	Value Expr
}
