package kafka

import (
	"context"
	"fmt"
	"io"
	"math/rand"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/internal/ingest/source"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

var fields = []types.Field{
	{ID: 0, Name: "id", Type: types.Of(types.Int)},
	{ID: 1, Name: "s", Type: types.String()},
}

// fake is a Kafka inside the test.
type fake struct {
	t       *testing.T
	cluster *kfake.Cluster
	cl      *kgo.Client
	adm     *kadm.Client
	next    int
}

func newFake(t *testing.T, opts ...kfake.Opt) *fake {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(2, "events")}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	f := &fake{t: t, cluster: c}
	f.cl, err = kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(f.cl.Close)
	f.adm = kadm.NewClient(f.cl)
	return f
}

// put adds n rows, with growing ids, to a partition.
func (f *fake) put(topic string, partition int32, n int) {
	f.t.Helper()
	for range n {
		f.putText(topic, partition, fmt.Sprintf(`{"id":%d,"s":"%s%d"}`, f.next, topic[:1], partition))
		f.next++
	}
}

func (f *fake) putText(topic string, partition int32, text string) {
	f.t.Helper()
	r := &kgo.Record{Topic: topic, Partition: partition, Value: []byte(text), Timestamp: time.UnixMilli(1_700_000_000_000 + int64(f.next)*1000)}
	require.NoError(f.t, f.cl.ProduceSync(f.t.Context(), r).FirstErr())
}

func (f *fake) config(options ...string) Config {
	f.t.Helper()
	m := map[string]string{"connector": "kafka", "topic": "events", "properties.bootstrap.servers": strings.Join(f.cluster.ListenAddrs(), ","),
		"format": "json", "scan.startup.mode": "earliest-offset", "properties.fetch.max.wait.ms": "20", "scan.topic-partition-discovery.interval": "50 ms"}
	for _, o := range options {
		k, v, _ := strings.Cut(o, "=")
		if m[k] = v; v == "" {
			delete(m, k)
		}
	}
	c, err := ParseOptions(m)
	require.NoError(f.t, err)
	return c
}

func open(t *testing.T, c Config, from change.Position) (source.Reader, error) {
	t.Helper()
	s, err := New(c, fields, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := s.Open(ctx, from)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, r.Close()) })
	}
	return r, err
}

func mustOpen(t *testing.T, c Config, from change.Position) source.Reader {
	t.Helper()
	r, err := open(t, c, from)
	require.NoError(t, err)
	return r
}

func rowsOf(b change.Batch) []string {
	var out []string
	for i := range int(b.Rows.NumRows()) {
		out = append(out, b.Kind(i).String()+b.Rows.Column(0).ValueStr(i)+b.Rows.Column(1).ValueStr(i))
	}
	b.Release()
	return out
}

// read gives want rows, in the order of their text, and the last position.
func read(t *testing.T, r source.Reader, want int) ([]string, change.Position) {
	t.Helper()
	var rows []string
	var at change.Position
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for len(rows) < want {
		b, err := r.Next(ctx)
		require.NoError(t, err, "after %v", rows)
		rows, at = append(rows, rowsOf(b)...), b.Position
	}
	sort.Strings(rows)
	require.Len(t, rows, want)
	return rows, at
}

// drain reads a bounded source to its end.
func drain(t *testing.T, r source.Reader) ([]string, change.Position) {
	t.Helper()
	rows, at, err := drainTo(t, r)
	require.Equal(t, io.EOF, err)
	return rows, at
}

// drainTo reads to an error.
func drainTo(t *testing.T, r source.Reader) (rows []string, at change.Position, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		b, err := r.Next(ctx)
		if err != nil {
			sort.Strings(rows)
			return rows, at, err
		}
		rows, at = append(rows, rowsOf(b)...), b.Position
	}
}

// Whatever batch a reader stops after, the next one goes on exactly there.
func TestResumeAnywhere(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewSource(seed))
	f := newFake(t)
	var want []string
	for range 60 {
		p := int32(random.Intn(2))
		want = append(want, fmt.Sprintf("+I%de%d", f.next, p))
		f.put("events", p, 1)
	}
	sort.Strings(want)
	c := f.config()
	var got []string
	var at change.Position
	for len(got) < len(want) {
		c.MaxBatchRows = 1 + random.Intn(7)
		s, err := New(c, fields, nil)
		require.NoError(t, err)
		r, err := s.Open(t.Context(), at)
		require.NoError(t, err)
		for range 1 + random.Intn(4) {
			if len(got) >= len(want) {
				break
			}
			b, err := r.Next(t.Context())
			require.NoError(t, err)
			if b.Rows.NumRows() > 0 {
				require.LessOrEqual(t, int(b.Rows.NumRows()), c.MaxBatchRows)
				require.GreaterOrEqual(t, b.Watermark.UnixMilli(), int64(1_700_000_000_000))
			}
			at = b.Position
			got = append(got, rowsOf(b)...)
		}
		require.NoError(t, r.Close())
	}
	sort.Strings(got)
	require.Equal(t, want, got)
}

func TestStartAndEnd(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(1, "one"))
	f.put("one", 0, 6) // ids 0 to 5, a second apart
	require.NoError(t, f.adm.CommitAllOffsets(t.Context(), "g", kadm.Offsets{"one": {0: {Topic: "one", Partition: 0, At: 4}}}))
	ms := func(id int) string { return fmt.Sprint(1_700_000_000_000 + id*1000) }
	for _, c := range []struct {
		options []string
		first   int
		last    int
	}{
		{[]string{"scan.startup.mode=earliest-offset", "scan.bounded.mode=latest-offset"}, 0, 5},
		{[]string{"scan.startup.mode=latest-offset", "scan.bounded.mode=latest-offset"}, 6, 5},
		{[]string{"scan.startup.mode=", "properties.group.id=g", "scan.bounded.mode=latest-offset"}, 4, 5},
		{[]string{"scan.startup.mode=group-offsets", "properties.group.id=new", "properties.auto.offset.reset=earliest", "scan.bounded.mode=latest-offset"}, 0, 5},
		{[]string{"scan.startup.mode=group-offsets", "properties.group.id=new", "properties.auto.offset.reset=latest", "scan.bounded.mode=latest-offset"}, 6, 5},
		{[]string{"scan.startup.mode=timestamp", "scan.startup.timestamp-millis=" + ms(2), "scan.bounded.mode=latest-offset"}, 2, 5},
		{[]string{"scan.startup.mode=timestamp", "scan.startup.timestamp-millis=" + ms(99), "scan.bounded.mode=latest-offset"}, 6, 5},
		{[]string{"scan.startup.mode=specific-offsets", "scan.startup.specific-offsets=partition:0,offset:3", "scan.bounded.mode=latest-offset"}, 3, 5},
		{[]string{"scan.bounded.mode=timestamp", "scan.bounded.timestamp-millis=" + ms(2)}, 0, 1},
		{[]string{"scan.bounded.mode=group-offsets", "properties.group.id=g"}, 0, 3},
		{[]string{"scan.bounded.mode=specific-offsets", "scan.bounded.specific-offsets=partition:0,offset:1"}, 0, 0},
	} {
		var want []string
		for i := c.first; i <= c.last; i++ {
			want = append(want, fmt.Sprintf("+I%do0", i))
		}
		rows, _ := drain(t, mustOpen(t, f.config(append(c.options, "topic=one")...), ""))
		require.Equal(t, want, rows, c.options)
	}
	for want, options := range map[string][]string{
		"group new has no offset for topic one partition 0": {"scan.startup.mode=group-offsets", "properties.group.id=new"},
		"has no partition 7":              {"scan.startup.mode=specific-offsets", "scan.startup.specific-offsets=partition:7,offset:3"},
		"offset 9 is wanted":              {"scan.startup.mode=specific-offsets", "scan.startup.specific-offsets=partition:0,offset:9"},
		"topic two does not exist":        {"topic=two"},
		"no topic has a name like":        {"topic=", "topic-pattern=x.*"},
		"'scan.bounded.mode' = 'group-of": {"scan.bounded.mode=group-offsets", "properties.group.id=new"},
	} {
		_, err := open(t, f.config(append([]string{"topic=one"}, options...)...), "")
		require.ErrorIs(t, err, errs.ErrNotFound, want)
		require.ErrorContains(t, err, want)
	}
}

// A bounded source that is started again after its end reads what came since.
func TestBoundedAgain(t *testing.T) {
	f := newFake(t)
	f.put("events", 0, 3)
	c := f.config("scan.bounded.mode=latest-offset")
	c.MaxBatchRows = 2
	r := mustOpen(t, c, "")
	b, err := r.Next(t.Context())
	require.NoError(t, err)
	require.Zero(t, b.Rows.NumRows(), "the first batch tells where it starts")
	b.Release()
	_, at := read(t, r, 2)
	f.put("events", 0, 2) // not of the first run, which goes on
	f.put("events", 1, 1)
	rows, at := drain(t, mustOpen(t, c, at))
	require.Equal(t, []string{"+I2e0"}, rows)
	rows, at = drain(t, mustOpen(t, c, at))
	require.Equal(t, []string{"+I3e0", "+I4e0", "+I5e1"}, rows)
	rows, _ = drain(t, mustOpen(t, c, at))
	require.Empty(t, rows)
}

// A source that starts at the end reads what came while it was away.
func TestLatestIsKept(t *testing.T) {
	f := newFake(t)
	f.put("events", 0, 3)
	c := f.config("scan.startup.mode=latest-offset")
	b, err := mustOpen(t, c, "").Next(t.Context())
	require.NoError(t, err)
	require.Empty(t, rowsOf(b))
	f.put("events", 0, 1)
	rows, _ := read(t, mustOpen(t, c, b.Position), 1)
	require.Equal(t, []string{"+I3e0"}, rows)
}

func TestNewPartitionsAndTopics(t *testing.T) {
	f := newFake(t)
	f.put("events", 0, 1)
	r := mustOpen(t, f.config("topic=", "topic-pattern=e.*"), "")
	_, at := read(t, r, 1)
	_, err := f.adm.UpdatePartitions(t.Context(), 3, "events")
	require.NoError(t, err)
	_, err = f.adm.CreateTopics(t.Context(), 1, 1, nil, "extra", "other")
	require.NoError(t, err)
	f.put("other", 0, 1)
	f.put("extra", 0, 1)
	f.cl.ForceMetadataRefresh()
	require.Eventually(t, func() bool { // the producer learns of the new partition
		return f.cl.ProduceSync(t.Context(), &kgo.Record{Topic: "events", Partition: 2, Value: []byte(`{"id":9}`)}).FirstErr() == nil
	}, 5*time.Second, 10*time.Millisecond)
	want := []string{"+I2e0", "+I9(null)"}
	rows, later := read(t, r, 2)
	require.Equal(t, want, rows)
	require.Contains(t, string(later), `"extra":{"0":1}`)
	rows, _ = read(t, mustOpen(t, f.config("topic=", "topic-pattern=e.*"), at), 2)
	require.Equal(t, want, rows, "a position that does not know them")
	f.put("events", 1, 1)
	rows, last := read(t, mustOpen(t, f.config(), later), 1)
	require.Equal(t, []string{"+I3e1"}, rows)
	require.Contains(t, string(last), `"extra":{"0":1}`, "a topic that is not read now keeps its place")
}

func TestTransactions(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(1, "one"))
	tx, err := kgo.NewClient(kgo.SeedBrokers(f.cluster.ListenAddrs()...), kgo.TransactionalID("tx"))
	require.NoError(t, err)
	defer tx.Close()
	transact := func(id int, end kgo.TransactionEndTry) {
		require.NoError(t, tx.BeginTransaction())
		require.NoError(t, tx.ProduceSync(t.Context(), &kgo.Record{Topic: "one", Value: fmt.Appendf(nil, `{"id":%d}`, id)}).FirstErr())
		require.NoError(t, tx.EndTransaction(t.Context(), end))
	}
	transact(1, kgo.TryCommit)
	transact(2, kgo.TryAbort)
	c := f.config("topic=one", "scan.bounded.mode=latest-offset")
	rows, at := drain(t, mustOpen(t, c, ""))
	require.Equal(t, []string{"+I1(null)"}, rows)
	require.Contains(t, string(at), `"at":{"one":{"0":4}}`)
	rows, _ = drain(t, mustOpen(t, f.config("topic=one", "scan.bounded.mode=latest-offset", "properties.isolation.level=read_uncommitted"), ""))
	require.Equal(t, []string{"+I1(null)", "+I2(null)"}, rows)
	// An end within an aborted transaction.
	rows, at = drain(t, mustOpen(t, f.config("topic=one", "scan.bounded.mode=specific-offsets", "scan.bounded.specific-offsets=partition:0,offset:3"), ""))
	require.Equal(t, []string{"+I1(null)"}, rows)
	require.Contains(t, string(at), `"at":{"one":{"0":3}}`)
}

// The end may lie behind records of an aborted transaction and before those of
// an open one: then no record comes up to it.
func TestEndBetweenTransactions(t *testing.T) {
	f := newFake(t, kfake.SeedTopics(1, "one"))
	begin := func(name string) *kgo.Client {
		tx, err := kgo.NewClient(kgo.SeedBrokers(f.cluster.ListenAddrs()...), kgo.TransactionalID(name))
		require.NoError(t, err)
		t.Cleanup(tx.Close)
		require.NoError(t, tx.BeginTransaction())
		require.NoError(t, tx.ProduceSync(t.Context(), &kgo.Record{Topic: "one", Value: []byte(`{"id":1}`)}).FirstErr())
		return tx
	}
	aborted := begin("a")
	begin("b") // stays open
	require.NoError(t, aborted.EndTransaction(t.Context(), kgo.TryAbort))
	rows, at := drain(t, mustOpen(t, f.config("topic=one", "scan.bounded.mode=latest-offset"), ""))
	require.Empty(t, rows)
	require.Contains(t, string(at), `"at":{"one":{"0":1}},"end":{"one":{"0":1}}`)
}

func TestDebezium(t *testing.T) {
	f := newFake(t)
	f.putText("events", 0, `{"op":"c","after":{"id":1,"s":"a"},"source":{"ts_ms":1600000000000}}`)
	f.putText("events", 0, `{"op":"u","before":{"id":1,"s":"a"},"after":{"id":1,"s":"b"},"source":{"ts_ms":1600000000001}}`)
	f.putText("events", 0, `{"op":"d","before":{"id":1,"s":"b"},"source":{"ts_ms":1600000000002}}`)
	require.NoError(t, f.cl.ProduceSync(t.Context(), &kgo.Record{Topic: "events", Key: []byte("1")}).FirstErr()) // a tombstone
	c := f.config("format=", "value.format=debezium-json", "value.debezium-json.ignore-parse-errors=false", "scan.bounded.mode=latest-offset")
	r := mustOpen(t, c, "")
	var rows []string
	for {
		b, err := r.Next(t.Context())
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if b.Rows.NumRows() > 0 {
			require.Equal(t, int64(1600000000002), b.Watermark.UnixMilli())
		}
		rows = append(rows, rowsOf(b)...)
	}
	require.Equal(t, []string{"+I1a", "-U1a", "+U1b", "-D1b"}, rows)
}

func TestFields(t *testing.T) {
	f := newFake(t)
	_, err := New(f.config(), fields, []string{"id"})
	require.ErrorContains(t, err, "PRIMARY KEY")
	_, err = New(f.config(), []types.Field{{Name: "v", Type: types.Of(types.Variant)}}, nil)
	require.ErrorIs(t, err, errs.ErrUnsupported)
	_, err = New(f.config(), nil, nil)
	require.ErrorContains(t, err, "no columns")
	s, err := New(f.config(), fields, nil)
	require.NoError(t, err)
	require.Equal(t, fields, s.Fields())
	require.False(t, s.Bounded())
}
