package mysqlwire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Server accepts MySQL clients. Create it with New.
type Server struct {
	opts      Options
	backend   Backend
	accounts  map[string]account
	variables map[string]variable // defaults of every session; never changed
	listener  net.Listener
	budget    budget
	started   time.Time

	mu     sync.Mutex
	conns  map[uint32]*conn
	lastID uint32
	wg     sync.WaitGroup
	served atomic.Uint64 // statements so far
}

// New checks the options and takes the port; clients are served by Run. An
// address that other machines can reach is refused with errs.ErrInvalid while
// a user has no password.
func New(opts Options, backend Backend) (*Server, error) {
	opts = opts.withDefaults()
	accounts, err := opts.validate()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", opts.Addr)
	if err != nil {
		return nil, fmt.Errorf("mysql server: listen on %s: %w", opts.Addr, err)
	}
	s := &Server{
		opts: opts, backend: backend, accounts: accounts, listener: listener,
		conns: map[uint32]*conn{}, started: time.Now(),
	}
	s.budget.limit = opts.MaxMemory
	s.variables = defaultVariables(opts, s.Addr())
	return s, nil
}

// Addr is the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close frees the port of a server whose Run was never called.
func (s *Server) Close() error { return s.listener.Close() }

// Run serves clients until ctx ends. Then it stops accepting, cancels running
// statements, gives them Options.ShutdownGrace, and waits for every connection
// and session to be closed. It returns nil when ctx ended it.
func (s *Server) Run(ctx context.Context) error {
	// Not a child of ctx, whose end would give a cause that clients cannot tell
	// from KILL.
	runCtx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(errShutdown)
	stop := context.AfterFunc(ctx, func() {
		cancel(errShutdown)
		s.listener.Close()
	})
	defer stop()
	err := s.accept(runCtx)
	if ctx.Err() != nil {
		err = nil
	}
	cancel(errShutdown)
	s.listener.Close()
	cut := time.AfterFunc(s.opts.ShutdownGrace, s.cutAll)
	defer cut.Stop()
	s.wg.Wait()
	return err
}

func (s *Server) accept(ctx context.Context) error {
	var delay time.Duration
	for {
		nc, err := s.listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				nc.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("mysql server: accept on %s: %w", s.opts.Addr, err)
		case err != nil: // out of file descriptors and the like: they come back
			s.report(0, fmt.Errorf("mysql server: accept on %s: %w", s.opts.Addr, err))
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(delay):
			case <-ctx.Done():
			}
		default:
			delay = 0
			s.start(ctx, nc)
		}
	}
}

// start runs a connection in its own goroutine, or turns it away.
func (s *Server) start(ctx context.Context, nc net.Conn) {
	s.mu.Lock()
	s.lastID++
	for s.lastID == 0 || s.conns[s.lastID] != nil {
		s.lastID++
	}
	c := newConn(s, s.lastID, nc)
	full := len(s.conns) >= s.opts.MaxConnections
	if !full {
		s.conns[c.id] = c
		s.wg.Add(1)
	}
	s.mu.Unlock()
	if full {
		// The packet fits the empty socket buffer, so this does not wait.
		_ = c.writeError(ctx, Errorf(CodeTooManyConnections, "Too many connections (limit %d)", s.opts.MaxConnections))
		_ = c.w.flush()
		nc.Close()
		return
	}
	go func() {
		defer s.wg.Done()
		if err := c.run(ctx); err != nil {
			s.report(c.id, err)
		}
		s.mu.Lock()
		delete(s.conns, c.id)
		s.mu.Unlock()
	}()
}

func (s *Server) cutAll() {
	for _, c := range s.snapshot() {
		c.cut()
	}
}

// snapshot lists the connections by id.
func (s *Server) snapshot() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *conn) int { return cmp.Compare(a.id, b.id) })
	return all
}

func (s *Server) report(id uint32, err error) {
	if s.opts.OnError != nil {
		s.opts.OnError(id, err)
	}
}

// kill ends the running statement of connection id, or with whole the
// connection. Users end their own; root ends all.
func (s *Server) kill(id uint64, whole bool, by *conn) error {
	s.mu.Lock()
	victim := s.conns[uint32(id)]
	s.mu.Unlock()
	if victim == nil || id>>32 != 0 {
		return Errorf(CodeUnknownThread, "Unknown thread id: %d", id)
	}
	if by.user != "root" && by.user != victim.owner() {
		return Errorf(CodeKillDenied, "You are not owner of thread %d", id)
	}
	victim.cancelQuery(errKilled)
	if whole && victim != by {
		victim.cut()
	}
	return nil
}
