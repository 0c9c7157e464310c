package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a running tarn program.
type process struct {
	t    testing.TB
	name string
	args []string
	env  []string
	dir  string

	cmd  *exec.Cmd
	out  *output
	done chan struct{}
	err  error // valid when done is closed
}

// output keeps what a process prints; it may be read meanwhile.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// lines gives the last n lines.
func (o *output) lines(n int) string {
	all := strings.Split(strings.TrimSpace(o.String()), "\n")
	return strings.Join(all[max(0, len(all)-n):], "\n")
}

// start runs `tarn args…` until the test ends.
func start(t testing.TB, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, args: args, out: &output{}}
	p.launch()
	t.Cleanup(func() { p.kill() })
	return p
}

func (p *process) launch() {
	p.t.Helper()
	cmd := exec.Command(shared.program, p.args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = p.out, p.out, p.dir
	cmd.Env = append(os.Environ(), p.env...)
	// A test binary that is killed leaves no program behind.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	require.NoError(p.t, cmd.Start())
	p.cmd, p.done = cmd, make(chan struct{})
	go func(done chan struct{}) { // kill and stop wait for it
		p.err = cmd.Wait()
		close(done)
	}(p.done)
}

// ended reports whether the process is over.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the process as kill -9 does; false if it had ended by itself.
func (p *process) kill() bool {
	alive := !p.ended()
	_ = p.cmd.Process.Kill()
	<-p.done
	return alive
}

// stop ends the process in an orderly way.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not stop within 30 s", p.name)
	}
	return p.err
}

// await waits until the program prints want.
func (p *process) await(want string, limit time.Duration) {
	p.t.Helper()
	eventually(p.t, limit, func() error {
		if strings.Contains(p.out.String(), want) {
			return nil
		}
		return fmt.Errorf("%s has not printed %q but:\n%s", p.name, want, p.out.lines(20))
	})
}

// eventually calls f until it gives no error.
func eventually(t testing.TB, limit time.Duration, f func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			require.NoError(t, err, "after %s", limit)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// tarn runs a command to its end and gives what it prints.
func tarn(t testing.TB, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, shared.program, args...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustTarn(t testing.TB, args ...string) string {
	t.Helper()
	out, err := tarn(t, args...)
	require.NoError(t, err, out)
	return out
}

// script writes a file of SQL beside others.
func script(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
