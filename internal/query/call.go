package query

import (
	"context"
	"strings"

	"github.com/tarndb/tarn/internal/query/ast"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/errs"
)

// procedure is one CALL sys.<name>: its parameters in order, and what it does.
type procedure struct {
	params []string
	run    func(ctx context.Context, s *Session, args map[string]string) (*Result, error)
}

func procedures() map[string]procedure {
	return map[string]procedure{
		"compact": {params: []string{"table", "partitions", "order_strategy", "order_by", "options", "where", "partition_idle_time", "compact_strategy"}, run: callCompact},
	}
}

// call runs CALL sys.<procedure>(…) with positional or named arguments.
func (s *Session) call(ctx context.Context, st *ast.CallStmt) (*Result, error) {
	parts := st.Name.Parts
	name := strings.ToLower(parts[len(parts)-1].Name)
	p, ok := procedures()[name]
	if !ok || len(parts) < 2 || !strings.EqualFold(parts[len(parts)-2].Name, "sys") {
		return nil, errs.Unsupported("CALL %s: this version of Tarn has sys.compact", st.Name)
	}
	args := map[string]string{}
	for i, a := range st.Args {
		key := strings.ToLower(strings.Trim(a.Name, "`"))
		if key == "" {
			if i >= len(p.params) {
				return nil, errs.Invalid("CALL %s takes at most %d arguments: %s", st.Name, len(p.params), strings.Join(p.params, ", "))
			}
			key = p.params[i]
		}
		lit, isLit := a.Value.(*ast.Literal)
		if !isLit {
			return nil, errs.Invalid("line %d, column %d: argument %s of CALL %s: write a literal", a.Line, a.Column, key, st.Name)
		}
		known := false
		for _, k := range p.params {
			known = known || k == key
		}
		if !known {
			return nil, errs.Invalid("line %d, column %d: CALL %s has no argument %s; it takes %s", a.Line, a.Column, st.Name, key, strings.Join(p.params, ", "))
		}
		args[key] = lit.Text
	}
	return p.run(ctx, s, args)
}

func callCompact(ctx context.Context, s *Session, args map[string]string) (*Result, error) {
	for _, k := range []string{"order_strategy", "order_by", "where", "partition_idle_time"} {
		if args[k] != "" {
			return nil, errs.Unsupported("CALL sys.compact: argument %s", k)
		}
	}
	if args["table"] == "" {
		return nil, errs.Invalid("CALL sys.compact: argument table is missing; write CALL sys.compact('database.table')")
	}
	parts := strings.Split(args["table"], ".")
	var name ast.Name
	for _, p := range parts {
		name.Parts = append(name.Parts, ast.Ident{Name: p})
	}
	t, err := s.open(ctx, name)
	if err != nil {
		return nil, err
	}
	o := paimon.CompactOptions{Full: !strings.EqualFold(args["compact_strategy"], "minor")}
	if args["partitions"] != "" {
		if o.Partition, err = parsePartition(args["partitions"]); err != nil {
			return nil, err
		}
	}
	snap, err := t.Compact(ctx, o)
	switch {
	case err != nil:
		return nil, err
	case snap == nil:
		return done("table %s: nothing to compact", t.Name()), nil
	}
	return done("table %s compacted: snapshot %d", t.Name(), snap.ID), nil
}

// parsePartition reads "dt=2025-06-01,hh=3".
func parsePartition(text string) (map[string]string, error) {
	if strings.Contains(text, ";") {
		return nil, errs.Unsupported("CALL sys.compact: several partitions at once; call it for each")
	}
	out := map[string]string{}
	for _, kv := range strings.Split(text, ",") {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, errs.Invalid("partition %q: want column=value,column=value", text)
		}
		out[strings.TrimSpace(k)] = strings.TrimSpace(v)
	}
	return out, nil
}
