package mysqlcdc

import (
	"context"
	"fmt"
	"time"
)

// startPosition finds where the startup mode begins.
func (s *mysqlSource) startPosition(ctx context.Context, c *conn) (position, error) {
	switch s.cfg.Startup {
	case StartEarliest:
		files, err := s.binlogs(ctx, c)
		if err != nil {
			return position{}, err
		}
		return s.at(ctx, c, fileOffset{files[0], 4})
	case StartSpecific:
		if s.cfg.SpecificGTID != "" {
			return s.specificGTID(ctx, c)
		}
		return s.at(ctx, c, fileOffset{s.cfg.SpecificFile, s.cfg.SpecificPos})
	case StartTimestamp:
		return s.timestampPosition(ctx, c)
	}
	if s.cfg.Startup == StartInitial && c.mariadb() && !s.bracket {
		at, err := s.committedPlace(ctx, c)
		if err != nil {
			return position{}, err
		}
		p, err := s.at(ctx, c, at)
		p.Snapshot = &snapshotCursor{}
		return p, err
	}
	at, gtid, err := s.status(ctx, c)
	if err != nil {
		return position{}, err
	}
	p := position{File: at.file, Pos: at.pos, GTID: gtid}
	if !c.mariadb() {
		p.GTID, err = s.mysqlGTID(ctx, c, gtid)
	}
	if s.cfg.Startup == StartInitial {
		p.Snapshot = &snapshotCursor{}
	}
	return p, err
}

// mysqlGTID drops the GTID set of a MySQL server on which not every
// transaction has one: such a set does not say where to go on.
func (s *mysqlSource) mysqlGTID(ctx context.Context, c *conn, gtid string) (string, error) {
	if gtid == "" {
		return "", nil
	}
	row, err := c.row(ctx, "SELECT @@global.gtid_mode")
	if err != nil {
		return "", explain(s.cfg, "read gtid_mode", err)
	}
	if textOr(row[0], "") != "ON" {
		return "", nil
	}
	return gtid, nil
}

// at is the position at a file and offset. A MariaDB server adds the GTID
// state; a MySQL server cannot, so the source goes on by file and offset.
func (s *mysqlSource) at(ctx context.Context, c *conn, at fileOffset) (position, error) {
	p := position{File: at.file, Pos: at.pos}
	if !c.mariadb() {
		return p, nil
	}
	var err error
	p.GTID, err = s.mariaGTIDAt(ctx, c, at)
	return p, err
}

func (s *mysqlSource) specificGTID(ctx context.Context, c *conn) (position, error) {
	gtid, err := parseGTID(s.cfg.SpecificGTID, c.mariadb())
	if err != nil {
		return position{}, fmt.Errorf("option scan.startup.specific-offset.gtid-set: %w", err)
	}
	files, err := s.binlogs(ctx, c)
	if err != nil {
		return position{}, err
	}
	return position{File: files[0], Pos: 4, GTID: gtid.String()}, nil
}

// timestampPosition finds the boundary before the first transaction that was
// committed at or after the wanted time: first the newest binlog file that
// begins before it, then the place in that file.
func (s *mysqlSource) timestampPosition(ctx context.Context, c *conn) (position, error) {
	files, err := s.binlogs(ctx, c)
	if err != nil {
		return position{}, err
	}
	end, _, err := s.status(ctx, c)
	if err != nil {
		return position{}, err
	}
	i := len(files) - 1
	for ; i > 0; i-- {
		begin, err := s.fileTime(ctx, files[i])
		if err != nil {
			return position{}, err
		}
		if begin.Before(s.cfg.StartupTimestamp.Truncate(time.Second)) { // files and events have seconds
			break
		}
	}
	p, err := s.at(ctx, c, fileOffset{files[i], 4})
	if err != nil {
		return p, err
	}
	return s.scanTo(ctx, p, end)
}

// scanTo reads from p up to the first transaction at or after the wanted time,
// or to end.
func (s *mysqlSource) scanTo(ctx context.Context, p position, end fileOffset) (position, error) {
	st, err := s.openStream(ctx, p, &serverID{brief: true})
	if err != nil {
		return p, err
	}
	defer st.c.close()
	err = st.c.during(ctx, 0, func() error {
		for st.at.before(end) {
			e, err := st.nextEvent()
			if err != nil {
				return err
			}
			begins := e.typ == evMariaGTID || e.typ == evGTID || e.typ == evAnonymousGTID || e.typ == evQuery
			if st.atBoundary() && begins && !time.Unix(int64(e.timestamp), 0).Before(s.cfg.StartupTimestamp.Truncate(time.Second)) {
				return nil
			}
			if _, err := st.handle(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return p, fmt.Errorf("look for the start at %s: %w", s.cfg.StartupTimestamp.UTC().Format(time.RFC3339), err)
	}
	return st.position(), nil
}

// fileTime is when a binlog file was begun.
func (s *mysqlSource) fileTime(ctx context.Context, file string) (time.Time, error) {
	st, err := s.openStream(ctx, position{File: file, Pos: 4}, &serverID{brief: true})
	if err != nil {
		return time.Time{}, err
	}
	defer st.c.close()
	var begin time.Time
	err = st.c.during(ctx, s.cfg.ConnectTimeout, func() error {
		for {
			e, err := st.nextEvent()
			if err != nil {
				return err
			}
			if e.typ == evFormat {
				begin = time.Unix(int64(e.timestamp), 0)
				return nil
			}
		}
	})
	if err != nil {
		return begin, fmt.Errorf("read the beginning of binlog %s: %w", file, err)
	}
	return begin, nil
}
