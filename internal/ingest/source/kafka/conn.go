package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tarndb/tarn/paimon/errs"
)

// conn is a client of the brokers: it fetches in the background what
// partitions it was told, and answers questions.
type conn struct {
	cfg  *Config
	cl   *kgo.Client
	adm  *kadm.Client
	loss *losses
	once sync.Once               // of close
	ids  map[string]kadm.TopicID // of the topics listed last
}

// connect makes a client. It talks to no broker yet.
func connect(cfg *Config) (*conn, error) {
	security, err := cfg.Security.tls()
	if err != nil {
		return nil, err
	}
	c := &conn{cfg: cfg, loss: &losses{tell: cfg.OnLoss, down: map[string]bool{}}, ids: map[string]kadm.TopicID{}}
	level := kgo.ReadCommitted()
	if cfg.ReadUncommitted {
		level = kgo.ReadUncommitted()
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...), kgo.ClientID(cfg.ClientID), kgo.Rack(cfg.Rack), kgo.WithHooks(c.loss),
		kgo.FetchIsolationLevel(level), kgo.FetchMaxBytes(cfg.FetchMaxBytes), kgo.FetchMaxPartitionBytes(cfg.FetchMaxPartitionBytes),
		kgo.FetchMinBytes(cfg.FetchMinBytes), kgo.FetchMaxWait(cfg.FetchMaxWait), kgo.MaxConcurrentFetches(maxFetches),
		kgo.MaxDecompressBatchBytes(256 << 20), kgo.DialTimeout(min(cfg.ConnectTimeout, 10*time.Second)),
		// A place that is not there is an error, never a jump.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		// The ends of transactions move the position too.
		kgo.KeepControlRecords(),
	}
	if cfg.Discovery > 0 { // what is cached for longer would hide new partitions
		opts = append(opts, kgo.MetadataMinAge(min(5*time.Second, max(cfg.Discovery, 100*time.Millisecond))))
	}
	if security != nil {
		opts = append(opts, kgo.DialTLSConfig(security))
	}
	if m := cfg.Security.mechanism(); m != nil {
		opts = append(opts, kgo.SASL(m))
	}
	if c.cl, err = kgo.NewClient(opts...); err != nil {
		return nil, errs.Invalid("make a Kafka client: %w", err)
	}
	c.adm = kadm.NewClient(c.cl)
	return c, nil
}

// maxFetches bounds the answers of brokers that are held, each of at most
// Config.FetchMaxBytes.
const maxFetches = 4

// losses notes which brokers cannot be reached.
type losses struct {
	tell func(error)

	mu   sync.Mutex
	down map[string]bool
	last error
}

var _ kgo.HookBrokerConnect = (*losses)(nil)

// OnBrokerConnect hears of every attempt to connect; it implements
// kgo.HookBrokerConnect.
func (l *losses) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	broker := net.JoinHostPort(meta.Host, fmt.Sprint(meta.Port))
	l.mu.Lock()
	first := err != nil && !l.down[broker]
	l.down[broker] = err != nil
	if err != nil && !errors.Is(err, context.Canceled) {
		l.last = fmt.Errorf("broker %s: %w", broker, err)
	}
	err, tell := l.last, l.tell
	l.mu.Unlock()
	if first && tell != nil && err != nil {
		tell(err)
	}
}

func (l *losses) lastError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// topics lists the topics to read with their partitions.
func (c *conn) topics(ctx context.Context) (kadm.TopicDetails, error) {
	all, err := c.adm.ListTopics(ctx, c.cfg.Topics...)
	if err != nil {
		return nil, err
	}
	for name, t := range all {
		switch {
		case c.cfg.Pattern != nil && !c.cfg.Pattern.MatchString(name):
			delete(all, name)
		case errors.Is(t.Err, kerr.UnknownTopicOrPartition):
			return nil, errs.Kinded(errs.ErrNotFound, "topic %s does not exist: check the option 'topic', or create it", name)
		case t.Err != nil:
			return nil, fmt.Errorf("topic %s: %w", name, t.Err)
		default:
			c.ids[name] = t.ID
		}
	}
	if len(all) == 0 {
		return nil, errs.Kinded(errs.ErrNotFound, "no topic has a name like %s: check the option 'topic-pattern', which must match all of the name", c.cfg.Pattern)
	}
	return all, nil
}

// idText is a topic's id as Kafka's tools print it; "" when brokers tell none.
func idText(id kadm.TopicID) string {
	if id == (kadm.TopicID{}) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// listing asks for one kind of offset of all partitions of some topics.
func listing(list kadm.ListedOffsets, err error) (kadm.ListedOffsets, error) {
	if err != nil {
		return nil, err
	}
	for topic, partitions := range list {
		for p, o := range partitions {
			if o.Err != nil {
				return nil, fmt.Errorf("topic %s partition %d: %w", topic, p, o.Err)
			}
		}
	}
	return list, nil
}

// peek looks at what follows offset at. When there is something, but no record
// that counts (the rest of an aborted transaction, or what compaction has
// removed), it gives the offset behind that; else at itself.
func (c *conn) peek(ctx context.Context, topic string, partition int32, at int64) (int64, error) {
	leader, _, err := c.cl.PartitionLeader(topic, partition)
	if err != nil || leader < 0 {
		return at, err
	}
	req := kmsg.NewPtrFetchRequest()
	req.MaxBytes, req.SessionEpoch = 1<<20, -1
	if !c.cfg.ReadUncommitted {
		req.IsolationLevel = 1
	}
	t, p := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	t.Topic, t.TopicID = topic, c.ids[topic]
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, at, 1<<20
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	answer, err := c.cl.Broker(int(leader)).Request(ctx, req)
	if err != nil {
		return at, err
	}
	resp := answer.(*kmsg.FetchResponse)
	if resp.ErrorCode != 0 || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 || resp.Topics[0].Partitions[0].ErrorCode != 0 {
		return at, nil // the fetches in the background meet the same, and know what to do
	}
	o := kgo.ProcessFetchPartitionOpts{Offset: at, Topic: topic, Partition: partition, IsolationLevel: kgo.ReadCommitted()}
	if c.cfg.ReadUncommitted {
		o.IsolationLevel = kgo.ReadUncommitted()
	}
	got, next := kgo.ProcessFetchPartition(o, &resp.Topics[0].Partitions[0], kgo.DefaultDecompressor(), nil)
	if len(got.Records) > 0 || got.Err != nil {
		return at, nil
	}
	return max(at, next), nil
}

// close ends the client and whatever waits for it. It may be called twice, and
// while the client is used.
func (c *conn) close() { c.once.Do(c.cl.Close) }

// explain says of an answer of the brokers what to do about it. What only a
// person can mend gets the kind errs.ErrInvalid.
func (c *conn) explain(err error) error {
	var header tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	s := &c.cfg.Security
	switch last := c.loss.lastError(); {
	case err == nil:
		return nil
	case errors.Is(err, kerr.SaslAuthenticationFailed), errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState):
		return errs.Invalid("user %s is not let in (%s): %w: check properties.sasl.mechanism and the user and password in properties.sasl.jaas.config", s.User, s.Mechanism, err)
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return errs.Invalid("the user may not read the topic: %w: grant READ and DESCRIBE on it", err)
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return errs.Invalid("the user may not see group %s: %w: grant READ and DESCRIBE on the group, or start elsewhere than at group-offsets", c.cfg.Group, err)
	case errors.As(err, &certificate), errors.As(err, &unknown):
		return errs.Invalid("the broker's certificate is not trusted: %w: check properties.ssl.truststore.location", err)
	case errors.As(err, &header):
		return errs.Invalid("the broker does not speak TLS at this port: %w: check properties.security.protocol", err)
	case errors.Is(err, context.DeadlineExceeded) && last != nil:
		return fmt.Errorf("no answer within %s: %w", c.cfg.ConnectTimeout, last)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %s: %w", c.cfg.ConnectTimeout, err)
	}
	return err
}
