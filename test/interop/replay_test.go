package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/internal/dump"
	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/catalog"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/predicate"
	"github.com/tarndb/tarn/paimon/spec"
	"github.com/tarndb/tarn/paimon/types"
)

// step is one line of what was done to make a fixture, with the rows that
// follow it.
type step struct {
	Number    int    `json:"_step"`
	Op        string `json:"op"` // with its arguments: "createTag base"
	Branch    string `json:"_branch"`
	Compact   string `json:"compact"`
	Full      string `json:"full"`
	Dynamic   string `json:"dynamic"`
	Partition string `json:"partition"` // {dt=b}
	Condition string `json:"condition"`
	Buckets   string `json:"buckets"`
	rows      [][]byte
}

// readSteps reads the input of a fixture.
func readSteps(t *testing.T, file string) (steps []step) {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		line := slices.Clone(in.Bytes())
		if !bytes.Contains(line, []byte(`"_kind":`)) {
			var s step
			require.NoError(t, json.Unmarshal(line, &s))
			steps = append(steps, s)
			continue
		}
		last := &steps[len(steps)-1]
		last.rows = append(last.rows, line)
	}
	require.NoError(t, in.Err())
	return steps
}

// replay does with Tarn what was done with Java to make a fixture.
type replay struct {
	w     *paimon.Warehouse
	id    catalog.Identifier // main
	java  *catalog.Filesystem
	store fileio.Store // of the fixtures, for their schemas
	next  int64        // commit identifier, over all branches: they share snapshots
}

// ops are the steps by their first word.
var ops = map[string]func(r *replay, ctx context.Context, s step, args []string) error{
	"write":           (*replay).write,
	"compact":         (*replay).compact,
	"overwrite":       (*replay).overwrite,
	"alter":           (*replay).alter,
	"truncate":        (*replay).truncate,
	"deleteWhere":     (*replay).deleteWhere,
	"createTag":       (*replay).createTag,
	"createBranch":    (*replay).createBranch,
	"fastForward":     (*replay).fastForward,
	"rollbackTo":      (*replay).rollbackTo,
	"consumer":        (*replay).consumer,
	"compactPostpone": (*replay).compactPostpone,
}

// run creates the table with the fixture's first schema and does all steps.
func (r *replay) run(ctx context.Context, steps []step) error {
	s, err := r.schema(ctx, "", 0)
	if err != nil {
		return err
	}
	d := catalog.Definition{Fields: s.Fields, PartitionKeys: s.PartitionKeys, PrimaryKeys: s.PrimaryKeys, Options: s.Options, Comment: s.Comment}
	if err := r.w.Catalog().CreateTable(ctx, r.id, d); err != nil {
		return err
	}
	if err := r.sameSchema(ctx, r.id, s); err != nil {
		return err
	}
	for _, s := range steps {
		words := strings.Fields(s.Op)
		do := ops[words[0]]
		if do == nil {
			return fmt.Errorf("step %d: unknown op %q", s.Number, s.Op)
		}
		if err := do(r, ctx, s, words[1:]); err != nil {
			return fmt.Errorf("step %d: %s: %w", s.Number, s.Op, err)
		}
	}
	return nil
}

func (r *replay) on(s step) catalog.Identifier {
	id := r.id
	id.Branch = s.Branch
	return id
}

func (r *replay) open(ctx context.Context, s step, hint map[string]string) (*paimon.Table, error) {
	return r.w.Table(ctx, r.on(s), hint)
}

// schema gives a schema of the fixture.
func (r *replay) schema(ctx context.Context, branch string, id int64) (*spec.TableSchema, error) {
	dir := r.java.Path(r.id)
	if branch != "" {
		dir = fileio.Join(dir, "branch", "branch-"+branch)
	}
	data, err := fileio.ReadAll(ctx, r.store, fileio.Join(dir, "schema", fmt.Sprint("schema-", id)), 1<<20)
	if err != nil {
		return nil, err
	}
	return spec.ParseSchema(data)
}

// sameSchema holds the newest schema of a table against the fixture's.
func (r *replay) sameSchema(ctx context.Context, id catalog.Identifier, want *spec.TableSchema) error {
	got, err := r.w.Catalog().Schema(ctx, id)
	if err != nil {
		return err
	}
	same, java := *got, *want
	same.TimeMillis, java.TimeMillis, same.Version, java.Version = 0, 0, 0, 0
	a, err := same.JSON()
	if err != nil {
		return err
	}
	b, err := java.JSON()
	if err == nil && !bytes.Equal(a, b) {
		err = fmt.Errorf("schema %d is\n%s\nJava made\n%s", want.ID, a, b)
	}
	return err
}

func (r *replay) write(ctx context.Context, s step, _ []string) error {
	hint := map[string]string{"write-only": "true"}
	if s.Compact == "AUTO" {
		hint = nil
	}
	if err := r.commit(ctx, s, hint, paimon.WriteOptions{}, nil); err != nil || s.Compact != "FULL" {
		return err
	}
	return r.compactAll(ctx, s, true, nil)
}

func (r *replay) commit(ctx context.Context, s step, hint map[string]string, o paimon.WriteOptions, over *paimon.Overwrite) error {
	t, err := r.open(ctx, s, hint)
	if err != nil {
		return err
	}
	b, err := parseRows(t.Fields(), s.rows)
	if err != nil {
		return err
	}
	o.User = "replay"
	w, err := t.NewWriter(ctx, o)
	if err != nil {
		return err
	}
	defer w.Close(ctx)
	if err := w.Write(ctx, b); err != nil {
		return err
	}
	messages, err := w.Prepare(ctx, true)
	if err != nil {
		return err
	}
	r.next++
	_, err = t.NewCommitter("replay").Commit(ctx, paimon.Commit{Identifier: r.next, Messages: messages, Overwrite: over})
	return err
}

func (r *replay) compactAll(ctx context.Context, s step, full bool, hint map[string]string) error {
	t, err := r.open(ctx, s, hint)
	if err != nil {
		return err
	}
	_, err = t.Compact(ctx, paimon.CompactOptions{Full: full})
	return err
}

func (r *replay) compact(ctx context.Context, s step, _ []string) error {
	return r.compactAll(ctx, s, s.Full == "true", nil)
}

func (r *replay) compactPostpone(ctx context.Context, s step, _ []string) error {
	return r.compactAll(ctx, s, true, map[string]string{"postpone.default-bucket-num": s.Buckets})
}

func (r *replay) overwrite(ctx context.Context, s step, _ []string) error {
	over := &paimon.Overwrite{Dynamic: s.Dynamic == "true", Static: map[string]string{}}
	for _, kv := range strings.Split(strings.Trim(s.Partition, "{}"), ", ") {
		if k, v, ok := strings.Cut(kv, "="); ok {
			over.Static[k] = v
		}
	}
	return r.commit(ctx, s, map[string]string{"write-only": "true"}, paimon.WriteOptions{Overwrite: true}, over)
}

func (r *replay) truncate(ctx context.Context, s step, _ []string) error {
	t, err := r.open(ctx, s, nil)
	if err == nil {
		_, err = t.Truncate(ctx)
	}
	return err
}

var deleteCondition = regexp.MustCompile(`^(\w+) (%|<) (\d+)(?: = 0)?$`)

// deleteWhere knows "c < n" and "c % n = 0"; the latter names the values that
// are there.
func (r *replay) deleteWhere(ctx context.Context, s step, _ []string) error {
	m := deleteCondition.FindStringSubmatch(s.Condition)
	if m == nil {
		return fmt.Errorf("unknown condition %q", s.Condition)
	}
	t, err := r.open(ctx, s, nil)
	if err != nil {
		return err
	}
	at := t.Schema().Index(m[1])
	if at < 0 {
		return fmt.Errorf("no column %s", m[1])
	}
	op, literals := predicate.Lt, []string{m[3]}
	if m[2] == "%" {
		n, _ := strconv.ParseInt(m[3], 10, 64)
		op, literals = predicate.In, nil
		if literals, err = multiples(ctx, r.w, t, at, n); err != nil {
			return err
		}
	}
	leaf, err := predicate.New(m[1], t.Fields()[at].Type, op, literals...)
	if err == nil {
		_, err = t.DeleteWhere(ctx, predicate.Filter{leaf})
	}
	return err
}

func multiples(ctx context.Context, w *paimon.Warehouse, t *paimon.Table, column int, n int64) (out []string, err error) {
	var b bytes.Buffer
	if err := dump.Run(ctx, w, dump.Options{Table: t.ID()}, &b); err != nil {
		return nil, err
	}
	for _, line := range lines(b.String()) {
		var row map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			return nil, err
		}
		v, err := strconv.ParseInt(string(row[t.Fields()[column].Name]), 10, 64)
		if err == nil && v%n == 0 {
			out = append(out, fmt.Sprint(v))
		}
	}
	return out, nil
}

func (r *replay) createTag(ctx context.Context, s step, args []string) error {
	t, err := r.open(ctx, s, nil)
	if err == nil {
		err = t.CreateTag(ctx, args[0], paimon.TagOptions{})
	}
	return err
}

func (r *replay) createBranch(ctx context.Context, s step, args []string) error {
	t, err := r.open(ctx, s, nil)
	if err != nil {
		return err
	}
	o := paimon.BranchOptions{}
	if len(args) > 1 {
		o.Tag = args[1]
	}
	return t.CreateBranch(ctx, args[0], o)
}

func (r *replay) fastForward(ctx context.Context, s step, args []string) error {
	t, err := r.open(ctx, s, nil)
	if err == nil {
		err = t.FastForward(ctx, args[0])
	}
	return err
}

func (r *replay) rollbackTo(ctx context.Context, s step, args []string) error {
	t, err := r.open(ctx, s, nil)
	if err != nil {
		return err
	}
	if id, err := strconv.ParseInt(args[0], 10, 64); err == nil {
		return t.RollbackTo(ctx, id)
	}
	return t.RollbackToTag(ctx, args[0])
}

// consumer writes a consumer's file: "c1 next 3".
func (r *replay) consumer(ctx context.Context, s step, args []string) error {
	dir := r.w.Catalog().Path(r.id)
	if s.Branch != "" {
		dir = fileio.Join(dir, "branch", "branch-"+s.Branch)
	}
	return r.w.Store().Put(ctx, fileio.Join(dir, "consumer", "consumer-"+args[0]), []byte(`{"nextSnapshot" : `+args[2]+`}`))
}

// alter makes the fixture's next schema out of the table's newest.
func (r *replay) alter(ctx context.Context, s step, _ []string) error {
	id := r.on(s)
	old, err := r.w.Catalog().Schema(ctx, id)
	if err != nil {
		return err
	}
	want, err := r.schema(ctx, s.Branch, old.ID+1)
	if err != nil {
		return err
	}
	if err := r.w.Catalog().AlterTable(ctx, id, schemaChanges(old, want)); err != nil {
		return err
	}
	return r.sameSchema(ctx, id, want)
}

// parseRows reads rows in the JSON form of the fixtures.
func parseRows(fields []types.Field, rows [][]byte) (paimon.Batch, error) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, types.ArrowSchema(fields))
	defer b.Release()
	var kinds []types.RowKind
	for _, line := range rows {
		var row map[string]json.RawMessage
		if err := json.Unmarshal(line, &row); err != nil {
			return paimon.Batch{}, err
		}
		kind, err := types.ParseRowKind(strings.Trim(string(row["_kind"]), `"`))
		if err != nil {
			return paimon.Batch{}, err
		}
		kinds = append(kinds, kind)
		for i, f := range fields {
			if err := appendJSON(b.Field(i), f.Type, row[f.Name]); err != nil {
				return paimon.Batch{}, fmt.Errorf("column %s: %s: %w", f.Name, row[f.Name], err)
			}
		}
	}
	return paimon.Batch{Rows: b.NewRecordBatch(), Kinds: kinds}, nil
}

// notReplayed are the tables that Tarn cannot make, with what its error names.
var notReplayed = map[string]string{
	"append.blob":         "data-evolution.enabled",
	"append.row_tracking": "row-tracking.enabled",
	"append.variant":      "column v", // the form of VARIANT is not read back
	"files.manifest_orc":  "manifest.format",
}

// otherRows are tables whose rows are not the same, with the reason.
var otherRows = map[string]string{
	"changelog.sequence_lookup": "a late row shows or not by whether compaction has dropped a delete with a higher sequence",
	"dedup.sequence_descending": "Paimon 1.4.2 sorts its write buffer ascending: of one flush the greatest sequence wins, of the files the smallest",
}

// replays are the fixtures, for Tarn to make them again.
type replays struct {
	root      string
	java      fileio.Store
	inputs    []string
	unordered map[string][]string // columns by table
}

func newReplays(t *testing.T) *replays {
	r := &replays{root: unpack(t)}
	var err error
	r.java, err = fileio.NewLocal(filepath.Join(r.root, "warehouse"))
	require.NoError(t, err)
	r.inputs, err = filepath.Glob(filepath.Join(r.root, "input", "*.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, r.inputs)
	r.unordered = unorderedColumns(t, r.root)
	return r
}

func fixtureName(input string) string { return strings.TrimSuffix(filepath.Base(input), ".jsonl") }

// replay makes a fixture again in a warehouse, and reports whether it could.
func (r *replays) replay(t *testing.T, w *paimon.Warehouse, input string) (id catalog.Identifier, ok bool) {
	t.Helper()
	ctx := context.Background()
	name := fixtureName(input)
	id.Database, id.Table, _ = strings.Cut(name, ".")
	if err := w.Catalog().CreateDatabase(ctx, id.Database); !errors.Is(err, errs.ErrExists) {
		require.NoError(t, err)
	}
	p := &replay{w: w, id: id, java: catalog.NewFilesystem(r.java), store: r.java}
	err := p.run(ctx, readSteps(t, input))
	if why, out := notReplayed[name]; out {
		require.ErrorContains(t, err, why)
		if err := w.Catalog().DropTable(ctx, id); !errors.Is(err, errs.ErrNotFound) {
			require.NoError(t, err)
		}
		return id, false
	}
	require.NoError(t, err)
	return id, true
}

// compare holds what Tarn reads of a table against what Java read of its own,
// and gives the number of reads.
func (r *replays) compare(t *testing.T, w *paimon.Warehouse, name string) (reads int) {
	t.Helper()
	if _, other := otherRows[name]; other {
		return 0
	}
	expected, err := filepath.Glob(filepath.Join(r.root, "expected", name+"*.jsonl"))
	require.NoError(t, err)
	for _, f := range expected {
		m := expectedName.FindStringSubmatch(filepath.Base(f))
		if m == nil || m[1] != name || m[4] != "" || m[5] != "" {
			continue
		}
		got, err := dumpTable(w, m)
		require.NoError(t, err)
		want, err := os.ReadFile(f)
		require.NoError(t, err)
		compare(t, filepath.Base(f), string(want), got, false, r.unordered[name])
		reads++
	}
	return reads
}

// TestReplay makes fixtures again and compares what Tarn reads from its own
// tables with what Java reads from Java's, and the schemas of all steps.
func TestReplay(t *testing.T) {
	r := newReplays(t)
	done := 0
	for _, input := range r.inputs {
		name := fixtureName(input)
		t.Run(name, func(t *testing.T) {
			store, err := fileio.NewLocal(t.TempDir())
			require.NoError(t, err)
			w := paimon.Open(store, paimon.Options{})
			if _, ok := r.replay(t, w, input); ok {
				done += r.compare(t, w, name)
			}
		})
	}
	t.Logf("%d reads compared", done)
}
