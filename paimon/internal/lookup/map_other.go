//go:build !unix

package lookup

import (
	"io"
	"os"
)

// mapFile reads a file: there is no mapping here.
func mapFile(f *os.File, size int64) ([]byte, func([]byte) error, error) {
	p := make([]byte, size)
	_, err := io.ReadFull(io.NewSectionReader(f, 0, size), p)
	return aligned(p), nil, err
}
