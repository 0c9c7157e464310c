// Package fileiotest is the conformance suite that every fileio.Store passes.
package fileiotest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
)

// Run holds s, an empty store, against the contract of fileio.Store.
func Run(t *testing.T, s fileio.Store) {
	ctx := context.Background()
	read := func(path string) string {
		data, err := fileio.ReadAll(ctx, s, path, 1<<20)
		require.NoError(t, err)
		return string(data)
	}
	names := func(dir string) string {
		var out []string
		for i, err := range s.List(ctx, dir) {
			require.NoError(t, err)
			n := i.Name
			if i.Dir {
				n += "/"
			}
			out = append(out, fmt.Sprintf("%s:%d", n, i.Size))
			require.Equal(t, fileio.Join(dir, i.Name), i.Path)
		}
		return strings.Join(out, " ")
	}

	t.Run("absent", func(t *testing.T) {
		_, err := s.Open(ctx, "a/none")
		require.ErrorIs(t, err, errs.ErrNotFound)
		_, err = s.Stat(ctx, "a/none")
		require.ErrorIs(t, err, errs.ErrNotFound)
		require.NoError(t, s.Delete(ctx, "a/none"))
		require.NoError(t, s.DeleteTree(ctx, "a"))
		require.Empty(t, names("a"))
	})
	t.Run("create", func(t *testing.T) {
		w, err := s.Create(ctx, "d/x/one")
		require.NoError(t, err)
		_, err = w.Write([]byte("hello"))
		require.NoError(t, err)
		require.Empty(t, names("d/x"), "invisible until Close")
		require.NoError(t, w.Close())
		require.Equal(t, "hello", read("d/x/one"))
		w, err = s.Create(ctx, "d/x/two")
		require.NoError(t, err)
		w.Abort()
		require.Equal(t, "one:5", names("d/x"))
		require.Equal(t, "x/:0", names("d"))
		i, err := s.Stat(ctx, "d/x/one")
		require.NoError(t, err)
		require.Equal(t, int64(5), i.Size)
	})
	t.Run("put", func(t *testing.T) {
		require.NoError(t, s.Put(ctx, "d/hint", []byte("1")))
		require.NoError(t, s.Put(ctx, "d/hint", []byte("22")))
		require.Equal(t, "22", read("d/hint"))
		require.ErrorIs(t, s.PutIfAbsent(ctx, "d/hint", []byte("3")), errs.ErrExists)
		require.Equal(t, "22", read("d/hint"))
	})
	t.Run("one winner", func(t *testing.T) {
		for round := range 20 {
			var wins atomic.Int32
			var wg sync.WaitGroup
			path := fmt.Sprintf("race/snapshot-%d", round)
			for i := range 8 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					if err := s.PutIfAbsent(ctx, path, []byte{byte(i)}); err == nil {
						wins.Add(1)
					} else if !assertExists(err) {
						t.Errorf("loser got %v", err)
					}
				}()
			}
			wg.Wait()
			require.Equal(t, int32(1), wins.Load())
		}
	})
	t.Run("rename and delete", func(t *testing.T) {
		require.NoError(t, s.Put(ctx, "m/a/f", []byte("f")))
		require.NoError(t, s.Rename(ctx, "m/a", "m/b"))
		require.Equal(t, "f", read("m/b/f"))
		require.NoError(t, s.Put(ctx, "m/c", nil))
		require.ErrorIs(t, s.Rename(ctx, "m/b/f", "m/c"), errs.ErrExists)
		require.ErrorIs(t, s.Rename(ctx, "m/zz", "m/y"), errs.ErrNotFound)
		require.NoError(t, s.DeleteTree(ctx, "m"))
		require.Empty(t, names("m"))
		require.Error(t, s.DeleteTree(ctx, ""))
	})
	t.Run("cancelled", func(t *testing.T) {
		done, cancel := context.WithCancel(ctx)
		cancel()
		require.ErrorIs(t, s.PutIfAbsent(done, "late", nil), context.Canceled)
		_, err := s.Stat(ctx, "late")
		require.ErrorIs(t, err, errs.ErrNotFound)
	})
}

func assertExists(err error) bool { return strings.Contains(err.Error(), "exists") }
