package dict

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/fileio"
)

// workersDir is the folder of leases in the warehouse. Its name is no
// database's, so other engines do not look into it.
const workersDir = ".tarn/workers"

// leaseTicks is how long a lease is valid, in milliseconds. A process that is
// killed keeps its worker ids from others for as long.
const leaseTicks = 30_000

// maxLeaseBytes bounds a lease file.
const maxLeaseBytes = 4096

// lease is the right to make ids of one block of worker ids with ticks
// from..until. It is the times that are leased: whoever has the block next,
// begins after until, so a process that has slept through its lease, or has
// another clock, makes no id twice.
type lease struct {
	block  int
	number int64 // of the newest file of the block
	from   int64
	until  int64
}

// leaseFile is what the file of a lease holds. Its name is block-number; a
// block belongs to the writer of its highest number.
type leaseFile struct {
	Until  int64  `json:"until"`  // tick
	Expiry string `json:"expiry"` // the same for people
	Holder string `json:"holder"`
}

// leases are the lease files of a warehouse.
type leases struct{ store fileio.Store }

func leasePath(block int, number int64) string {
	return fileio.Join(workersDir, fmt.Sprintf("%03d-%d", block, number))
}

// newest gives the highest number of every block that was ever leased.
func (s leases) newest(ctx context.Context) (map[int]int64, error) {
	out := map[int]int64{}
	for info, err := range s.store.List(ctx, workersDir) {
		if err != nil {
			return nil, fmt.Errorf("list the worker ids in use: %w", err)
		}
		var block int
		var number int64
		if n, _ := fmt.Sscanf(info.Name, "%d-%d", &block, &number); n == 2 && info.Path == leasePath(block, number) {
			out[block] = max(out[block], number)
		}
	}
	return out, nil
}

// take leases the first block that is free at tick now.
func (s leases) take(ctx context.Context, now int64) (*lease, error) {
	newest, err := s.newest(ctx)
	if err != nil {
		return nil, err
	}
	soonest := int64(maxTick)
	for block := range blocks {
		l := &lease{block: block, number: newest[block], from: now}
		if l.number > 0 {
			until, err := s.until(ctx, block, l.number)
			if errors.Is(err, errs.ErrNotFound) {
				continue // another process just wrote the next one
			}
			if err != nil {
				return nil, err
			}
			if until >= now {
				soonest = min(soonest, until)
				continue
			}
		}
		ok, err := s.write(ctx, l, now+leaseTicks)
		if err != nil {
			return nil, err
		}
		if ok {
			return l, nil
		}
	}
	return nil, errs.Kinded(errs.ErrConflict, "auto_id: all %d blocks of worker ids in %s are in use; the next one is free at %s", blocks, workersDir, tickTime(soonest))
}

// renew prolongs a lease so that it holds at tick now; false if it lapsed and
// another process took the block.
func (s leases) renew(ctx context.Context, l *lease, now int64) (bool, error) {
	return s.write(ctx, l, now+leaseTicks)
}

// release ends a lease whose ids have ticks up to last.
func (s leases) release(ctx context.Context, l *lease, last int64) error {
	_, err := s.write(ctx, l, min(last, l.until))
	return err
}

// write puts the next file of l's block; false if another process was first.
func (s leases) write(ctx context.Context, l *lease, until int64) (bool, error) {
	host, _ := os.Hostname() // only said to people
	data, err := json.Marshal(leaseFile{Until: until, Expiry: tickTime(until), Holder: fmt.Sprintf("%s, process %d, %s", host, os.Getpid(), uuid.NewString())})
	if err != nil {
		return false, err
	}
	number := l.number + 1
	err = s.store.PutIfAbsent(ctx, leasePath(l.block, number), data)
	if errors.Is(err, errs.ErrExists) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lease worker ids: %w", err)
	}
	// The file may have been absent because it was there and is out of date:
	// then there is a higher one.
	newest, err := s.newest(ctx)
	if err != nil {
		return false, err
	}
	if newest[l.block] != number {
		return false, nil
	}
	if number > 1 {
		_ = s.store.Delete(ctx, leasePath(l.block, number-1)) // what stays is ignored
	}
	l.number, l.until = number, until
	return true, nil
}

func (s leases) until(ctx context.Context, block int, number int64) (int64, error) {
	path := leasePath(block, number)
	data, err := fileio.ReadAll(ctx, s.store, path, maxLeaseBytes)
	if err != nil {
		return 0, fmt.Errorf("read lease of worker ids: %w", err)
	}
	var f leaseFile
	if err := json.Unmarshal(data, &f); err != nil || f.Until <= 0 || f.Until > maxTick {
		return 0, errs.Corrupt(path, "no lease of worker ids (%s); when no job is running, delete the file and those of the same block, and wait until the time of its last ids has passed", strings.TrimSpace(string(data)))
	}
	return f.Until, nil
}

func tickTime(tick int64) string {
	return time.UnixMilli(tick + baseMillis).UTC().Format("2006-01-02 15:04:05.000")
}
