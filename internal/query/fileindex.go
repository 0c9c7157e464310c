package query

import (
	"context"
	"strings"

	"github.com/tarndb/tarn/paimon"
)

// callRewriteFileIndex runs CALL sys.rewrite_file_index(table, partitions);
// partitions is "dt=1,hh=2;dt=2", missing for all.
func callRewriteFileIndex(ctx context.Context, _ *Session, t *paimon.Table, args arguments) (*Result, error) {
	var specs []map[string]string
	if text := args.values["partitions"]; strings.TrimSpace(text) != "" {
		for _, p := range strings.Split(text, ";") {
			values, err := parsePairs(p)
			if err != nil {
				return nil, err
			}
			specs = append(specs, values)
		}
	}
	snap, err := t.RewriteFileIndex(ctx, specs...)
	switch {
	case err != nil:
		return nil, err
	case snap == nil:
		return done("table %s: no file to index", t.Name()), nil
	}
	return done("file indexes of table %s rewritten: snapshot %d", t.Name(), snap.ID), nil
}
