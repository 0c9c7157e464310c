package catalog

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

var (
	ctx   = context.Background()
	table = Identifier{Database: "d", Table: "t"}
	plain = Definition{Fields: []types.Field{{Name: "id", Type: types.Of(types.Int)}}}
)

func newCatalog(t *testing.T, store fileio.Store) *Filesystem {
	t.Helper()
	c := NewFilesystem(store)
	require.NoError(t, c.CreateDatabase(ctx, "d"))
	require.NoError(t, c.CreateTable(ctx, table, plain))
	return c
}

// halfStore deletes trees as a process that is killed amid it: what is asked
// for stays.
type halfStore struct{ fileio.Store }

func (halfStore) DeleteTree(context.Context, string) error { return errors.New("killed") }

// TestDropIsWhole: after a drop that was killed the table is gone as a whole,
// and the next drop removes what it left.
func TestDropIsWhole(t *testing.T) {
	mem := fileio.NewMem()
	c := newCatalog(t, mem)
	require.NoError(t, mem.Put(ctx, "d.db/t/snapshot/snapshot-1", []byte("{}")))
	require.Error(t, NewFilesystem(halfStore{mem}).DropTable(ctx, table))
	tables, err := c.Tables(ctx, "d")
	require.NoError(t, err)
	require.Empty(t, tables)
	require.NoError(t, c.CreateTable(ctx, table, plain))
	has, err := c.hasSnapshots(ctx, table)
	require.NoError(t, err)
	require.False(t, has, "a new table is empty")
	require.NoError(t, c.DropTable(ctx, table))
	for i, err := range mem.List(ctx, droppedDir) {
		require.NoError(t, err)
		t.Errorf("%s is left", i.Path)
	}
}

// TestCreateOnLeftovers refuses a directory that holds snapshots: a commit that
// came amid a drop.
func TestCreateOnLeftovers(t *testing.T) {
	mem := fileio.NewMem()
	c := newCatalog(t, mem)
	require.NoError(t, c.DropTable(ctx, table))
	require.NoError(t, mem.Put(ctx, "d.db/t/snapshot/snapshot-7", []byte("{}")))
	err := c.CreateTable(ctx, table, plain)
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "d.db/t")
}

func TestRename(t *testing.T) {
	c := newCatalog(t, fileio.NewMem())
	to := Identifier{Database: "d", Table: "u"}
	require.ErrorIs(t, c.RenameTable(ctx, Identifier{Database: "d", Table: "t", Branch: "b"}, to), errs.ErrInvalid)
	require.NoError(t, c.CreateTable(ctx, to, plain))
	require.ErrorIs(t, c.RenameTable(ctx, table, to), errs.ErrExists)
	require.NoError(t, c.DropTable(ctx, to))
	require.NoError(t, c.RenameTable(ctx, table, to))
	_, err := c.Schema(ctx, table)
	require.ErrorIs(t, err, errs.ErrNotFound)
	_, err = c.Schema(ctx, Identifier{Database: "d", Table: ".."})
	require.ErrorIs(t, err, errs.ErrInvalid)
}

// TestAlterIgnored: what a table ignored so far cannot come back.
func TestAlterIgnored(t *testing.T) {
	mem := fileio.NewMem()
	c := newCatalog(t, mem)
	on := map[string]string{"ignore-delete": "true"}
	require.NoError(t, c.AlterOptions(ctx, table, on, nil))
	require.NoError(t, c.AlterOptions(ctx, table, nil, []string{"ignore-delete"}))
	require.NoError(t, c.AlterOptions(ctx, table, on, nil))
	require.NoError(t, mem.Put(ctx, "d.db/t/snapshot/snapshot-1", []byte("{}")))
	require.ErrorIs(t, c.AlterOptions(ctx, table, nil, []string{"ignore-delete"}), errs.ErrInvalid)
	require.ErrorIs(t, c.AlterOptions(ctx, table, map[string]string{"ignore-delete": "false"}, nil), errs.ErrInvalid)
	require.NoError(t, c.AlterOptions(ctx, table, map[string]string{"ignore-delete": "TRUE", "write-only": "true"}, nil))
	require.ErrorIs(t, c.AlterOptions(ctx, table, map[string]string{"deletion-vectors.enabled": "true"}, nil), errs.ErrInvalid)
}
