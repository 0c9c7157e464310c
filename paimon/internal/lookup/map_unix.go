//go:build unix

package lookup

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a file for reading; it may be closed and removed then.
func mapFile(f *os.File, size int64) ([]byte, func([]byte) error, error) {
	p, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	return p, unix.Munmap, err
}
