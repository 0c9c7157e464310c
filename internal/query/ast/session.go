package ast

// UseCatalog is USE CATALOG name, or StarRocks' SET CATALOG name.
type UseCatalog struct {
	Stmt
	Name Ident
}

// Use is USE db or USE cat.db.
type Use struct {
	Stmt
	Name Name
}

// Set is SET key = value. No items: list the settings. Spark's SET key without
// a value has an item with HasValue false: show it.
type Set struct {
	Stmt
	Items []SetItem
}

// SetItem is one setting. Value is the text (decoded when quoted); Expr is set
// for MySQL only, where the value is an expression. Scope is "", GLOBAL,
// SESSION, LOCAL, PERSIST or USER (for @x). The MySQL forms SET NAMES x and SET
// CHARACTER SET x have the names "names" and "character_set".
type SetItem struct {
	Pos
	Scope    string
	Key      string
	HasValue bool
	Value    string
	Expr     Expr
}

// Reset is RESET ['key']; an empty Key resets everything.
type Reset struct {
	Stmt
	Key string
}

// Show is SHOW what [FROM name] [LIKE 'p' | WHERE e]. What is upper case with
// single blanks: CATALOGS, DATABASES, TABLES, CREATE TABLE, FULL is a flag.
type Show struct {
	Stmt
	What      string
	Full      bool   // SHOW FULL ..., EXTENDED
	Scope     string // GLOBAL, SESSION
	User      bool   // SHOW USER FUNCTIONS
	Name      Name   // object of SHOW CREATE TABLE x, SHOW COLUMNS FROM x, SHOW PARTITIONS x
	From      Name   // FROM/IN of lists; the second FROM of SHOW COLUMNS FROM t FROM db
	Like      *string
	ILike     bool
	NotLike   bool
	Where     Expr
	Limit     Expr
	Partition []PartitionValue
}

// Describe is DESCRIBE [EXTENDED] [kind] name [column]. Kind is TABLE,
// DATABASE, CATALOG, FUNCTION, JOB or QUERY.
type Describe struct {
	Stmt
	Kind     string
	Extended bool
	Name     Name
	Target   string // FUNCTION or JOB given as a string
	Column   string
	Query    *Query
}

// Explain is EXPLAIN [PLAN FOR | details] statement. Details are upper case
// words such as ESTIMATED_COST, ANALYZE, EXTENDED, FORMAT=JSON.
type Explain struct {
	Stmt
	Details []string
	Of      Statement
}

// Transaction is BEGIN, START TRANSACTION, COMMIT or ROLLBACK. Kind is BEGIN, COMMIT or ROLLBACK.
type Transaction struct {
	Stmt
	Kind string
}

// Kill is KILL [CONNECTION|QUERY] id.
type Kill struct {
	Stmt
	Query bool
	ID    Expr
}

// StopJob is STOP JOB 'id' [WITH SAVEPOINT] [WITH DRAIN], or CANCEL JOB.
type StopJob struct {
	Stmt
	ID            string
	WithSavepoint bool
	WithDrain     bool
}

// NoOp is a statement that clients send and that changes nothing in Tarn, such
// as LOCK TABLES or FLUSH. What names it.
type NoOp struct {
	Stmt
	What string
}
