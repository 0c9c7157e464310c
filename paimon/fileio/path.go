package fileio

import (
	"context"
	"fmt"
	"io"
	"path"

	"github.com/tarndb/tarn/paimon/errs"
)

// Join joins path elements with "/"; empty elements are dropped.
func Join(elements ...string) string { return path.Join(elements...) }

// ReadAll reads a whole file of at most limit bytes; a larger file is an
// error that matches errs.ErrCorrupt.
func ReadAll(ctx context.Context, s Store, path string, limit int64) ([]byte, error) {
	r, err := s.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.Size() > limit {
		return nil, errs.Corrupt(path, "%d bytes are more than the %d that such a file may have", r.Size(), limit)
	}
	data := make([]byte, r.Size())
	if n, err := r.ReadAt(data, 0); n < len(data) {
		if err == io.EOF {
			return nil, errs.Corrupt(path, "%d bytes are missing at its end", len(data)-n)
		}
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}
