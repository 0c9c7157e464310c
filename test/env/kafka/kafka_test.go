package kafka_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/test/env/kafka"
)

// A broker keeps its records over a crash and an orderly restart.
func TestServer(t *testing.T) {
	if os.Getenv("TARN_KAFKA") == "" {
		t.Skip("needs Apache Kafka: make test-kafka, or TARN_KAFKA=folder for its jars")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	s, err := kafka.Start(ctx, kafka.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.CreateTopic(ctx, "t", 2))
	require.Error(t, s.CreateTopic(ctx, "t", 2))
	require.NoError(t, kafka.Produce(ctx, s.Brokers(), "t", []string{"a", "b"}))
	require.NoError(t, s.Kill())
	require.NoError(t, s.Restart(ctx))
	require.NoError(t, kafka.Produce(ctx, s.Brokers(), "t", []string{"c"}))
	require.NoError(t, s.Stop())
	require.NoError(t, s.Restart(ctx))
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()), kgo.ConsumeTopics("t"))
	require.NoError(t, err)
	defer cl.Close()
	var got []string
	for len(got) < 3 && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	slices.Sort(got)
	require.Equal(t, []string{"a", "b", "c"}, got)
}

// Without Maven and jars, the error says what is missing.
func TestNotInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := kafka.Start(t.Context(), kafka.Options{Jars: filepath.Join(t.TempDir(), "jars")})
	require.ErrorIs(t, err, kafka.ErrNotInstalled)
	require.ErrorContains(t, err, "java is not on PATH")
}
