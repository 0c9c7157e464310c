package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/internal/rowjson"
	"github.com/tarndb/tarn/test/env/kafka"
)

const impTable = `
CREATE DATABASE IF NOT EXISTS dwd;
CREATE TABLE dwd.cashier_imp_event (
    event_time TIMESTAMP(3), dt STRING, hh STRING, product STRING, member_level INT, mid STRING, qid STRING
) PARTITIONED BY (dt, hh);
`

// impScript inserts what Kafka has into the table of impTable.
func impScript(brokers, options string) string {
	return fmt.Sprintf(`
CREATE TEMPORARY TABLE imp (event_time TIMESTAMP(3), product STRING, member_level INT, mid STRING, qid STRING) WITH (
    'connector' = 'kafka', 'topic' = 'cashier_imp', 'properties.bootstrap.servers' = '%s', 'format' = 'json',
    'scan.startup.mode' = 'earliest-offset', 'scan.topic-partition-discovery.interval' = '500 ms'%s);
INSERT INTO dwd.cashier_imp_event
SELECT event_time, DATE_FORMAT(event_time, 'yyyy-MM-dd'), DATE_FORMAT(event_time, 'HH'), product, member_level, mid, qid FROM imp;
`, brokers, options)
}

// kafkaRun is a broker with events that come in all the time.
type kafkaRun struct {
	t      *testing.T
	server *kafka.Server
	lake   *lake
	stop   chan struct{}
	wg     sync.WaitGroup

	// Of the producer until wg is done.
	made int // events that must be in the table, numbered from 0
	err  error
}

// A job reads a topic of a real broker into a table without a key, while the
// process is killed at random moments, the broker once, partitions are added
// and transactions are aborted: in the end every event is there exactly once.
func TestKafka(t *testing.T) {
	if os.Getenv("TARN_KAFKA") == "" {
		t.Skip("a suite of its own, which needs Apache Kafka: make test-kafka, or TARN_KAFKA=folder for its jars")
	}
	rounds, r := number(t, "TARN_KILL_ROUNDS", 8), rand.New(rand.NewSource(seed(t)))
	server, err := kafka.Start(t.Context(), kafka.Options{Users: map[string]string{"alice": "secret"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	require.NoError(t, server.CreateTopic(t.Context(), "cashier_imp", 2))
	dir := t.ArtifactDir()
	k := &kafkaRun{t: t, server: server, lake: openLake(t, filepath.Join(dir, "lake")), stop: make(chan struct{})}
	ddl := script(t, dir, "ddl.sql", impTable)
	mustTarn(t, "run", ddl, "-w", k.lake.dir)
	job := script(t, dir, "job.sql", impScript(server.Brokers(), ""))
	p := start(t, "kafka", "run", job, "--set", fmt.Sprintf("execution.checkpointing.interval=%d ms", 100+r.Intn(150)), "-w", k.lake.dir)
	k.wg.Add(1)
	go k.produce()

	for round := range rounds {
		if round == rounds/2 {
			require.NoError(t, server.Kill())
			time.Sleep(time.Second)
			require.NoError(t, server.Restart(t.Context()))
			k.addPartition()
		}
		if round%2 == 0 { // not before something was committed
			k.awaitCommit(p)
			time.Sleep(time.Duration(r.Intn(500)) * time.Millisecond)
		} else {
			time.Sleep(time.Duration(r.Intn(3000)) * time.Millisecond)
		}
		require.True(t, p.kill(), "round %d: tarn ended by itself: %v\n%s", round, p.err, p.out.lines(20))
		p.launch()
	}
	close(k.stop)
	k.wg.Wait()
	require.NoError(t, k.err)
	k.settle(p)
	require.NoError(t, p.stop())
	p.launch() // once more from the last position
	time.Sleep(2 * time.Second)
	k.settle(p)
	require.NoError(t, p.stop(), p.out.lines(10))
	t.Run("bounded", func(t *testing.T) { k.bounded(t, dir) })
	t.Run("deleted", func(t *testing.T) { k.deleted(t, job) })
}

// produce adds events in transactions, of which some are aborted, until stop.
func (k *kafkaRun) produce() {
	defer k.wg.Done()
	for n := 0; ; n++ {
		select {
		case <-k.stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
		var err error
		if n%10 == 9 {
			err = k.transact(n%20 == 19)
		} else {
			lines := k.events(k.made, 200)
			if err = kafka.Produce(context.Background(), k.server.Brokers(), "cashier_imp", lines); err == nil {
				k.made += len(lines)
			}
		}
		if err != nil {
			k.err = err
			return
		}
	}
}

// events gives n events as JSON, numbered from first.
func (k *kafkaRun) events(first, n int) []string {
	out := make([]string, n)
	for i := range out {
		id := first + i
		out[i] = fmt.Sprintf(`{"event_time":"2026-01-%02d %02d:30:00.%03d","product":"p%d","member_level":%d,"mid":"m%d","qid":"q%d"}`,
			1+id%3, id%24, id%1000, id%7, id%5, id, id)
	}
	return out
}

// transact adds events in one transaction; those of an aborted one are not to
// be seen.
func (k *kafkaRun) transact(abort bool) error {
	ctx := context.Background()
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.server.Brokers()), kgo.TransactionalID("imp"), kgo.DefaultProduceTopic("cashier_imp"))
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	lines := k.events(k.made, 30)
	if abort {
		lines = k.events(1_000_000_000, 30)
	}
	var records []*kgo.Record
	for _, l := range lines {
		records = append(records, kgo.StringRecord(l))
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	if err := cl.EndTransaction(ctx, kgo.TransactionEndTry(!abort)); err != nil {
		return err
	}
	if !abort {
		k.made += len(lines)
	}
	return nil
}

func (k *kafkaRun) admin() *kadm.Client {
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.server.Brokers()))
	require.NoError(k.t, err)
	k.t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

func (k *kafkaRun) addPartition() {
	got, err := k.admin().CreatePartitions(k.t.Context(), 1, "cashier_imp")
	require.NoError(k.t, err)
	require.NoError(k.t, got.Error())
}

// counts reads how often every mid is in the table.
func (k *kafkaRun) counts(t *testing.T) map[string]int {
	table := k.lake.table("dwd.cashier_imp_event")
	snap, err := table.LatestSnapshot(t.Context())
	require.NoError(t, err)
	out := map[string]int{}
	if snap == nil {
		return out
	}
	plan, err := table.Plan(t.Context(), snap, nil)
	require.NoError(t, err)
	r := plan.Read(t.Context(), plan.Splits, nil)
	defer r.Close()
	at, err := table.Schema().Indexes([]string{"mid"})
	require.NoError(t, err)
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		for i := range int(b.Rows.NumRows()) {
			out[string(rowjson.AppendValue(nil, table.Fields()[at[0]].Type, b.Rows.Column(at[0]), i))]++
		}
		b.Rows.Release()
	}
}

// snapshot is the newest of the table; 0 for none.
func (k *kafkaRun) snapshot() int64 {
	snap, err := k.lake.table("dwd.cashier_imp_event").LatestSnapshot(k.t.Context())
	require.NoError(k.t, err)
	if snap == nil {
		return 0
	}
	return snap.ID
}

func (k *kafkaRun) awaitCommit(p *process) {
	k.t.Helper()
	before := k.snapshot()
	eventually(k.t, 2*time.Minute, func() error {
		if k.snapshot() > before {
			return nil
		}
		return fmt.Errorf("nothing is committed after snapshot %d\n%s", before, p.out.lines(10))
	})
}

// settle waits until all events are there, and finds none twice and no other.
func (k *kafkaRun) settle(p *process) {
	k.t.Helper()
	var counts map[string]int
	eventually(k.t, 3*time.Minute, func() error {
		if counts = k.counts(k.t); len(counts) < k.made {
			return fmt.Errorf("%d of %d events are there\n%s", len(counts), k.made, p.out.lines(10))
		}
		return nil
	})
	require.Len(k.t, counts, k.made)
	for id := range k.made {
		require.Equal(k.t, 1, counts[fmt.Sprintf(`"m%d"`, id)], "event %d", id)
	}
	k.t.Logf("%d events, each once, in %d snapshots", k.made, k.snapshot())
}

// bounded reads all of the topic as a user, into a table of its own, and ends.
func (k *kafkaRun) bounded(t *testing.T, dir string) {
	login := func(password string) string {
		text := impScript(k.server.SASLBrokers(), `, 'scan.bounded.mode' = 'latest-offset', 'properties.security.protocol' = 'SASL_PLAINTEXT', 'properties.sasl.mechanism' = 'PLAIN',
			'properties.sasl.jaas.config' = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="alice" password="`+password+`";'`)
		return script(t, dir, "bounded.sql", text)
	}
	other := &kafkaRun{t: t, server: k.server, made: k.made, lake: openLake(t, filepath.Join(dir, "lake2"))}
	mustTarn(t, "run", script(t, dir, "ddl2.sql", impTable), "-w", other.lake.dir)
	out, err := tarn(t, "run", login("wrong"), "-w", other.lake.dir)
	require.Error(t, err, out)
	require.Contains(t, out, "user alice is not let in (PLAIN)")
	p := start(t, "bounded", "run", login("secret"), "-w", other.lake.dir)
	eventually(t, time.Minute, func() error {
		if p.ended() {
			return nil
		}
		return errors.New("the job has not come to its end")
	})
	require.NoError(t, p.err, p.out.lines(10))
	other.settle(p)
}

// deleted starts the job again after Kafka has dropped what it did not read.
func (k *kafkaRun) deleted(t *testing.T, job string) {
	require.NoError(t, kafka.Produce(t.Context(), k.server.Brokers(), "cashier_imp", k.events(k.made, 50)))
	adm := k.admin()
	end, err := adm.ListEndOffsets(t.Context(), "cashier_imp")
	require.NoError(t, err)
	_, err = adm.DeleteRecords(t.Context(), end.Offsets())
	require.NoError(t, err)
	out, err := tarn(t, "run", job, "-w", k.lake.dir)
	require.Error(t, err, out)
	require.Contains(t, out, "is wanted, and Kafka has")
	require.Contains(t, out, "'scan.startup.specific-offsets' = 'partition:0,offset:")
	require.Len(t, k.counts(t), k.made)
}
