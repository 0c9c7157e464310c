package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/types"
)

// TestAlter runs testdata/alter:
//
//	create: a line per column, "key a b", "partition a", "set k=v"; "data"
//	        gives the table a snapshot
//	alter:  a change per line, see parseChange; all lines are one call
func TestAlter(t *testing.T) {
	mem := fileio.NewMem()
	c := NewFilesystem(mem)
	require.NoError(t, c.CreateDatabase(ctx, "d"))
	datadriven.RunTest(t, "testdata/alter", func(t *testing.T, d *datadriven.TestData) string {
		var err error
		switch d.Cmd {
		case "create":
			require.NoError(t, mem.DeleteTree(ctx, "d.db/t"))
			err = c.CreateTable(ctx, table, parseDefinition(t, d.Input))
			if err == nil && d.HasArg("data") {
				require.NoError(t, mem.Put(ctx, "d.db/t/snapshot/snapshot-1", []byte("{}")))
			}
		case "alter":
			var changes []SchemaChange
			for _, line := range strings.Split(d.Input, "\n") {
				changes = append(changes, parseChange(t, line))
			}
			err = c.AlterTable(ctx, table, changes)
		default:
			t.Fatalf("unknown command %s", d.Cmd)
		}
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		return describe(t, c)
	})
}

func describe(t *testing.T, c *Filesystem) string {
	s, err := c.Schema(ctx, table)
	require.NoError(t, err)
	var b strings.Builder
	fmt.Fprintf(&b, "schema %d, highest field %d", s.ID, s.HighestFieldID)
	if len(s.PrimaryKeys) > 0 {
		fmt.Fprintf(&b, ", key %s", strings.Join(s.PrimaryKeys, " "))
	}
	if len(s.PartitionKeys) > 0 {
		fmt.Fprintf(&b, ", partition %s", strings.Join(s.PartitionKeys, " "))
	}
	if s.Comment != "" {
		fmt.Fprintf(&b, ", comment %q", s.Comment)
	}
	b.WriteString("\n")
	for _, f := range s.Fields {
		describeField(&b, f, "")
	}
	for _, k := range slices.Sorted(maps.Keys(s.Options)) {
		fmt.Fprintf(&b, "%s = %s\n", k, s.Options[k])
	}
	return b.String()
}

func describeField(b *strings.Builder, f types.Field, indent string) {
	fmt.Fprintf(b, "%s%d %s %s", indent, f.ID, f.Name, f.Type)
	if f.Description != "" {
		fmt.Fprintf(b, " comment %q", f.Description)
	}
	if f.Default != nil {
		fmt.Fprintf(b, " default %q", *f.Default)
	}
	b.WriteString("\n")
	describeNested(b, f.Type, indent+"  ")
}

func describeNested(b *strings.Builder, t types.Type, indent string) {
	for _, f := range t.Fields {
		describeField(b, f, indent)
	}
	if t.Key != nil {
		describeNested(b, *t.Key, indent)
	}
	if t.Elem != nil {
		describeNested(b, *t.Elem, indent)
	}
}

func parseDefinition(t *testing.T, text string) Definition {
	d := Definition{Options: map[string]string{}}
	for _, line := range strings.Split(text, "\n") {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "key":
			d.PrimaryKeys = strings.Fields(rest)
		case "partition":
			d.PartitionKeys = strings.Fields(rest)
		case "set":
			k, v, _ := strings.Cut(rest, "=")
			d.Options[k] = v
		default:
			d.Fields = append(d.Fields, types.Field{Name: word, Type: parseType(t, rest)})
		}
	}
	return d
}

func parseType(t *testing.T, text string) types.Type {
	typ, err := types.Parse(text)
	require.NoError(t, err)
	return typ
}

func parseChange(t *testing.T, line string) SchemaChange {
	verb, rest, _ := strings.Cut(line, " ")
	name, arg, _ := strings.Cut(rest, " ")
	path := strings.Split(name, ".")
	var move *Move
	for i, mark := range []string{" first", " after ", " before ", " last"} {
		if text, ref, ok := strings.Cut(" "+arg, mark); ok {
			arg, move = strings.TrimSpace(text), &Move{Column: name, Place: Place(i), Reference: ref}
		}
	}
	switch verb {
	case "set":
		k, v, _ := strings.Cut(rest, "=")
		return SetOption{k, v}
	case "reset":
		return RemoveOption{rest}
	case "table-comment":
		return UpdateComment{rest}
	case "add":
		return AddColumn{Path: path, Type: parseType(t, arg), Move: move}
	case "rename":
		return RenameColumn{path, arg}
	case "drop":
		return DropColumn{path}
	case "type":
		return UpdateColumnType{Path: path, Type: parseType(t, arg)}
	case "type-keep":
		return UpdateColumnType{Path: path, Type: parseType(t, arg), KeepNullability: true}
	case "nullable":
		return UpdateColumnNullability{path, true}
	case "not-null":
		return UpdateColumnNullability{path, false}
	case "comment":
		return UpdateColumnComment{path, arg}
	case "default":
		return UpdateColumnDefaultValue{path, &arg}
	case "no-default":
		return UpdateColumnDefaultValue{path, nil}
	case "move":
		return UpdateColumnPosition{*move}
	case "drop-key":
		return DropPrimaryKey{}
	}
	t.Fatalf("unknown change %q", line)
	return nil
}

// TestAlterRaces: of schemas that are changed at the same time none is lost.
func TestAlterRaces(t *testing.T) {
	c := newCatalog(t, fileio.NewMem())
	const writers = 8
	var wg sync.WaitGroup
	errors := make([]error, writers)
	for i := range writers {
		wg.Go(func() {
			errors[i] = c.AlterTable(ctx, table, []SchemaChange{AddColumn{Path: []string{fmt.Sprint("c", i)}, Type: types.Of(types.Int)}})
		})
	}
	wg.Wait()
	added := 0
	for _, err := range errors {
		if err == nil {
			added++
		} else {
			require.ErrorIs(t, err, errs.ErrConflict)
		}
	}
	s, err := c.Schema(ctx, table)
	require.NoError(t, err)
	require.Len(t, s.Fields, 1+added)
	require.Equal(t, int64(added), s.ID)
	require.Equal(t, added, s.HighestFieldID)
}

// TestAlterKeepsOld: the schema that was read before is not changed in place.
func TestAlterKeepsOld(t *testing.T) {
	c := NewFilesystem(fileio.NewMem())
	require.NoError(t, c.CreateDatabase(ctx, "d"))
	require.NoError(t, c.CreateTable(ctx, table, parseDefinition(t, "a INT\nm MAP<STRING, ARRAY<ROW<x INT, y INT>>>")))
	old, err := c.Schema(ctx, table)
	require.NoError(t, err)
	before, err := old.JSON()
	require.NoError(t, err)
	for _, line := range []string{"type m.value.element.x BIGINT", "drop m.value.element.y", "rename m.value.element.x z", "add m.value.element.w INT first", "rename a b", "move b last"} {
		_, err = altered(old, []SchemaChange{parseChange(t, strings.Replace(line, "move b", "move a", 1))}, func() (bool, error) { return true, nil }, 1)
		require.NoError(t, err, line)
		after, err := old.JSON()
		require.NoError(t, err)
		require.Equal(t, string(before), string(after), line)
	}
}

// TestAlterBranch: a branch has schemas of its own.
func TestAlterBranch(t *testing.T) {
	mem := fileio.NewMem()
	c := newCatalog(t, mem)
	branch := Identifier{Database: "d", Table: "t", Branch: "b"}
	add := []SchemaChange{AddColumn{Path: []string{"x"}, Type: types.Of(types.Int)}}
	require.ErrorIs(t, c.AlterTable(ctx, branch, add), errs.ErrNotFound)
	require.ErrorIs(t, c.AlterOptions(ctx, table, map[string]string{"scan.fallback-branch": "b"}, nil), errs.ErrInvalid)
	data, err := fileio.ReadAll(ctx, mem, "d.db/t/schema/schema-0", maxSchemaBytes)
	require.NoError(t, err)
	require.NoError(t, mem.Put(ctx, "d.db/t/branch/branch-b/schema/schema-0", data))
	require.NoError(t, c.AlterTable(ctx, branch, add))
	s, err := c.Schema(ctx, table)
	require.NoError(t, err)
	require.Len(t, s.Fields, 1)
	s, err = c.Schema(ctx, branch)
	require.NoError(t, err)
	require.Len(t, s.Fields, 2)
	require.NoError(t, c.AlterOptions(ctx, table, map[string]string{"scan.fallback-branch": "b"}, nil))
	require.ErrorIs(t, c.AlterTable(ctx, Identifier{Database: "d", Table: "t", System: "files"}, add), errs.ErrInvalid)
}
