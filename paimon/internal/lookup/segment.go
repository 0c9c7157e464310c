package lookup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/cespare/xxhash/v2"

	"github.com/tarndb/tarn/paimon/columnar"
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/internal/lsm"
	"github.com/tarndb/tarn/paimon/types"
)

// segment is a data file made ready for gets. Its memory is one block: an Arrow
// IPC file of the batches, the encoded keys, their offsets (none when all are of
// one length), and the hash table.
type segment struct {
	block   []byte
	unmap   func([]byte) error // nil: on the heap
	batches []arrow.RecordBatch
	starts  []int32 // row number of each batch's first row, and of the end
	keys    []byte
	stride  int
	offsets []uint32
	table   []uint64 // upper half of the hash, row + 1; 0: free
}

// Columns of a segment that follow the value columns.
const (
	seqColumn = iota
	kindColumn
	userSeqColumn
)

// hashOf is the hash that tables are made of.
func hashOf(key []byte) uint64 { return xxhash.Sum64(key) }

// find gives the row of a key; -1 if the file lacks it.
func (s *segment) find(key []byte, hash uint64) int32 {
	mask := uint64(len(s.table) - 1)
	tag := hash >> 32
	for at := hash & mask; ; at = (at + 1) & mask {
		e := s.table[at]
		if e == 0 {
			return -1
		}
		if e>>32 == tag {
			if row := int32(uint32(e)) - 1; bytes.Equal(s.key(row), key) {
				return row
			}
		}
	}
}

func (s *segment) key(row int32) []byte {
	if s.offsets == nil {
		at := int(row) * s.stride
		return s.keys[at : at+s.stride]
	}
	return s.keys[s.offsets[row]:s.offsets[row+1]]
}

// at gives the batch of a row, and the row in it.
func (s *segment) at(row int32) (batch, in int) {
	if n := s.starts[1]; len(s.starts) > 2 && s.starts[len(s.starts)-2] == n*int32(len(s.batches)-1) { // all of one size
		return int(row / n), int(row % n)
	}
	batch = sort.Search(len(s.starts), func(i int) bool { return s.starts[i] > row }) - 1
	return batch, int(row - s.starts[batch])
}

func (s *segment) extra(batch, column int) arrow.Array {
	b := s.batches[batch]
	return b.Column(int(b.NumCols()) - s.extras() + column)
}

func (s *segment) extras() int {
	if f := s.batches[0].Schema(); f.Field(f.NumFields()-1).Type.ID() == arrow.BINARY && f.Field(f.NumFields()-1).Name == userSeqName {
		return 3
	}
	return 2
}

const userSeqName = "\x00user sequence"

func (s *segment) seq(batch, row int) int64 {
	return s.extra(batch, seqColumn).(*array.Int64).Value(row)
}

func (s *segment) kind(batch, row int) types.RowKind {
	return types.RowKind(s.extra(batch, kindColumn).(*array.Int8).Value(row))
}

func (s *segment) size() int64 { return int64(len(s.block)) }

func (s *segment) close() error {
	for _, b := range s.batches {
		b.Release()
	}
	s.batches = nil
	if s.unmap == nil {
		s.block = nil
		return nil
	}
	block := s.block
	s.block = nil
	return s.unmap(block)
}

// buildSegment reads all of a file. dir is where the block goes; "" for the
// heap.
func buildSegment(in lsm.Stream, rows int64, dir string) (s *segment, err error) {
	b, err := newBuilder(rows, dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			b.abort()
		}
	}()
	for {
		kv, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		err = b.add(kv)
		kv.Release()
		if err != nil {
			return nil, err
		}
	}
	if int64(b.rows) != rows || rows == 0 {
		return nil, errs.Kinded(errs.ErrCorrupt, "%d rows read, %d expected", b.rows, rows)
	}
	return b.finish()
}

// builder writes a block.
type builder struct {
	file    *os.File // nil: heap
	heap    bytes.Buffer
	out     *bufio.Writer
	size    int64
	ipc     *ipc.FileWriter
	ipcSize int64

	rows    int32
	starts  []int32
	keys    []byte
	offsets []uint32
	uneven  bool
	table   []uint64
}

func newBuilder(rows int64, dir string) (*builder, error) {
	if rows > 1<<30 {
		return nil, errs.Unsupported("a data file of %d rows", rows)
	}
	n := 8
	for int64(n) < rows*3/2 {
		n *= 2
	}
	b := &builder{starts: []int32{0}, offsets: []uint32{0}, table: make([]uint64, n)}
	if dir == "" {
		b.out = bufio.NewWriter(&b.heap)
		return b, nil
	}
	f, err := os.CreateTemp(dir, lsm.SpillPrefix+"*")
	if err != nil {
		return nil, fmt.Errorf("create lookup file: %w", err)
	}
	b.file, b.out = f, bufio.NewWriterSize(f, 256<<10)
	return b, nil
}

// Write implements io.Writer.
func (b *builder) Write(p []byte) (int, error) {
	n, err := b.out.Write(p)
	b.size += int64(n)
	return n, err
}

func (b *builder) add(kv *columnar.KV) error {
	rec := segmentBatch(kv)
	defer rec.Release()
	if b.ipc == nil {
		w, err := ipc.NewFileWriter(b, ipc.WithSchema(rec.Schema()))
		if err != nil {
			return fmt.Errorf("write lookup file: %w", err)
		}
		b.ipc = w
	}
	if err := b.ipc.Write(rec); err != nil {
		return fmt.Errorf("write lookup file: %w", err)
	}
	mask := uint64(len(b.table) - 1)
	for i := range kv.Len() {
		key := kv.Keys.At(i)
		b.keys = append(b.keys, key...)
		b.offsets = append(b.offsets, uint32(len(b.keys)))
		b.uneven = b.uneven || len(key) != int(b.offsets[1])
		hash := hashOf(key)
		at := hash & mask
		for b.table[at] != 0 {
			at = (at + 1) & mask
		}
		b.rows++
		b.table[at] = hash>>32<<32 | uint64(b.rows)
	}
	if len(b.keys) > 1<<31 {
		return errs.Unsupported("a data file with more than 2 GiB of keys")
	}
	b.starts = append(b.starts, b.rows)
	return nil
}

// segmentBatch puts the sequence numbers, kinds and user's sequences beside the
// values.
func segmentBatch(kv *columnar.KV) arrow.RecordBatch {
	fields, cols := kv.Rows.Schema().Fields(), kv.Rows.Columns()
	mem := memory.DefaultAllocator
	seqs := array.NewInt64Builder(mem)
	seqs.AppendValues(kv.Seqs, nil)
	kinds := array.NewInt8Builder(mem)
	for _, k := range kv.Kinds {
		kinds.Append(int8(k))
	}
	fields = append(append([]arrow.Field(nil), fields...), arrow.Field{Name: "\x00sequence", Type: arrow.PrimitiveTypes.Int64}, arrow.Field{Name: "\x00kind", Type: arrow.PrimitiveTypes.Int8})
	cols = append(append([]arrow.Array(nil), cols...), seqs.NewArray(), kinds.NewArray())
	if kv.UserSeq.Len() > 0 {
		user := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
		for i := range kv.Len() {
			user.Append(kv.UserSeq.At(i))
		}
		fields, cols = append(fields, arrow.Field{Name: userSeqName, Type: arrow.BinaryTypes.Binary}), append(cols, user.NewArray())
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(kv.Len()))
}

// align pads the block to a multiple of 64 bytes.
func (b *builder) align() error {
	_, err := b.Write(make([]byte, -b.size&63))
	return err
}

func (b *builder) finish() (*segment, error) {
	if err := b.ipc.Close(); err != nil {
		return nil, fmt.Errorf("write lookup file: %w", err)
	}
	b.ipcSize = b.size
	var at [3]int64
	offsets := b.offsets
	if !b.uneven {
		offsets = nil
	}
	for i, part := range [][]byte{b.keys, bytesOf(offsets), bytesOf(b.table)} {
		if err := b.align(); err != nil {
			return nil, fmt.Errorf("write lookup file: %w", err)
		}
		at[i] = b.size
		if _, err := b.Write(part); err != nil {
			return nil, fmt.Errorf("write lookup file: %w", err)
		}
	}
	if err := b.out.Flush(); err != nil {
		return nil, fmt.Errorf("write lookup file: %w", err)
	}
	s := &segment{starts: b.starts, stride: int(b.offsets[1])}
	if err := b.own(s); err != nil {
		return nil, err
	}
	s.keys = s.block[at[0] : at[0]+int64(len(b.keys))]
	if b.uneven {
		s.offsets = viewAs[uint32](s.block[at[1]:], len(offsets))
	}
	s.table = viewAs[uint64](s.block[at[2]:], len(b.table))
	return s, s.open(b.ipcSize)
}

// own hands the block to the segment: mapped, or as it is.
func (b *builder) own(s *segment) (err error) {
	if b.file == nil {
		s.block = aligned(b.heap.Bytes())
		return nil
	}
	s.block, s.unmap, err = mapFile(b.file, b.size)
	b.abort() // the map, or the copy, stays
	if err != nil {
		return fmt.Errorf("map lookup file: %w", err)
	}
	return nil
}

// abort closes and removes the file.
func (b *builder) abort() {
	if b.file != nil {
		_ = b.file.Close()
		_ = os.Remove(b.file.Name()) // what stays is removed with other spill files
		b.file = nil
	}
}

// open reads the batches of the block, whose memory they share.
func (s *segment) open(size int64) error {
	r, err := ipc.NewMappedFileReader(s.block[:size])
	if err != nil {
		return fmt.Errorf("read lookup file: %w", err)
	}
	defer r.Close()
	for i := range r.NumRecords() {
		b, err := r.RecordBatchAt(i)
		if err != nil {
			return fmt.Errorf("read lookup file: %w", err)
		}
		s.batches = append(s.batches, b)
	}
	return nil
}

func bytesOf[T uint32 | uint64](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(v[0])))
}

// viewAs sees the first bytes of p, which are aligned, as n numbers.
func viewAs[T uint32 | uint64](p []byte, n int) []T {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&p[0])), n)
}

// aligned copies p to memory that begins at a multiple of 8.
func aligned(p []byte) []byte {
	out := make([]uint64, (len(p)+7)/8)
	copy(bytesOf(out), p)
	return bytesOf(out)[:len(p)]
}
