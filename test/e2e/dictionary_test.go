package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Events come as files and become a table; four jobs in processes of their own
// make dictionaries of the devices in it: the users' own script with auto_id(),
// and two with dense_id() that share one table. All of them are killed at random
// moments. In the end every device has one id in each dictionary, the one that
// it was first seen with, and those of dense_id() are 1 to their number.
func TestDictionaryKill(t *testing.T) {
	f := newDictionaryRun(t)
	rounds := number(t, "TARN_KILL_ROUNDS", 5)
	for round := range rounds {
		f.emit(40 + f.r.Intn(200))
		f.kill(round)
		f.look()
	}
	f.emit(100)
	f.settle()
	f.check(rounds)
}

// dictionaries are the tables that the jobs fill.
var dictionaries = []string{"dict.mid_mapping", "dict.dense", "dict.upper"}

const dictionaryTables = `
CREATE TABLE dict.dense (mid STRING NOT NULL, mid_int BIGINT, PRIMARY KEY (mid) NOT ENFORCED)
WITH ('merge-engine' = 'first-row', 'ignore-delete' = 'true', 'changelog-producer' = 'lookup');
CREATE TABLE dict.upper (mid STRING NOT NULL, mid_int BIGINT, PRIMARY KEY (mid) NOT ENFORCED)
WITH ('merge-engine' = 'first-row', 'ignore-delete' = 'true', 'bucket' = '2', 'changelog-producer' = 'lookup');
`

const eventsJob = `
CREATE TEMPORARY TABLE log (event_time TIMESTAMP(3), dt STRING, hh STRING, product STRING, member_level INT, mid STRING, qid STRING)
WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json', 'source.monitor-interval' = '20 ms');
INSERT INTO dwd.cashier_imp_event SELECT * FROM log;
`

type dictionaryRun struct {
	t         *testing.T
	lake      *lake
	r         *rand.Rand
	log       string // folder of event files
	files     int
	events    int
	mids      map[string]bool
	processes []*process
	seen      map[string]map[string]string // per dictionary: the rows seen so far
}

func newDictionaryRun(t *testing.T) *dictionaryRun {
	t.Helper()
	dir := t.ArtifactDir()
	f := &dictionaryRun{t: t, r: rand.New(rand.NewSource(seed(t))), lake: openLake(t, filepath.Join(dir, "lake")), log: filepath.Join(dir, "log"),
		mids: map[string]bool{}, seen: map[string]map[string]string{}}
	require.NoError(t, os.MkdirAll(f.log, 0o755))
	mustTarn(t, "run", script(t, dir, "databases.sql", "CREATE DATABASE dwd; CREATE DATABASE dict; CREATE DATABASE dws;"),
		"../../examples/membership/10_bitmap_ddl.sql", script(t, dir, "tables.sql", dictionaryTables), "-w", f.lake.dir)
	f.emit(500)
	run := func(name, path string) {
		f.processes = append(f.processes, start(t, name, "run", path, "--set", fmt.Sprintf("execution.checkpointing.interval=%d ms", 60+f.r.Intn(100)), "-w", f.lake.dir))
	}
	run("events", script(t, dir, "events.sql", fmt.Sprintf(eventsJob, f.log)))
	run("auto", "../../examples/membership/11_dictionary_job.sql")
	for _, name := range []string{"one", "two"} {
		run(name, script(t, dir, name+".sql", `EXECUTE STATEMENT SET BEGIN
INSERT INTO dict.dense SELECT mid, dense_id('dict.dense') AS mid_int FROM dwd.cashier_imp_event;
INSERT INTO dict.upper SELECT UPPER(mid), dense_id('dict.upper') FROM dwd.cashier_imp_event WHERE mid IS NOT NULL;
END;`))
	}
	return f
}

// emit adds a file of events; devices come again and again, and new ones come.
func (f *dictionaryRun) emit(n int) {
	var b strings.Builder
	for range n {
		mid := fmt.Sprintf("m%05x", f.r.Intn(100+f.events))
		f.events++
		f.mids[mid] = true
		fmt.Fprintf(&b, `{"event_time":"2025-06-01 00:00:00.%03d","dt":"2025-06-01","hh":"%02d","product":"p","member_level":1,"mid":"%s","qid":"q"}`+"\n", f.r.Intn(1000), f.r.Intn(3), mid)
	}
	f.files++
	whole := filepath.Join(f.t.ArtifactDir(), "whole.json")
	require.NoError(f.t, os.WriteFile(whole, []byte(b.String()), 0o644))
	require.NoError(f.t, os.Rename(whole, filepath.Join(f.log, fmt.Sprintf("%06d.json", f.files))))
}

func (f *dictionaryRun) kill(round int64) {
	p := f.processes[f.r.Intn(len(f.processes))]
	time.Sleep(time.Duration(f.r.Intn(1500)) * time.Millisecond)
	require.True(f.t, p.kill(), "round %d: %s ended by itself: %v\n%s", round, p.name, p.err, p.out.lines(20))
	p.launch()
}

// look holds the dictionaries against what was seen before: no id changes.
func (f *dictionaryRun) look() {
	f.t.Helper()
	for _, name := range dictionaries {
		now := f.lake.state(name)
		for key, row := range f.seen[name] {
			require.Equal(f.t, row, now[key], "table %s", name)
		}
		f.seen[name] = now
	}
}

func (f *dictionaryRun) settle() {
	f.t.Helper()
	for _, name := range dictionaries {
		eventually(f.t, 60*time.Second, func() error {
			if have := len(f.lake.state(name)); have != len(f.mids) {
				var b strings.Builder
				for _, p := range f.processes {
					fmt.Fprintf(&b, "--- %s\n%s\n", p.name, p.out.lines(8))
				}
				return fmt.Errorf("table %s has %d of %d devices\n%s", name, have, len(f.mids), b.String())
			}
			return nil
		})
	}
	f.look()
	for _, p := range f.processes {
		if err := p.stop(); err != nil && !strings.Contains(p.out.String(), "signal received") {
			require.NoError(f.t, err, p.out.lines(10))
		}
		require.NotContains(f.t, p.out.String(), " failed", "a job gave up: %s", p.name)
	}
}

func (f *dictionaryRun) check(rounds int64) {
	f.t.Helper()
	count := mustTarn(f.t, "sql", "-w", f.lake.dir, "-e", "SELECT COUNT(*) AS n FROM dwd.cashier_imp_event", "--format", "csv")
	require.Equal(f.t, []string{"n", fmt.Sprint(f.events)}, strings.Fields(count), "events are there once")
	var report []string
	for _, name := range dictionaries {
		state := f.lake.state(name)
		ids := map[int64]bool{}
		for key, text := range state {
			var row struct {
				Mid     string
				Mid_int int64 //nolint:revive // the column's name
			}
			require.NoError(f.t, json.Unmarshal([]byte(text), &row))
			require.True(f.t, f.mids[strings.ToLower(row.Mid)], "table %s: no event has %s", name, key)
			require.False(f.t, ids[row.Mid_int], "table %s: id %d is given twice", name, row.Mid_int)
			require.Positive(f.t, row.Mid_int)
			ids[row.Mid_int] = true
		}
		if name != "dict.mid_mapping" {
			for id := range int64(len(state)) {
				require.True(f.t, ids[id+1], "table %s: id %d of %d is missing", name, id+1, len(state))
			}
			again, changes, err := f.lake.replay(name)
			require.NoError(f.t, err)
			require.NoError(f.t, differ("changelog of "+name, state, again))
			require.Equal(f.t, len(state), changes, "every device is told once")
		}
		snapshots, orphans := f.lake.whole(name)
		report = append(report, fmt.Sprintf("%s: %d devices, %d snapshots, %d orphans", name, len(state), snapshots, orphans))
	}
	f.t.Logf("%d kills, %d events\n%s", rounds, f.events, strings.Join(report, "\n"))
}
