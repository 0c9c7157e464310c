package kafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	encpem "encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tarndb/tarn/internal/ingest/change"
	"github.com/tarndb/tarn/paimon/errs"
)

func (f *fake) deleteBefore(offset int64) {
	f.t.Helper()
	_, err := f.adm.DeleteRecords(f.t.Context(), kadm.Offsets{"events": {0: {Topic: "events", Partition: 0, At: offset}}})
	require.NoError(f.t, err)
}

func TestPlacesThatAreGone(t *testing.T) {
	f := newFake(t)
	f.put("events", 0, 10)
	f.put("events", 1, 2)
	c := f.config()
	c.MaxBatchRows = 4
	at := change.Position(`{"v":1,"at":{"events":{"0":4,"1":2}}}`)
	f.deleteBefore(7)
	_, err := open(t, c, at)
	require.ErrorIs(t, err, errs.ErrNotFound)
	require.ErrorContains(t, err, "topic events partition 0: offset 4 is wanted, and Kafka has 7 to 10: records were deleted")
	require.ErrorContains(t, err, "'scan.startup.specific-offsets' = 'partition:0,offset:7;partition:1,offset:2'")

	_, err = open(t, c, `{"v":1,"at":{"events":{"0":11,"1":2}}}`)
	require.ErrorIs(t, err, errs.ErrNotFound)
	require.ErrorContains(t, err, "offset 11 is wanted, and Kafka has 7 to 10: it ends before")

	_, err = open(t, c, `{"v":1,"at":{"events":{"0":8,"1":2,"2":0}}}`)
	require.ErrorContains(t, err, "topic events has no partition 2 any more")

	_, err = open(t, c, `{"v":1,"at":{"events":{"0":8}},"id":{"events":"AAAAAAAAAAAAAAAAAAAAAQ"}}`)
	require.ErrorIs(t, err, errs.ErrNotFound)
	require.ErrorContains(t, err, "topic events was deleted and made anew")

	for _, p := range []change.Position{"?", "{}", `{"v":1}`, `{"v":2,"at":{"events":{"0":8}}}`, `{"v":1,"at":{"events":{"0":-1}}}`} {
		_, err = open(t, c, p)
		require.ErrorContains(t, err, "read kafka position", p)
	}
}

// Records that are deleted while the reader is behind end it, after the rows
// before them.
func TestDeletedWhileReading(t *testing.T) {
	f := newFake(t)
	f.put("events", 0, 3)
	c := f.config("properties.fetch.max.bytes=1", "properties.max.partition.fetch.bytes=1")
	c.MaxBatchRows = 1
	r := mustOpen(t, c, "")
	_, at := read(t, r, 1)
	f.put("events", 0, 20)
	f.deleteBefore(20)
	rows, last, err := drainTo(t, r)
	require.ErrorContains(t, err, "topic events partition 0: Kafka does not have offset")
	require.NotErrorIs(t, err, errs.ErrNotFound, "a job opens the source again, to learn what it can do")
	require.Less(t, len(rows), 19)
	if last == "" {
		last = at
	}
	_, err = open(t, c, last)
	require.ErrorIs(t, err, errs.ErrNotFound)
	require.ErrorContains(t, err, "Kafka has 20 to 23")
}

func TestTopicMadeAnew(t *testing.T) {
	f := newFake(t)
	f.put("events", 0, 3)
	r := mustOpen(t, f.config(), "")
	_, at := read(t, r, 3)
	_, err := f.adm.DeleteTopics(t.Context(), "events")
	require.NoError(t, err)
	_, err = f.adm.CreateTopics(t.Context(), 2, 1, nil, "events")
	require.NoError(t, err)
	_, _, err = drainTo(t, r)
	require.ErrorContains(t, err, "topic events was deleted")
	_, err = open(t, f.config(), at)
	require.ErrorContains(t, err, "was deleted and made anew")
}

func TestTopicDeleted(t *testing.T) {
	f := newFake(t)
	f.put("events", 0, 3)
	r := mustOpen(t, f.config(), "")
	read(t, r, 3)
	_, err := f.adm.DeleteTopics(t.Context(), "events")
	require.NoError(t, err)
	_, _, err = drainTo(t, r)
	require.ErrorIs(t, err, errs.ErrNotFound)
	require.ErrorContains(t, err, "topic events does not exist")
}

func TestPoison(t *testing.T) {
	f := newFake(t)
	f.put("events", 0, 2)
	f.putText("events", 0, "{\"id\":\"x\xff\"}")
	f.put("events", 0, 1)
	r := mustOpen(t, f.config(), "")
	rows, at, err := drainTo(t, r)
	require.Equal(t, []string{"+I0e0", "+I1e0"}, rows, "what is before it")
	require.Contains(t, string(at), `{"0":2,"1":0}`)
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "topic events partition 0 offset 2:")
	require.ErrorContains(t, err, `the record is {"id":"x?"}`)
	require.ErrorContains(t, err, "'json.ignore-parse-errors' = 'true'")
	_, again := r.Next(t.Context())
	require.Equal(t, err, again)

	c := f.config("json.ignore-parse-errors=true", "scan.bounded.mode=latest-offset")
	ignored := 0
	c.OnIgnored = func(records, _ int) { ignored += records }
	rows, _ = drain(t, mustOpen(t, c, at))
	require.Equal(t, []string{"+I2e0"}, rows)
	require.Equal(t, 1, ignored)
}

func TestCannotConnect(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	require.NoError(t, err)
	defer silent.Close()
	f := newFake(t)
	c := f.config()
	c.Brokers = []string{free.Addr().String()}
	_, err = open(t, c, "")
	require.ErrorContains(t, err, "connection refused")
	require.ErrorContains(t, err, "kafka topic events at "+c.Brokers[0])
	require.NotErrorIs(t, err, errs.ErrInvalid, "it may pass")
	c.Brokers, c.ConnectTimeout = []string{silent.Addr().String()}, 300*time.Millisecond
	_, err = open(t, c, "")
	require.ErrorContains(t, err, "no answer within 300ms")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, err := New(c, fields, nil)
	require.NoError(t, err)
	_, err = s.Open(ctx, "")
	require.Equal(t, context.Canceled, err)
}

func TestUsers(t *testing.T) {
	f := newFake(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "root", "secret"), kfake.Superuser("SCRAM-SHA-256", "scram", "secret"), kfake.User("PLAIN", "poor", "secret"))
	login := func(mechanism, user, password string) Config {
		module := plainJAAS
		if mechanism != "PLAIN" {
			module = scramJAAS
		}
		return f.config("properties.security.protocol=SASL_PLAINTEXT", "properties.sasl.mechanism="+mechanism, "scan.bounded.mode=latest-offset",
			fmt.Sprintf(`properties.sasl.jaas.config=%s required username="%s" password="%s";`, module, user, password))
	}
	for _, c := range []Config{login("PLAIN", "root", "secret"), login("SCRAM-SHA-256", "scram", "secret")} {
		drain(t, mustOpen(t, c, ""))
	}
	// The fake hangs up where Kafka answers.
	f.cluster.ControlKey(36, func(req kmsg.Request) (kmsg.Response, error, bool) {
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return resp, nil, true
	})
	_, err := open(t, login("PLAIN", "root", "wr0ng"), "")
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "user root is not let in (PLAIN)")
	require.NotContains(t, err.Error(), "wr0ng")
	_, err = open(t, login("PLAIN", "poor", "secret"), "")
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "may not read the topic")
	_, err = open(t, f.config("properties.default.api.timeout.ms=1000"), "")
	require.Error(t, err, "without a user")
}

// certificate makes a certificate for name, signed by itself, and its key.
func certificate(t *testing.T, name string) (chain, key []byte) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	return encpem.EncodeToMemory(&encpem.Block{Type: "CERTIFICATE", Bytes: der}), encpem.EncodeToMemory(&encpem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func TestTLS(t *testing.T) {
	chain, key := certificate(t, "kafka.example")
	pair, err := tls.X509KeyPair(chain, key)
	require.NoError(t, err)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "events"), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}}))
	require.NoError(t, err)
	defer cluster.Close()
	f := &fake{t: t, cluster: cluster}
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, chain, 0o600))
	trust := []string{"properties.security.protocol=SSL", "properties.ssl.truststore.type=PEM", "scan.bounded.mode=latest-offset", "properties.default.api.timeout.ms=5000"}
	any := func() Config { // the fake's address is no name of the certificate's
		c := f.config(append(trust, "properties.ssl.truststore.location="+file)...)
		c.Security.AnyServerName = true
		return c
	}
	drain(t, mustOpen(t, any(), ""))
	c := any()
	c.Security.TrustFile, c.Security.TrustText = "", string(chain)
	c.Security.KeyType, c.Security.KeyChain, c.Security.KeyText = "PEM", string(chain), Secret(key)
	drain(t, mustOpen(t, c, ""))
	c = any()
	c.Security.AnyServerName = false
	_, err = open(t, c, "")
	require.ErrorIs(t, err, errs.ErrInvalid)
	require.ErrorContains(t, err, "certificate is not trusted")
	other, _ := certificate(t, "kafka.example")
	c = any()
	c.Security.TrustFile, c.Security.TrustText = "", string(other)
	_, err = open(t, c, "")
	require.ErrorIs(t, err, errs.ErrInvalid, "another authority")
	c.Security.TrustText = "?"
	_, err = open(t, c, "")
	require.ErrorContains(t, err, "no certificate in PEM")
	c = any()
	c.Security.TrustFile = file + "x"
	_, err = open(t, c, "")
	require.ErrorIs(t, err, errs.ErrNotFound)
	plain := newFake(t)
	c = any()
	c.Brokers, c.ConnectTimeout = plain.cluster.ListenAddrs(), time.Second
	_, err = open(t, c, "")
	require.Error(t, err)
}

// A broker that is lost and comes back costs no row, and is told once.
func TestBrokerComesBack(t *testing.T) {
	dir := t.TempDir()
	start := func(ports ...int) *kfake.Cluster {
		opts := []kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(2, "events"), kfake.DataDir(dir), kfake.ClusterID("c")}
		if len(ports) > 0 {
			opts = append(opts, kfake.Ports(ports...))
		}
		c, err := kfake.NewCluster(opts...)
		require.NoError(t, err)
		return c
	}
	first := start()
	address := first.ListenAddrs()[0]
	f := &fake{t: t, cluster: first}
	produce := func() {
		cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		require.NoError(t, err)
		defer cl.Close()
		f.cl = cl
		f.put("events", 0, 3)
	}
	produce()
	c := f.config()
	var mu sync.Mutex
	var told []string
	c.OnLoss = func(err error) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, err.Error())
	}
	r := mustOpen(t, c, "")
	read(t, r, 3)
	first.Close()
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	_, err := r.Next(short)
	cancel()
	require.Equal(t, context.DeadlineExceeded, err, "a lost broker is no error")
	var port int
	_, err = fmt.Sscanf(address[strings.LastIndex(address, ":"):], ":%d", &port)
	require.NoError(t, err)
	second := start(port)
	defer second.Close()
	produce()
	rows, _ := read(t, r, 3)
	require.Equal(t, []string{"+I3e0", "+I4e0", "+I5e0"}, rows)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, told, 1)
	require.Contains(t, told[0], address)
}

func TestCloseEndsNext(t *testing.T) {
	r := mustOpen(t, newFake(t).config("scan.startup.mode=latest-offset"), "")
	b, err := r.Next(t.Context())
	require.NoError(t, err)
	b.Release()
	got := make(chan error)
	go func() {
		_, err := r.Next(context.Background())
		got <- err
	}()
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, r.Close())
	require.ErrorIs(t, <-got, errClosed)
	require.NoError(t, r.Close())
	_, err = r.Next(t.Context())
	require.ErrorIs(t, err, errClosed)
}
