package mariadb_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/test/env/mariadb"
)

// A server keeps its data over a crash and a restart, with row-based binlogs.
func TestServer(t *testing.T) {
	ctx := context.Background()
	s, err := mariadb.Start(ctx, mariadb.Options{Args: []string{"--max-connections=17"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	db, err := s.Open("")
	require.NoError(t, err)
	defer db.Close()

	var format, limit string
	require.NoError(t, db.QueryRow("select @@binlog_format, @@max_connections").Scan(&format, &limit))
	require.Equal(t, []string{"ROW", "17"}, []string{format, limit})
	_, err = db.Exec("create database d; create table d.t (a int primary key); insert into d.t values (7)")
	require.NoError(t, err)

	require.NoError(t, s.Stop())
	require.Error(t, db.Ping())
	require.NoError(t, s.Restart(ctx))
	require.NoError(t, s.Kill())
	require.NoError(t, s.Restart(ctx))
	var a int
	require.NoError(t, db.QueryRow("select a from d.t").Scan(&a))
	require.Equal(t, 7, a)
}
