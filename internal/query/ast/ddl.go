package ast

// CreateCatalog is CREATE CATALOG [IF NOT EXISTS] name WITH (...).
type CreateCatalog struct {
	Stmt
	Name        Ident
	IfNotExists bool
	Comment     string
	Options     []Property
}

// CreateDatabase is CREATE DATABASE [IF NOT EXISTS] [cat.]db [COMMENT] [WITH (...)].
type CreateDatabase struct {
	Stmt
	Name        Name
	IfNotExists bool
	Comment     string
	Location    string // Spark
	Options     []Property
}

// ColumnDef is one column of CREATE TABLE or ALTER TABLE.
type ColumnDef struct {
	Pos
	In          []Ident // Spark's ADD COLUMN: the ROW that the column is added to
	Name        Ident
	Type        *TypeName // nil in a CTAS column list
	Comment     string
	HasComment  bool
	PrimaryKey  bool // written inline
	Default     Expr
	Place       string // ALTER TABLE: "", FIRST, AFTER
	After       Ident
	Metadata    bool   // Flink: METADATA [FROM 'key'] [VIRTUAL]
	MetadataKey string // "" when METADATA names no key
	Virtual     bool
}

// Watermark is WATERMARK FOR column AS expr.
type Watermark struct {
	Pos
	Column Name
	Expr   Expr
}

// CreateTable is CREATE [TEMPORARY] TABLE, in all dialects.
type CreateTable struct {
	Stmt
	Name        Name
	Temporary   bool
	IfNotExists bool
	Replace     bool
	Columns     []ColumnDef
	PrimaryKey  []Ident // of the table constraint or the inline one
	Watermarks  []Watermark
	Comment     string
	PartitionBy []Ident
	Distributed *Distribution
	Using       string // Spark: USING provider, lower case
	Location    string
	Options     []Property // WITH, TBLPROPERTIES, OPTIONS, PROPERTIES
	As          *Query
}

// Distribution is DISTRIBUTED BY HASH(columns) INTO n BUCKETS, or Spark's CLUSTERED BY.
type Distribution struct {
	Pos
	Columns []Ident
	Buckets int // 0 when not given
}

// CreateFunction is CREATE [TEMPORARY] [SYSTEM] FUNCTION name AS 'class' [LANGUAGE l].
type CreateFunction struct {
	Stmt
	Name        Name
	Temporary   bool
	System      bool
	IfNotExists bool
	Replace     bool
	Class       string
	Language    string // upper case; "" when not given
}

// CreateView is CREATE [OR REPLACE] [TEMPORARY] VIEW name [(columns)] AS query.
type CreateView struct {
	Stmt
	Name        Name
	Temporary   bool
	IfNotExists bool
	Replace     bool
	Columns     []ColumnDef // names and comments only
	Comment     string
	Query       *Query
}

// CreateMaterialized is Flink's CREATE MATERIALIZED TABLE.
type CreateMaterialized struct {
	Stmt
	Name        Name
	IfNotExists bool
	PrimaryKey  []Ident
	Comment     string
	PartitionBy []Ident
	Options     []Property
	Freshness   *Interval
	RefreshMode string // "", FULL, CONTINUOUS
	Query       *Query
}

// Drop is DROP kind [IF EXISTS] name [CASCADE|RESTRICT]. Kind is TABLE, VIEW,
// DATABASE, CATALOG, FUNCTION or MATERIALIZED TABLE.
type Drop struct {
	Stmt
	Kind      string
	Temporary bool
	System    bool // DROP TEMPORARY SYSTEM FUNCTION
	IfExists  bool
	Name      Name
	Cascade   bool
}

// AlterTable is ALTER TABLE name action[, action].
type AlterTable struct {
	Stmt
	Name     Name
	IfExists bool
	Actions  []AlterAction
}

// AlterAction is one change of ALTER TABLE.
type AlterAction interface {
	Node
	alterAction()
}

// SetOptions is SET ('k'='v', ...) or SET TBLPROPERTIES.
type SetOptions struct {
	Pos
	Options []Property
}

// ResetOptions is RESET ('k', ...) or UNSET TBLPROPERTIES.
type ResetOptions struct {
	Pos
	Keys []string
}

// RenameTable is RENAME TO name.
type RenameTable struct {
	Pos
	To Name
}

// AddColumns is ADD column or ADD (columns).
type AddColumns struct {
	Pos
	Columns []ColumnDef
}

// DropColumns is DROP column or DROP (columns). Names may be nested: a.b.
type DropColumns struct {
	Pos
	Names    []Name
	IfExists bool
}

// ModifyColumns is Flink's MODIFY: each definition replaces the old one whole.
type ModifyColumns struct {
	Pos
	Columns []ColumnDef
}

// ChangeColumn is CHANGE old definition: a MODIFY that may give another name.
type ChangeColumn struct {
	Pos
	From   Ident
	Column ColumnDef
}

// AlterColumn is Spark's ALTER COLUMN: only what is set changes.
type AlterColumn struct {
	Pos
	Name        Name
	Type        *TypeName
	Comment     *string
	Place       string // "", FIRST, AFTER
	After       Ident
	Null        string // "", SET NOT NULL, DROP NOT NULL
	Default     Expr
	DropDefault bool
}

// SetComment gives the table a comment.
type SetComment struct {
	Pos
	Comment string
}

// DropKey is DROP PRIMARY KEY.
type DropKey struct{ Pos }

// RenameColumn is RENAME [COLUMN] a TO b.
type RenameColumn struct {
	Pos
	From Name
	To   Ident
}

// AlterPartition is ADD or DROP PARTITION (...).
type AlterPartition struct {
	Pos
	Drop  bool
	If    bool // IF NOT EXISTS, IF EXISTS
	Specs [][]PartitionValue
}

func (*SetOptions) alterAction()     {}
func (*ResetOptions) alterAction()   {}
func (*RenameTable) alterAction()    {}
func (*AddColumns) alterAction()     {}
func (*DropColumns) alterAction()    {}
func (*ModifyColumns) alterAction()  {}
func (*AlterColumn) alterAction()    {}
func (*RenameColumn) alterAction()   {}
func (*AlterPartition) alterAction() {}
func (*ChangeColumn) alterAction()   {}
func (*SetComment) alterAction()     {}
func (*DropKey) alterAction()        {}

// AlterDatabase is ALTER DATABASE name SET (...).
type AlterDatabase struct {
	Stmt
	Name    Name
	Options []Property
}

// AlterCatalog is ALTER CATALOG name SET (...) or RESET (...).
type AlterCatalog struct {
	Stmt
	Name  Ident
	Set   []Property
	Reset []string
}

// AlterView is ALTER VIEW name RENAME TO new, or AS query.
type AlterView struct {
	Stmt
	Name   Name
	Rename *Name
	Query  *Query
}
