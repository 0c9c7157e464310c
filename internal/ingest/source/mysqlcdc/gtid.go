package mysqlcdc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dolthub/vitess/go/mysql"

	"github.com/tarndb/tarn/paimon/errs"
)

// gtidState follows the set of transactions that have been read. An unknown
// state (nil domains and nil set) stays unknown: a set that lacks older
// transactions would make the server send them again.
type gtidState struct {
	domains []mariaGTID   // MariaDB: the last transaction of each domain
	set     mysql.GTIDSet // MySQL: the executed set
	text    string        // String, "" when to be made again
}

// mariaGTID is domain-server-sequence.
type mariaGTID struct {
	domain, server uint32
	sequence       uint64
}

// parseGTID reads the text of either flavour. "" is the unknown state.
func parseGTID(text string, mariadb bool) (gtidState, error) {
	text = strings.Join(strings.Fields(text), "")
	if text == "" {
		return gtidState{}, nil
	}
	if !mariadb {
		set, err := mysql.ParseMysql56GTIDSet(text)
		if err != nil {
			return gtidState{}, errs.Invalid("GTID set %q: %v", text, err)
		}
		return gtidState{set: set}, nil
	}
	var s gtidState
	for _, part := range strings.Split(text, ",") {
		f := strings.Split(part, "-")
		if len(f) != 3 {
			return s, errs.Invalid("GTID %q: want domain-server-sequence", part)
		}
		domain, err1 := strconv.ParseUint(f[0], 10, 32)
		server, err2 := strconv.ParseUint(f[1], 10, 32)
		sequence, err3 := strconv.ParseUint(f[2], 10, 64)
		if err1 != nil || err2 != nil || err3 != nil {
			return s, errs.Invalid("GTID %q: want domain-server-sequence", part)
		}
		s.domains = append(s.domains, mariaGTID{uint32(domain), uint32(server), sequence})
	}
	slices.SortFunc(s.domains, func(a, b mariaGTID) int { return int(int64(a.domain) - int64(b.domain)) })
	return s, nil
}

func (s *gtidState) known() bool { return s.domains != nil || s.set != nil }

// addMaria records a transaction of a MariaDB server.
func (s *gtidState) addMaria(g mariaGTID) {
	if !s.known() {
		return
	}
	s.text = ""
	for i, d := range s.domains {
		if d.domain == g.domain {
			s.domains[i] = g
			return
		}
		if d.domain > g.domain {
			s.domains = slices.Insert(s.domains, i, g)
			return
		}
	}
	s.domains = append(s.domains, g)
}

// addMySQL records a transaction of a MySQL server.
func (s *gtidState) addMySQL(sid [16]byte, sequence int64) {
	if s.set != nil {
		s.set, s.text = s.set.AddGTID(mysql.Mysql56GTID{Server: mysql.SID(sid), Sequence: sequence}), ""
	}
}

// String is the text that the server and positions use; "" when unknown.
func (s *gtidState) String() string {
	if s.text != "" || !s.known() {
		return s.text
	}
	if s.set != nil {
		s.text = s.set.String()
		return s.text
	}
	var b strings.Builder
	for i, d := range s.domains {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d-%d-%d", d.domain, d.server, d.sequence)
	}
	s.text = b.String()
	return s.text
}
