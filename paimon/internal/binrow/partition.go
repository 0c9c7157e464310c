package binrow

import "github.com/tarndb/tarn/paimon/types"

// DefaultPartition stands for NULL and blank values in partition paths unless
// the option partition.default-name says otherwise.
const DefaultPartition = "__DEFAULT_PARTITION__"

// Partitioner turns partition rows into text and back. It may be shared.
// Source: org.apache.paimon.utils.InternalRowPartitionComputer.
type Partitioner struct{}

// NewPartitioner makes a Partitioner of the partition columns. defaultName ""
// means DefaultPartition; legacy is the option partition.legacy-name (default
// true in Paimon), which prints dates as day numbers.
func NewPartitioner(fields []types.Field, defaultName string, legacy bool) *Partitioner {
	panic("skeleton")
}

// Path gives the directory of a partition relative to the table, escaped:
// "dt=2025-01-01/hh=3", "" when unpartitioned.
func (p *Partitioner) Path(row []byte) (string, error) { panic("skeleton") }

// Values gives the text of every partition column as paths show it, before
// escaping.
func (p *Partitioner) Values(row []byte) ([]string, error) { panic("skeleton") }

// String gives a partition for people: "dt=2025-01-01/hh=3", dates readable,
// nothing escaped. Source: the partition column of $partitions.
func (p *Partitioner) String(row []byte) string { panic("skeleton") }

// Row builds the partition row of a spec that names every partition column.
// Values are read as the column's type; both path forms of dates and times
// are taken, and the default name is NULL. errs.ErrInvalid names the column.
func (p *Partitioner) Row(spec map[string]string) ([]byte, error) { panic("skeleton") }

// ParsePartition reads "dt=2025-01-01/hh=3" (or with commas) into a spec.
// Escapes (%2F) are resolved.
func ParsePartition(text string) (map[string]string, error) { panic("skeleton") }

// EscapePath escapes a path element as Paimon does.
func EscapePath(text string) string { panic("skeleton") }

// UnescapePath undoes EscapePath.
func UnescapePath(text string) string { panic("skeleton") }
