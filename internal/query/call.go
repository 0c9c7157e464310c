package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/errs"
)

// procedure is one CALL sys.<name>: its parameters in order, with Paimon's
// names (those of its Flink procedures), and what it does.
type procedure struct {
	params []string
	// rest says that more positional arguments belong to the last parameter;
	// they are joined by ';'.
	rest bool
	// flag is a parameter that a positional TRUE or FALSE stands for, wherever
	// it is: Paimon's procedure is overloaded.
	flag string
	// all says that db.* stands for all tables of a database: run gets none then.
	all bool
	// fill turns arguments into options that the table is opened with.
	fill func(args arguments) map[string]string
	// run gets the table that the argument table names; nil where there is none.
	run func(ctx context.Context, s *Session, t *paimon.Table, args arguments) (*Result, error)
}

func procedures() map[string]procedure {
	return map[string]procedure{
		"alter_column_default_value": {params: []string{"table", "column", "default_value"}, run: callAlterDefault},

		"compact":          {params: []string{"table", "partitions", "order_strategy", "order_by", "options", "where", "partition_idle_time", "compact_strategy"}, run: callCompact},
		"compact_database": {params: []string{"including_databases", "mode", "including_tables", "excluding_tables", "table_options", "partition_idle_time", "compact_strategy"}, run: callCompactDatabase},
		"rescale":          {params: []string{"table", "bucket_num", "partition", "scan_parallelism", "sink_parallelism"}, run: callRescale},
		"create_branch":    {params: []string{"table", "branch", "tag", "ignoreIfExists"}, flag: "ignoreIfExists", run: callCreateBranch},
		"delete_branch":    {params: []string{"table", "branch"}, run: callDeleteBranch},
		"rename_branch":    {params: []string{"table", "from_branch", "to_branch"}, run: callRenameBranch},
		"fast_forward":     {params: []string{"table", "branch"}, run: callFastForward},

		"create_tag":                     {params: []string{"table", "tag", "snapshot_id", "time_retained"}, run: callCreateTag},
		"create_tag_from_timestamp":      {params: []string{"table", "tag", "timestamp", "time_retained"}, run: callTagSince},
		"create_tag_from_watermark":      {params: []string{"table", "tag", "watermark", "time_retained"}, run: callTagAtWatermark},
		"delete_tag":                     {params: []string{"table", "tag"}, run: callDeleteTag},
		"rename_tag":                     {params: []string{"table", "tagName", "targetTagName"}, run: callRenameTag},
		"replace_tag":                    {params: []string{"table", "tag", "snapshot_id", "time_retained"}, run: callReplaceTag},
		"expire_tags":                    {params: []string{"table", "older_than"}, run: callExpireTags},
		"trigger_tag_automatic_creation": {params: []string{"table"}, run: callTriggerTags},

		"reset_consumer":  {params: []string{"table", "consumer_id", "next_snapshot_id"}, run: callResetConsumer},
		"clear_consumers": {params: []string{"table", "including_consumers", "excluding_consumers"}, run: callClearConsumers},

		"rollback":              {params: []string{"table", "version"}, run: callRollback},
		"rollback_to":           {params: []string{"table", "tag", "snapshot_id"}, run: callRollbackTo},
		"rollback_to_timestamp": {params: []string{"table", "timestamp"}, run: callRollbackToTimestamp},
		"rollback_to_watermark": {params: []string{"table", "watermark"}, run: callRollbackToWatermark},
		"purge_files":           {params: []string{"table"}, run: callPurgeFiles},

		"rewrite_file_index": {params: []string{"table", "partitions"}, rest: true, run: callRewriteFileIndex},

		"expire_snapshots":        {params: []string{"table", "retain_max", "retain_min", "older_than", "max_deletes", "options"}, run: callExpireSnapshots},
		"expire_changelogs":       {params: []string{"table", "retain_max", "retain_min", "older_than", "max_deletes", "delete_all"}, run: callExpireChangelogs},
		"expire_partitions":       {params: []string{"table", "expiration_time", "timestamp_formatter", "timestamp_pattern", "expire_strategy", "max_expires", "options"}, fill: fillExpirePartitions, run: callExpirePartitions},
		"compact_manifest":        {params: []string{"table", "options"}, run: callCompactManifest},
		"mark_partition_done":     {params: []string{"table", "partitions"}, run: callMarkPartitionDone},
		"remove_orphan_files":     {params: []string{"table", "older_than", "dry_run", "parallelism", "mode"}, all: true, run: callRemoveOrphanFiles},
		"remove_unexisting_files": {params: []string{"table", "dry_run", "parallelism"}, run: callRemoveUnexistingFiles},
		"drop_partition":          {params: []string{"table", "partitions"}, rest: true, run: callDropPartition},
	}
}

func procedureNames() string {
	var names []string
	for name := range procedures() {
		names = append(names, "sys."+name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// call runs CALL sys.<procedure>(…) with positional or named arguments.
func (s *Session) call(ctx context.Context, st *ast.CallStmt) (*Result, error) {
	parts := st.Name.Parts
	name := strings.ToLower(parts[len(parts)-1].Name)
	p, ok := procedures()[name]
	if !ok || len(parts) < 2 || !strings.EqualFold(parts[len(parts)-2].Name, "sys") {
		return nil, errs.Unsupported("CALL %s: this version of Tarn has %s", st.Name, procedureNames())
	}
	args, err := p.bind(st)
	if err != nil {
		return nil, err
	}
	var t *paimon.Table
	if p.params[0] == "table" && !(p.all && strings.HasSuffix(args.values["table"], ".*")) {
		if t, err = args.table(ctx, s, p.fill); err != nil {
			return nil, err
		}
	}
	return p.run(ctx, s, t, args)
}

// arguments are the given arguments of a call, as text. What is NULL or left
// out is not among them.
type arguments struct {
	call   string // "sys.compact"
	values map[string]string
}

func (p *procedure) bind(st *ast.CallStmt) (arguments, error) {
	args := arguments{call: st.Name.String(), values: map[string]string{}}
	for i, a := range st.Args {
		lit, err := literalArgument(a)
		if err != nil {
			return args, fmt.Errorf("CALL %s: %w", st.Name, err)
		}
		key := strings.Trim(a.Name, "`")
		switch {
		case key == "" && p.flag != "" && lit.Kind == ast.BoolLit:
			key = p.flag
		case key == "" && i >= len(p.params) && p.rest:
			key = p.params[len(p.params)-1]
			args.values[key] += ";" + lit.Text
			continue
		case key == "" && i >= len(p.params):
			return args, errs.Invalid("CALL %s takes at most %d arguments: %s", st.Name, len(p.params), strings.Join(p.params, ", "))
		case key == "":
			key = p.params[i]
		}
		at := slices.IndexFunc(p.params, func(k string) bool { return strings.EqualFold(k, key) })
		if at < 0 {
			return args, errs.Invalid("line %d, column %d: CALL %s has no argument %s; it takes %s", a.Line, a.Column, st.Name, key, strings.Join(p.params, ", "))
		}
		if _, twice := args.values[p.params[at]]; twice {
			return args, errs.Invalid("line %d, column %d: CALL %s: argument %s is given twice", a.Line, a.Column, st.Name, p.params[at])
		}
		if lit.Kind != ast.NullLit {
			args.values[p.params[at]] = lit.Text
		}
	}
	return args, nil
}

// literalArgument gives an argument's literal; Flink scripts write missing
// ones as CAST(NULL AS type).
func literalArgument(a ast.CallArg) (*ast.Literal, error) {
	value := a.Value
	if c, ok := value.(*ast.Cast); ok {
		value = c.X
	}
	lit, ok := value.(*ast.Literal)
	if _, cast := a.Value.(*ast.Cast); !ok || cast && lit.Kind != ast.NullLit {
		name := a.Name
		if name == "" {
			name = "(positional)"
		}
		return nil, errs.Invalid("line %d, column %d: argument %s: write a literal", a.Line, a.Column, name)
	}
	return lit, nil
}

// need gives an argument that must be there.
func (a arguments) need(key string) (string, error) {
	if v := a.values[key]; v != "" {
		return v, nil
	}
	hint := ""
	if key == "table" {
		hint = fmt.Sprintf("; write CALL %s('database.table')", a.call)
	}
	return "", errs.Invalid("CALL %s: argument %s is missing%s", a.call, key, hint)
}

// flag gives a BOOLEAN argument, false when it is missing.
func (a arguments) flag(key string) (bool, error) {
	switch v := a.values[key]; strings.ToLower(v) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	default:
		return false, errs.Invalid("CALL %s: argument %s = '%s': want TRUE or FALSE", a.call, key, v)
	}
}

// integer gives a whole number of at least least, 0 when it is missing.
func (a arguments) integer(key string, least int64) (int64, error) {
	v, ok := a.values[key]
	if !ok || v == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < least {
		return 0, errs.Invalid("CALL %s: argument %s = '%s': want a whole number of at least %d", a.call, key, v, least)
	}
	return n, nil
}

// moment gives a time of the session's zone, zero when it is missing.
func (a arguments) moment(s *Session, key string) (time.Time, error) {
	v, ok := a.values[key]
	if !ok || v == "" {
		return time.Time{}, nil
	}
	at, err := parseTimestamp(v, s.setting("table.local-time-zone", "UTC"))
	if err != nil {
		return at, fmt.Errorf("CALL %s: argument %s: %w", a.call, key, err)
	}
	return at, nil
}

// table opens the table that the argument table names: 'database.table'.
func (a arguments) table(ctx context.Context, s *Session, fill func(arguments) map[string]string) (*paimon.Table, error) {
	text, err := a.need("table")
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(text, "*") {
		return nil, errs.Unsupported("CALL %s: all tables of a database at once; call it for each", a.call)
	}
	var name ast.Name
	for _, p := range strings.Split(text, ".") {
		name.Parts = append(name.Parts, ast.Ident{Name: strings.Trim(p, "`")})
	}
	id, err := s.identify(name)
	if err != nil {
		return nil, err
	}
	if id.System != "" {
		return nil, errs.Invalid("CALL %s: %s is a system table; name the table itself", a.call, id)
	}
	hint, err := a.pairs("options")
	if err == nil {
		err = checkOptions(hint)
	}
	if err != nil {
		return nil, err
	}
	if fill != nil {
		more := fill(a)
		maps.Copy(more, hint)
		hint = more
	}
	return s.e.o.Warehouse.Table(ctx, id, hint)
}

// pairs reads "a=1,b=2"; nil when the argument is missing.
func (a arguments) pairs(key string) (map[string]string, error) {
	if a.values[key] == "" {
		return nil, nil
	}
	return parsePairs(a.values[key])
}

// success is what most of Paimon's procedures give.
func success() *Result { return table([]string{"result"}, [][]string{{"Success"}}) }

// parsePairs reads "dt=2025-06-01,hh=3".
func parsePairs(text string) (map[string]string, error) {
	out := map[string]string{}
	for _, kv := range strings.Split(text, ",") {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, errs.Invalid("'%s': want name=value,name=value", text)
		}
		out[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	return out, nil
}
