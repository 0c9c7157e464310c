package query

import (
	"context"
	"strings"

	"github.com/tarndb/tarn/paimon"
)

// The procedures on branches, tags and snapshots, after
// org.apache.paimon.flink.procedure.

func callCreateBranch(ctx context.Context, s *Session, args arguments) (*Result, error) {
	t, err := args.table(ctx, s)
	if err != nil {
		return nil, err
	}
	name, err := args.need("branch")
	if err != nil {
		return nil, err
	}
	o := paimon.BranchOptions{Tag: strings.TrimSpace(args.values["tag"])}
	if o.IgnoreIfExists, err = args.flag("ignoreIfExists"); err != nil {
		return nil, err
	}
	if err := t.CreateBranch(ctx, name, o); err != nil {
		return nil, err
	}
	return success(), nil
}

// callDeleteBranch takes several names, separated by commas.
func callDeleteBranch(ctx context.Context, s *Session, args arguments) (*Result, error) {
	return eachName(ctx, s, args, "branch", func(t *paimon.Table, name string) error { return t.DeleteBranch(ctx, name) })
}

func eachName(ctx context.Context, s *Session, args arguments, key string, do func(t *paimon.Table, name string) error) (*Result, error) {
	t, err := args.table(ctx, s)
	if err != nil {
		return nil, err
	}
	names, err := args.need(key)
	if err != nil {
		return nil, err
	}
	for _, name := range strings.Split(names, ",") {
		if err := do(t, strings.TrimSpace(name)); err != nil {
			return nil, err
		}
	}
	return success(), nil
}

func callFastForward(ctx context.Context, s *Session, args arguments) (*Result, error) {
	t, err := args.table(ctx, s)
	if err != nil {
		return nil, err
	}
	name, err := args.need("branch")
	if err != nil {
		return nil, err
	}
	if err := t.FastForward(ctx, name); err != nil {
		return nil, err
	}
	return success(), nil
}
