package fileio_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/fileio/fileiotest"
)

func TestLocal(t *testing.T) {
	s, err := fileio.NewLocal(t.TempDir())
	require.NoError(t, err)
	fileiotest.Run(t, s)
	s.Sync = true
	require.NoError(t, s.PutIfAbsent(context.Background(), "sync/f", []byte("x")))
	_, err = s.Open(context.Background(), "../etc/passwd")
	require.ErrorIs(t, err, errs.ErrInvalid)
}

func TestMem(t *testing.T) { fileiotest.Run(t, fileio.NewMem()) }
