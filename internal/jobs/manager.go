package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tarndb/tarn/paimon"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

// Options of a Manager.
type Options struct {
	Warehouse *paimon.Warehouse
	// LockDir is a local directory for locks that keep two processes from
	// running the same job; "" for none.
	LockDir string
	// RestartWait is the wait after the first failure; it doubles up to
	// RestartMax. Defaults 500 ms and 30 s.
	RestartWait, RestartMax time.Duration
	// CompactEvery is the least time between two compactions of a write-only
	// table that a job writes; default 1 s.
	CompactEvery time.Duration
	// ExpireEvery is how often tables that jobs write are looked at for
	// snapshots to expire; default 10 s.
	ExpireEvery time.Duration
}

// Manager starts and stops the jobs of a process, restarts them after failures
// that may pass, compacts the write-only tables that they write and expires old
// snapshots of all.
type Manager struct {
	o         Options
	store     stateStore
	compactor *compactor
	expirer   *expirer
	ctx       context.Context
	cancel    context.CancelFunc
	wg        sync.WaitGroup

	mu   sync.Mutex
	jobs map[string]*Job
}

// NewManager makes a manager; Close ends it.
func NewManager(o Options) *Manager {
	if o.RestartWait <= 0 {
		o.RestartWait = 500 * time.Millisecond
	}
	if o.RestartMax <= 0 {
		o.RestartMax = 30 * time.Second
	}
	if o.CompactEvery <= 0 {
		o.CompactEvery = time.Second
	}
	if o.ExpireEvery <= 0 {
		o.ExpireEvery = 10 * time.Second
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &Manager{o: o, store: stateStore{o.Warehouse.Store()}, ctx: ctx, cancel: cancel, jobs: map[string]*Job{}}
	m.compactor, m.expirer = newCompactor(o.Warehouse, o.CompactEvery), newExpirer(o.ExpireEvery, m.floor)
	for _, serve := range []func(context.Context){m.compactor.run, m.expirer.run} {
		m.wg.Add(1)
		go func() {
			defer m.wg.Done()
			serve(ctx)
		}()
	}
	return m
}

// committed says that a job committed to t.
func (m *Manager) committed(t *paimon.Table) {
	m.compactor.touch(t)
	m.expirer.touch(t)
}

// floor gives the oldest snapshot of a table that jobs of this process that
// are not over have yet to read; 0 for none.
func (m *Manager) floor(table string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	least := int64(0)
	for _, j := range m.jobs {
		select {
		case <-j.done:
			continue
		default:
		}
		if id := j.needs.least(table); id > 0 && (least == 0 || id < least) {
			least = id
		}
	}
	return least
}

// stat is what a running job counts.
type stat struct {
	rowsIn, rowsOut, commits, lastCommit, snapshot, lag atomic.Int64
}

// Job is a submitted job.
type Job struct {
	spec    Spec
	m       *Manager
	started time.Time
	stat    stat
	needs   needs
	cancel  context.CancelFunc
	done    chan struct{}

	mu       sync.Mutex
	state    State
	err      error
	restarts int
}

// Submit starts a job. A running job of the same name is errs.ErrExists.
func (m *Manager) Submit(s Spec) (*Job, error) {
	if s.Interval <= 0 {
		s.Interval = time.Second
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.jobs[s.Name]; old != nil {
		if !old.Status().State.over() {
			s.Close()
			return nil, errs.Kinded(errs.ErrExists, "job %s is running; stop it first, or give this one another name with SET 'pipeline.name' = '…'", s.Name)
		}
		<-old.done // its lock goes last
	}
	unlock, err := lockJob(m.o.LockDir, s.Name)
	if err != nil {
		s.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(m.ctx)
	j := &Job{spec: s, m: m, started: time.Now(), cancel: cancel, done: make(chan struct{}), state: Running}
	m.jobs[s.Name] = j
	m.wg.Add(1)
	go func() {
		defer m.wg.Done()
		defer close(j.done)
		defer unlock()
		m.supervise(ctx, j)
	}()
	return j, nil
}

// over reports whether a job in this state will do nothing any more.
func (s State) over() bool { return s == Finished || s == Canceled || s == Failed }

// supervise runs attempts until one ends well or fails for good.
func (m *Manager) supervise(ctx context.Context, j *Job) {
	defer j.spec.Close()
	wait := m.o.RestartWait
	for {
		before := j.stat.commits.Load()
		r := &run{spec: &j.spec, store: m.store, stat: &j.stat, needs: &j.needs, ended: m.committed}
		err := r.execute(ctx)
		switch {
		case err == nil:
			for _, t := range j.spec.Sinks {
				if err := m.compactor.settle(ctx, t); err != nil && ctx.Err() == nil {
					j.set(Finished, err)
					return
				}
			}
			j.set(Finished, nil)
			return
		case ctx.Err() != nil:
			j.set(Canceled, nil)
			return
		case !passing(err):
			j.set(Failed, err)
			return
		}
		j.set(Restarting, err)
		if j.stat.commits.Load() > before {
			wait = m.o.RestartWait
		}
		select {
		case <-ctx.Done():
			j.set(Canceled, nil)
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, m.o.RestartMax)
		if err := j.reopen(ctx); err != nil && ctx.Err() == nil {
			if !passing(err) {
				j.set(Failed, err)
				return
			}
			j.set(Restarting, err)
		}
	}
}

// passing tells errors that time may heal (a full disk, a lost server, a lost
// race) from those that only a person can.
func passing(err error) bool {
	for _, kind := range []error{errs.ErrInvalid, errs.ErrUnsupported, errs.ErrCorrupt, errs.ErrNotFound} {
		if errors.Is(err, kind) {
			return false
		}
	}
	return true
}

func (j *Job) set(s State, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state, j.err = s, err
	if s == Restarting {
		j.restarts++
	}
}

// reopen opens the sink tables again, in case their schema changed.
func (j *Job) reopen(ctx context.Context) error {
	for i, t := range j.spec.Sinks {
		again, err := t.Reopen(ctx)
		if err != nil {
			return fmt.Errorf("reopen table %s: %w", t.Name(), err)
		}
		if !slices.EqualFunc(again.Fields(), t.Fields(), sameField) {
			return errs.Invalid("table %s has other columns now (schema %d): start job %s again", t.Name(), again.Schema().ID, j.spec.Name)
		}
		j.mu.Lock()
		j.spec.Sinks[i] = again
		j.mu.Unlock()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state = Running
	return nil
}

func sameField(a, b types.Field) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Type.Equal(b.Type)
}

// Status tells how the job is.
func (j *Job) Status() Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Status{Name: j.spec.Name, State: j.state, SQL: j.spec.SQL, Started: j.started, RowsIn: j.stat.rowsIn.Load(), RowsOut: j.stat.rowsOut.Load(),
		Commits: j.stat.commits.Load(), Snapshot: j.stat.snapshot.Load(), Lag: time.Duration(j.stat.lag.Load()), Restarts: j.restarts, Err: j.err}
	if n := j.stat.lastCommit.Load(); n > 0 {
		s.LastCommit = time.Unix(0, n)
	}
	for _, t := range j.spec.Sinks {
		if s.Err == nil && s.State == Running {
			s.Err = errors.Join(j.m.compactor.failure(t.Name()), j.m.expirer.failure(t.Name()))
		}
	}
	return s
}

// Done is closed when the job is over.
func (j *Job) Done() <-chan struct{} { return j.done }

// Stop cancels the job and waits for its end. What is committed stays.
func (j *Job) Stop() {
	j.cancel()
	<-j.done
}

// List gives the status of all jobs by name.
func (m *Manager) List() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Status
	for _, j := range m.jobs {
		out = append(out, j.Status())
	}
	sort.Slice(out, func(a, b int) bool { return out[a].Name < out[b].Name })
	return out
}

// Get finds a job by name.
func (m *Manager) Get(name string) (*Job, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j, ok := m.jobs[name]
	return j, ok
}

// Close stops all jobs and services and waits for them.
func (m *Manager) Close() {
	m.cancel()
	m.wg.Wait()
}
