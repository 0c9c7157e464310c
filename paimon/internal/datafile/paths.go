// Package datafile writes and reads the data files of one bucket: names,
// rolling, statistics, schema evolution. It knows nothing of levels,
// manifests or merging.
package datafile

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/tarndb/tarn/paimon/fileio"
	"github.com/tarndb/tarn/paimon/spec"
)

// PostponeBucket is the bucket of rows whose real bucket is decided by
// compaction.
const PostponeBucket = -2

// PathOptions says where data files lie and how they are named.
type PathOptions struct {
	// Table is the table's directory, relative to the store.
	Table string
	// Directory is the folder below Table for data files; default none. Table
	// option "data-file.path-directory".
	Directory string
	// DataPrefix starts names of data files; default "data-". Table option
	// "data-file.prefix".
	DataPrefix string
	// ChangelogPrefix starts names of changelog files; default "changelog-".
	// Table option "changelog-file.prefix".
	ChangelogPrefix string
	// Compression, if set, is put into names: the table's codec, whatever that
	// of a level is. Table options "file.suffix.include.compression" and
	// "file.compression".
	Compression string
	// External says that new files lie outside of Table; zero for no.
	External External
	// Store finds files that lie outside of Table; nil for none.
	Store fileio.Store
}

// BucketDir gives the directory of a bucket. partition is the partition's
// path text ("dt=2026-01-01/hr=3"), empty for tables without partitions.
// Source: org.apache.paimon.utils.FileStorePathFactory.bucketPath.
func (o PathOptions) BucketDir(partition string, bucket int) string {
	name := "bucket-" + strconv.Itoa(bucket)
	if bucket == PostponeBucket {
		name = "bucket-postpone"
	}
	var b strings.Builder
	for _, part := range []string{o.Table, o.Directory, partition} {
		if part = strings.Trim(part, "/"); part != "" {
			b.WriteString(part)
			b.WriteByte('/')
		}
	}
	b.WriteString(name)
	return b.String()
}

// Paths names the files of one bucket for one writer: names are unique
// through a random part drawn once and a counter. It may be shared by
// goroutines.
// Source: org.apache.paimon.io.DataFilePathFactory.
type Paths struct {
	dir       string
	data      string
	changelog string
	codec     string // extension, or ""
	id        string
	store     fileio.Store
	external  *externalPaths // nil: new files lie in dir
	next      atomic.Int64
}

// NewPaths makes the names of a bucket.
func NewPaths(o PathOptions, partition string, bucket int) *Paths {
	p := &Paths{dir: o.BucketDir(partition, bucket), data: o.DataPrefix, changelog: o.ChangelogPrefix,
		codec: codecExtension(o.Compression), id: uuid.NewString(), store: o.Store}
	relative := o
	relative.Table = ""
	p.external = newExternalPaths(o.External, relative.BucketDir(partition, bucket))
	if p.data == "" {
		p.data = "data-"
	}
	if p.changelog == "" {
		p.changelog = "changelog-"
	}
	return p
}

// Dir gives the bucket's directory.
func (p *Paths) Dir() string { return p.dir }

// codecExtension gives a codec's part of a file name; "" for none.
// Source: org.apache.paimon.io.DataFilePathFactory.compressFileExtension,
// org.apache.paimon.format.HadoopCompressionType.
func codecExtension(codec string) string {
	switch lower := strings.ToLower(codec); lower {
	case "none", "":
		return ""
	case "gzip":
		return ".gz"
	case "bzip2":
		return ".bz2"
	case "zstd":
		return ".zst"
	case "deflate", "snappy", "lz4":
		return "." + lower
	}
	return "." + codec
}

// NewData gives the name (without directory) of a new data file.
func (p *Paths) NewData(format string) string { return p.newName(p.data, format) }

// NewChangelog gives the name of a new changelog file.
func (p *Paths) NewChangelog(format string) string { return p.newName(p.changelog, format) }

func (p *Paths) newName(prefix, format string) string {
	return fmt.Sprintf("%s%s-%d%s.%s", prefix, p.id, p.next.Add(1)-1, p.codec, format)
}

// File gives the path of a file in the bucket.
func (p *Paths) File(name string) string { return p.dir + "/" + name }

// NewFile gives the path of a new file of this name, and its URI if it lies
// outside of the bucket.
func (p *Paths) NewFile(name string) (path string, external *string) {
	if p.external == nil {
		return p.File(name), nil
	}
	uri := p.external.uri(name)
	return p.outside(uri), &uri
}

// outside gives the path of a file that is named by URI; the URI itself, which
// no store opens, where the store does not reach it.
func (p *Paths) outside(uri string) string {
	if key, err := KeyOf(p.store, uri); err == nil {
		return key
	}
	return uri
}

// DataFile gives the path of a data file, also of one that lies outside of the
// bucket. It is a URI if the store does not reach it.
func (p *Paths) DataFile(f *spec.DataFileMeta) string {
	if f.ExternalPath != nil {
		return p.outside(*f.ExternalPath)
	}
	return p.File(f.FileName)
}

// ExtraFile gives the path of one of a data file's extra files, which lie
// beside it.
func (p *Paths) ExtraFile(f *spec.DataFileMeta, name string) string {
	if f.ExternalPath != nil {
		return p.outside((*f.ExternalPath)[:strings.LastIndexByte(*f.ExternalPath, '/')+1] + name)
	}
	return p.File(name)
}
