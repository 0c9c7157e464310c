package mysqlcdc

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

// serverID is the replica id of a reader. Two streams with one id make the
// server end the older one each time, for ever, so a configured id is guarded
// by a lock of that name on the server, held by the connection of the stream.
type serverID struct {
	id    uint32 // last used; 0 when none
	brief bool   // a stream of moments: takes a random id whatever is configured
}

// lockWait is how long the connection of an earlier reader may take to go: the
// server notices it when it writes a heartbeat.
const lockWait = 3

// take finds the id for a stream on c.
func (s *serverID) take(ctx context.Context, c *conn, cfg Config) (uint32, error) {
	if cfg.ServerID == 0 || s.brief {
		if s.id == 0 {
			s.id = randomServerID()
		}
		return s.id, nil
	}
	last := max(cfg.ServerID, cfg.ServerIDLast)
	for wait := 0; wait <= lockWait; wait += lockWait { // first without, then with patience
		for id := cfg.ServerID; id <= last && id != 0; id++ {
			row, err := c.row(ctx, fmt.Sprintf("SELECT GET_LOCK('tarn/server-id/%d', %d)", id, wait))
			if err != nil {
				return 0, explain(cfg, "reserve server-id", err)
			}
			if numberOr(row[0]) == 1 {
				s.id = id
				return id, nil
			}
			if wait > 0 && id == cfg.ServerID && s.id != 0 {
				return s.id, nil // our own lost connection holds it: the server ends that one
			}
		}
	}
	return 0, fmt.Errorf("server-id %d to %d: all are in use by other readers of this server: give each source ids of its own, or a wider range such as %d-%d", cfg.ServerID, last, cfg.ServerID, last+8)
}

// randomServerID is far from the ids that people give.
func randomServerID() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint32(b[:])>>2 | 1<<30
}
