// Package kafka starts a real Apache Kafka broker for tests and demos: one
// process that is broker and controller (KRaft), on loopback ports, with data
// of its own. Its jars come from Maven.
package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Options configure a broker. The zero value gives one on free ports, in a
// fresh temporary directory.
type Options struct {
	// Dir holds data and log; empty means a temporary directory that Close
	// removes. A Dir with data is reused as it is.
	Dir string
	// Jars is the folder of the broker's jars; empty means JarsDir.
	Jars string
	// Port on 127.0.0.1; 0 takes a free one.
	Port int
	// Users, when there are any, may also come in at SASLBrokers, with
	// SASL_PLAINTEXT and PLAIN: name → password.
	Users map[string]string
	// Properties are added to server.properties, above the defaults.
	Properties map[string]string
	// StartTimeout bounds Start and Restart; 0 means 2 min.
	StartTimeout time.Duration
}

// Server is one running broker. Its methods are safe for concurrent use.
type Server struct {
	opts                 Options
	controller, saslPort int
	tempDir              bool

	mu   sync.Mutex
	proc *exec.Cmd
	done chan struct{} // closed when proc has been waited for
	log  *os.File
}

// Start fetches the jars if needed, makes the data directory and runs a broker
// until it answers. Its error matches ErrNotInstalled when there is no broker
// to be had.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.StartTimeout == 0 {
		opts.StartTimeout = 2 * time.Minute
	}
	s := &Server{opts: opts}
	err := s.prepare(ctx)
	if err == nil {
		err = s.launch(ctx)
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) prepare(ctx context.Context) error {
	var err error
	if s.opts.Jars == "" {
		if s.opts.Jars, err = JarsDir(); err != nil {
			return err
		}
	}
	if err := Fetch(ctx, s.opts.Jars); err != nil {
		return err
	}
	if _, err := exec.LookPath("java"); err != nil {
		return fmt.Errorf("%w: java is not on PATH", ErrNotInstalled)
	}
	if s.opts.Dir == "" {
		if s.opts.Dir, err = os.MkdirTemp("", "tarn-kafka-"); err != nil {
			return fmt.Errorf("make broker directory: %w", err)
		}
		s.tempDir = true
	}
	for _, port := range []*int{&s.opts.Port, &s.controller, &s.saslPort} {
		if *port == 0 {
			if *port, err = freePort(); err != nil {
				return err
			}
		}
	}
	if err := os.WriteFile(s.propertiesFile(), []byte(s.properties()), 0o600); err != nil {
		return fmt.Errorf("write the broker's properties: %w", err)
	}
	if _, err := os.Stat(filepath.Join(s.dataDir(), "meta.properties")); err == nil {
		return nil
	}
	format := s.java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", s.propertiesFile())
	if out, err := format.CombinedOutput(); err != nil {
		return fmt.Errorf("format the broker's data directory: %w: %s", err, tail(out))
	}
	return ctx.Err()
}

// Brokers is the address for clients without a user: host:port.
func (s *Server) Brokers() string { return fmt.Sprintf("127.0.0.1:%d", s.opts.Port) }

// SASLBrokers is the address for Options.Users.
func (s *Server) SASLBrokers() string { return fmt.Sprintf("127.0.0.1:%d", s.saslPort) }

// Stop ends the broker in an orderly way and waits for it. The data stays.
func (s *Server) Stop() error { return s.end(syscall.SIGTERM) }

// Kill ends the broker at once, as a crash would. The data stays.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

// Restart starts a stopped broker again on the same ports and data.
func (s *Server) Restart(ctx context.Context) error { return s.launch(ctx) }

// Close ends the broker; a temporary directory is removed, so that its broker
// need not stop in an orderly way.
func (s *Server) Close() error {
	if !s.tempDir {
		return s.Stop()
	}
	return errors.Join(s.Kill(), os.RemoveAll(s.opts.Dir))
}

// CreateTopic makes a topic.
func (s *Server) CreateTopic(ctx context.Context, topic string, partitions int) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()))
	if err != nil {
		return err
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, int32(partitions), 1, nil, topic); err != nil {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	return nil
}

// Produce adds a record for each line to a topic, spread over its partitions,
// and waits until the broker has them all. brokers is host:port, several by
// ','. The records of one call stay in order within a partition; none is there
// twice, even if connections break.
func Produce(ctx context.Context, brokers, topic string, lines []string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	if err != nil {
		return fmt.Errorf("produce to topic %s: %w", topic, err)
	}
	defer cl.Close()
	records := make([]*kgo.Record, len(lines))
	for i, line := range lines {
		records[i] = kgo.StringRecord(line)
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("produce to topic %s at %s: %w", topic, brokers, err)
	}
	return nil
}

func (s *Server) dataDir() string        { return filepath.Join(s.opts.Dir, "data") }
func (s *Server) propertiesFile() string { return filepath.Join(s.opts.Dir, "server.properties") }
func (s *Server) logFile() string        { return filepath.Join(s.opts.Dir, "server.log") }

func (s *Server) properties() string {
	listeners := []string{fmt.Sprintf("PLAINTEXT://127.0.0.1:%d", s.opts.Port)}
	if len(s.opts.Users) > 0 {
		listeners = append(listeners, fmt.Sprintf("SASL_PLAINTEXT://127.0.0.1:%d", s.saslPort))
	}
	public := strings.Join(listeners, ",")
	p := map[string]string{
		"process.roles": "broker,controller", "node.id": "1",
		"controller.quorum.voters":  fmt.Sprintf("1@127.0.0.1:%d", s.controller),
		"controller.listener.names": "CONTROLLER", "inter.broker.listener.name": "PLAINTEXT",
		"listeners": fmt.Sprintf("%s,CONTROLLER://127.0.0.1:%d", public, s.controller), "advertised.listeners": public,
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
		"log.dirs":                       s.dataDir(), "num.partitions": "2", "auto.create.topics.enable": "false",
		"offsets.topic.replication.factor": "1", "offsets.topic.num.partitions": "2",
		"transaction.state.log.replication.factor": "1", "transaction.state.log.min.isr": "1", "transaction.state.log.num.partitions": "2",
		"group.initial.rebalance.delay.ms": "0",
	}
	if len(s.opts.Users) > 0 {
		jaas := "org.apache.kafka.common.security.plain.PlainLoginModule required"
		for user, password := range s.opts.Users {
			jaas += fmt.Sprintf(" user_%s=%q", user, password)
		}
		p["sasl.enabled.mechanisms"] = "PLAIN"
		p["listener.name.sasl_plaintext.plain.sasl.jaas.config"] = jaas + ";"
	}
	for k, v := range s.opts.Properties {
		p[k] = v
	}
	var lines []string
	for k, v := range p {
		lines = append(lines, k+"="+v+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// java makes a command that runs a class of the broker.
func (s *Server) java(class string, args ...string) *exec.Cmd {
	all := append([]string{"-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", filepath.Join(libs(s.opts.Jars), "*"), class}, args...)
	return exec.Command("java", all...)
}

func (s *Server) launch(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc != nil {
		return errors.New("start broker: it is running")
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open broker log: %w", err)
	}
	cmd := s.java("kafka.Kafka", s.propertiesFile())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		_ = log.Close()
		return fmt.Errorf("start broker: %w", err)
	}
	s.proc, s.log, s.done = cmd, log, make(chan struct{})
	go func(done chan struct{}) { // ended and awaited by end()
		_ = cmd.Wait()
		close(done)
	}(s.done)
	return s.awaitReady(ctx, s.done)
}

func (s *Server) awaitReady(ctx context.Context, done chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.StartTimeout)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()))
	if err != nil {
		return err
	}
	defer cl.Close()
	for {
		list, err := kadm.NewClient(cl).ListBrokers(ctx)
		if err == nil && len(list) > 0 {
			return nil
		}
		select {
		case <-done:
			return fmt.Errorf("start broker: it ended at once: %s", s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("start broker: no answer at %s (%v): %s", s.Brokers(), err, s.logTail())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *Server) end(sig os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return nil
	}
	_ = s.proc.Process.Signal(sig) // an error means that it has ended
	select {
	case <-s.done:
	case <-time.After(time.Minute):
		_ = s.proc.Process.Kill()
		<-s.done
	}
	s.proc = nil
	return s.log.Close()
}

func (s *Server) logTail() string {
	b, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return tail(b)
}

func tail(b []byte) string {
	b = bytes.TrimSpace(b)
	if len(b) > 1500 {
		b = b[len(b)-1500:]
	}
	return strings.ToValidUTF8(string(b), "?")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
