package options

import (
	"math"
	"time"

	"github.com/tarndb/tarn/paimon/errs"
)

// Merge engines.
const (
	Deduplicate   = "deduplicate"
	PartialUpdate = "partial-update"
	Aggregation   = "aggregation"
	FirstRow      = "first-row"
)

// Changelog producers.
const (
	ChangelogNone           = "none"
	ChangelogInput          = "input"
	ChangelogLookup         = "lookup"
	ChangelogFullCompaction = "full-compaction"
)

// Table is what the options of one table mean. Make it with Parse.
type Table struct {
	// Bucket is the number of buckets; -1 dynamic (or unaware without a
	// primary key), -2 postponed. Option "bucket".
	Bucket             int
	BucketKey          []string
	BucketFunction     string // default, mod, hive
	MergeEngine        string
	SequenceFields     []string
	SequenceDescending bool
	IgnoreDelete       bool
	IgnoreUpdateBefore bool
	RowKindField       string // column with the kinds of written rows; "": rows bring theirs
	RecordExpiry       RecordExpiry
	WriteOnly          bool
	// DataEvolution says that files may hold some columns of the rows of other
	// files. Option "data-evolution.enabled".
	DataEvolution bool

	// ForceLookup finds the old row of every key that compaction takes up from
	// level 0. Option "force-lookup".
	ForceLookup     bool
	DeletionVectors DeletionVectors

	DynamicBucketTargetRows int64 // hashes a bucket may hold; 2,000,000
	DynamicBucketMax        int   // -1: no bound

	Files      Files
	Compaction Compaction
	Changelog  Changelog
	Commit     Commit
	Retention  Retention
	Scan       Scan
	Tags       Tags
	Partitions Partitions

	ZOrderVarLength int // bytes that strings count with in a Z-order; 8

	Postpone Postpone
	Cross    Cross

	// MaxWritersToSpill is how many buckets of rows that are not merged have a
	// file open; more wait in the write buffer.
	MaxWritersToSpill    int
	WriteBufferForAppend bool // all wait there

	// WriteBuffer is the bytes that all writers of the table buffer.
	WriteBuffer int64
	// DynamicOverwrite replaces only the partitions that an overwrite touches.
	DynamicOverwrite bool
}

// Files says how data and manifest files are written.
type Files struct {
	Format               string
	FormatByLevel        map[int]string // level → format, where it is another
	CompressionByLevel   map[int]string
	StatsByLevel         map[int]string
	SuffixCompression    bool // names of files tell the codec
	External             External
	Directory            string // of data files, below the table; "": the table's own
	Compression          string
	ZstdLevel            int
	TargetSize           int64 // bytes; 128 MB with a primary key, else 256 MB
	BlockSize            int64 // bytes of a row group; 0: the format's default
	Prefix               string
	ThinMode             bool
	IndexEmbedSize       int64  // bytes of file indexes that a manifest entry may hold
	IndexInDataDir       bool   // index files lie beside data files
	StatsMode            string // none, counts, truncate(n), full
	StatsDense           bool
	StatsKeepFirstN      int
	FieldStats           map[string]string // column → mode
	PartitionDefaultName string
	PartitionLegacyName  bool
	ManifestTargetSize   int64
	ManifestCompression  string
	ManifestMergeMin     int
	ManifestFullSize     int64
	DropDeleteStats      bool
}

// RecordExpiry says when compaction drops rows.
type RecordExpiry struct {
	Enabled   bool
	After     time.Duration // since the row's time; whole seconds count
	TimeField string
}

// DeletionVectors says whether rows are deleted by their number in a file.
type DeletionVectors struct {
	Enabled     bool
	Bitmap64    bool  // 64-bit row numbers, as Iceberg has them
	MergeOnRead bool  // batch reads show level 0, merged
	TargetSize  int64 // bytes of an index file of a table without buckets; 2 MB
}

// Compaction tunes universal compaction of one bucket.
type Compaction struct {
	Trigger                  int // sorted runs; 5
	StopTrigger              int // runs at which writers wait; trigger+3
	NumLevels                int // trigger+1
	MaxSizeAmpPercent        int
	SizeRatio                int
	SmallFileRatio           float64
	TotalSizeThreshold       int64         // 0: off
	IncrementalSizeThreshold int64         // 0: off
	OptimizationInterval     time.Duration // 0: off
	FileNumLimit             int
	MinFileNum               int // small files of an append table that are worth a compaction; 5
	ForceRewriteAll          bool
	DeleteRatio              float64 // share of deleted rows from which a file of an append table is compacted; 0.2
	ForceUpLevel0            bool
	LookupRadical            bool
	LookupMaxInterval        int
	LookupWait               bool
	// FullEvery forces a full compaction every so many commits; 0: never.
	FullEvery int
}

// Changelog says how changes are recorded.
type Changelog struct {
	Producer           string
	RowDeduplicate     bool
	RowDedupIgnore     []string
	FilePrefix         string
	FileFormat         string // "": as data files
	FileCompression    string
	FileStatsMode      string
	NumRetainedMax     int
	NumRetainedMin     int
	TimeRetained       time.Duration
	DecoupledRetention bool
}

// Commit tunes how commits race.
type Commit struct {
	MaxRetries       int
	MinWait, MaxWait time.Duration
	Timeout          time.Duration // 0: none
	ForceSnapshot    bool
	ForceCompact     bool
	UserPrefix       string
}

// Retention says which snapshots stay.
type Retention struct {
	MinSnapshots, MaxSnapshots int
	TimeRetained               time.Duration
	ExpireLimit                int
}

// Scan says where reading starts.
type Scan struct {
	Mode            string
	SnapshotID      int64 // 0: unset
	TagName         string
	TimestampMillis int64 // 0: unset
	Timestamp       string
	Version         string
	Watermark       *int64
	CreationMillis  int64 // 'scan.creation-time-millis'
	FileCreationMs  int64 // 'scan.file-creation-time-millis'
	// BoundedWatermark ends a stream before the first snapshot with a greater
	// watermark; nil: never.
	BoundedWatermark *int64
	// Delay is how old a snapshot has to be before a stream reads its changes.
	Delay           time.Duration
	SplitTargetSize int64
	SplitOpenCost   int64
	DiscoverEvery   time.Duration
	ReadBatchRows   int
	FileIndexRead   bool
	// ReadOverwrite has streams follow overwrites of tables with a key,
	// ReadAppendOverwrite those of tables without.
	ReadOverwrite, ReadAppendOverwrite bool

	Between  Between
	Consumer Consumer
}

// Between says what an incremental read compares. Source: the options
// 'incremental-between…' of org.apache.paimon.CoreOptions.
type Between struct {
	Versions      string // "start,end": two tags or two snapshot ids
	Timestamps    string // "start,end": epoch milliseconds or texts
	ToAutoTag     string // end
	Mode          string // auto, delta, changelog, diff
	TagToSnapshot bool
}

// Consumer is a named reader whose progress is kept with the table.
// Source: org.apache.paimon.consumer.ConsumerManager.
type Consumer struct {
	ID             string // "" for none
	AtLeastOnce    bool
	IgnoreProgress bool
	// ChangelogOnly keeps changelogs from expiry for consumers, but not
	// snapshots.
	ChangelogOnly bool
	Expiration    time.Duration // of a file that is not touched; 0: never
}

// Parse reads the options of a table with (hasKey) or without a primary key.
func Parse(m Map, hasKey bool) (Table, error) {
	r := &reader{m: m}
	t := Table{
		Bucket:                  r.integer("bucket", -1, -2),
		BucketKey:               r.list("bucket-key"),
		BucketFunction:          r.oneOf("bucket-function.type", "default", "default", "mod", "hive"),
		MergeEngine:             r.oneOf("merge-engine", Deduplicate, Deduplicate, PartialUpdate, Aggregation, FirstRow),
		SequenceFields:          r.list("sequence.field"),
		SequenceDescending:      r.oneOf("sequence.field.sort-order", "ascending", "ascending", "descending") == "descending",
		IgnoreDelete:            r.ignoreDelete(),
		IgnoreUpdateBefore:      r.boolean("ignore-update-before", false),
		RowKindField:            r.str("rowkind.field", ""),
		RecordExpiry:            r.recordExpiry(),
		WriteOnly:               r.boolean("write-only", r.boolean("write.compaction-skip", false)),
		DataEvolution:           r.boolean("data-evolution.enabled", false),
		DynamicBucketTargetRows: int64(r.integer("dynamic-bucket.target-row-num", 2_000_000, 1)),
		DynamicBucketMax:        r.integer("dynamic-bucket.max-buckets", -1, -1),
		ZOrderVarLength:         r.integer("zorder.var-length-contribution", 8, 1),
		Postpone:                r.postpone(),
		Cross:                   r.cross(),
		MaxWritersToSpill:       r.integer("write-max-writers-to-spill", 10, 0),
		WriteBufferForAppend:    r.boolean("write-buffer-for-append", false),
		WriteBuffer:             r.bytes("write-buffer-size", 256<<20),
		DynamicOverwrite:        r.boolean("dynamic-partition-overwrite", true),
		ForceLookup:             r.boolean("force-lookup", false),
		DeletionVectors: DeletionVectors{
			Enabled:     r.boolean("deletion-vectors.enabled", false),
			Bitmap64:    r.boolean("deletion-vectors.bitmap64", false),
			MergeOnRead: r.boolean("deletion-vectors.merge-on-read", false),
			TargetSize:  r.bytes("deletion-vector.index-file.target-size", 2<<20),
		},
		Files:     r.files(hasKey),
		Changelog: r.changelog(),
		Commit:    r.commit(),
		Retention: r.retention(),
		Scan:      r.scan(),
		Tags:      r.tags(),

		Partitions: r.partitions(),
	}
	t.Compaction = r.compaction(t.Changelog.Producer)
	if t.Bucket == 0 {
		r.fail("bucket", "a number of buckets above 0, -1 (dynamic) or -2 (postpone)")
	}
	t.Changelog.DecoupledRetention = t.Changelog.NumRetainedMax > t.Retention.MaxSnapshots ||
		t.Changelog.NumRetainedMin > t.Retention.MinSnapshots || t.Changelog.TimeRetained > t.Retention.TimeRetained
	return t, r.err
}

// ignoreDelete honours the older, engine-prefixed names too.
func (r *reader) ignoreDelete() bool {
	for _, k := range []string{"first-row.ignore-delete", "deduplicate.ignore-delete", "partial-update.ignore-delete"} {
		if r.boolean(k, false) {
			return true
		}
	}
	return r.boolean("ignore-delete", false)
}

func (r *reader) files(hasKey bool) Files {
	target := int64(256 << 20)
	if hasKey {
		target = 128 << 20
	}
	f := Files{
		Format:               r.oneOf("file.format", "parquet", fileFormats...),
		FormatByLevel:        r.formats("file.format.per.level"),
		CompressionByLevel:   r.levels("file.compression.per.level"),
		StatsByLevel:         r.levels("metadata.stats-mode.per.level"),
		SuffixCompression:    r.boolean("file.suffix.include.compression", false),
		Directory:            r.directory("data-file.path-directory"),
		External:             r.external(),
		Compression:          r.str("file.compression", "zstd"),
		ZstdLevel:            r.integer("file.compression.zstd-level", 1, 1),
		TargetSize:           r.bytes("target-file-size", target),
		BlockSize:            r.bytes("file.block-size", 0),
		Prefix:               r.str("data-file.prefix", "data-"),
		ThinMode:             r.boolean("data-file.thin-mode", false),
		IndexEmbedSize:       r.bytes("file-index.in-manifest-threshold", 500),
		IndexInDataDir:       r.boolean("index-file-in-data-file-dir", false),
		StatsMode:            r.str("metadata.stats-mode", "truncate(16)"),
		StatsDense:           r.boolean("metadata.stats-dense-store", true),
		StatsKeepFirstN:      r.integer("metadata.stats-keep-first-n-columns", -1, -1),
		FieldStats:           map[string]string{},
		PartitionDefaultName: r.str("partition.default-name", "__DEFAULT_PARTITION__"),
		PartitionLegacyName:  r.boolean("partition.legacy-name", true),
		ManifestTargetSize:   r.bytes("manifest.target-file-size", 8<<20),
		ManifestCompression:  r.str("manifest.compression", "zstd"),
		ManifestMergeMin:     r.integer("manifest.merge-min-count", 30, 1),
		ManifestFullSize:     r.bytes("manifest.full-compaction-threshold-size", 16<<20),
		DropDeleteStats:      r.boolean("manifest.delete-file-drop-stats", false),
	}
	for k, v := range r.m {
		if len(k) > len("fields..stats-mode") && k[:7] == "fields." && k[len(k)-11:] == ".stats-mode" {
			f.FieldStats[k[7:len(k)-11]] = v
		}
	}
	return f
}

func (r *reader) compaction(producer string) Compaction {
	c := Compaction{Trigger: r.integer("num-sorted-run.compaction-trigger", 5, 1)}
	c.StopTrigger = max(r.integer("num-sorted-run.stop-trigger", c.Trigger+3, 1), c.Trigger)
	c.NumLevels = r.integer("num-levels", c.Trigger+1, 1)
	c.MaxSizeAmpPercent = r.integer("compaction.max-size-amplification-percent", 200, 0)
	c.SizeRatio = r.integer("compaction.size-ratio", 1, 0)
	c.SmallFileRatio = r.decimal("compaction.small-file-ratio", 0.7)
	c.TotalSizeThreshold = r.bytes("compaction.total-size-threshold", 0)
	c.IncrementalSizeThreshold = r.bytes("compaction.incremental-size-threshold", 0)
	c.OptimizationInterval = r.duration("compaction.optimization-interval", 0)
	c.FileNumLimit = r.integer("compaction.file-num-limit", 100_000, 1)
	c.MinFileNum = r.integer("compaction.min.file-num", 5, 1)
	c.DeleteRatio = r.decimal("compaction.delete-ratio-threshold", 0.2)
	c.ForceRewriteAll = r.boolean("compaction.force-rewrite-all-files", false)
	c.ForceUpLevel0 = r.boolean("compaction.force-up-level-0", false)
	c.LookupRadical = r.oneOf("lookup-compact", "radical", "radical", "gentle") == "radical"
	c.LookupMaxInterval = r.integer("lookup-compact.max-interval", max(c.Trigger, 2*c.Trigger), 1)
	c.LookupWait = r.boolean("lookup-wait", true)
	c.FullEvery = r.integer("full-compaction.delta-commits", 0, 1)
	if producer == ChangelogFullCompaction && c.FullEvery == 0 {
		c.FullEvery = 1
	}
	return c
}

func (r *reader) changelog() Changelog {
	return Changelog{
		Producer:        r.oneOf("changelog-producer", ChangelogNone, ChangelogNone, ChangelogInput, ChangelogLookup, ChangelogFullCompaction),
		RowDeduplicate:  r.boolean("changelog-producer.row-deduplicate", false),
		RowDedupIgnore:  r.list("changelog-producer.row-deduplicate-ignore-fields"),
		FilePrefix:      r.str("changelog-file.prefix", "changelog-"),
		FileFormat:      r.changelogFormat(),
		FileCompression: r.str("changelog-file.compression", ""),
		FileStatsMode:   r.str("changelog-file.stats-mode", ""),
		NumRetainedMax:  r.integer("changelog.num-retained.max", 0, 1),
		NumRetainedMin:  r.integer("changelog.num-retained.min", 0, 1),
		TimeRetained:    r.duration("changelog.time-retained", 0),
	}
}

func (r *reader) changelogFormat() string {
	if r.str("changelog-file.format", "") == "" {
		return ""
	}
	return r.oneOf("changelog-file.format", "", fileFormats...)
}

func (r *reader) commit() Commit {
	return Commit{
		MaxRetries:    r.integer("commit.max-retries", 10, 0),
		MinWait:       r.duration("commit.min-retry-wait", 10*time.Millisecond),
		MaxWait:       r.duration("commit.max-retry-wait", 10*time.Second),
		Timeout:       r.duration("commit.timeout", 0),
		ForceSnapshot: r.boolean("commit.force-create-snapshot", false),
		ForceCompact:  r.boolean("commit.force-compact", false),
		UserPrefix:    r.str("commit.user-prefix", ""),
	}
}

func (r *reader) retention() Retention {
	t := Retention{
		MinSnapshots: r.integer("snapshot.num-retained.min", 10, 1),
		TimeRetained: r.duration("snapshot.time-retained", time.Hour),
		ExpireLimit:  r.integer("snapshot.expire.limit", 50, 1),
		MaxSnapshots: math.MaxInt32,
	}
	if v := r.str("snapshot.num-retained.max", "infinite"); v != "infinite" {
		t.MaxSnapshots = r.integer("snapshot.num-retained.max", math.MaxInt32, 1)
	}
	return t
}

func (r *reader) scan() Scan {
	s := Scan{
		Mode: r.oneOf("scan.mode", "default", "default", "latest-full", "full", "latest", "latest-delta", "compacted-full", "from-timestamp",
			"from-creation-timestamp", "from-file-creation-time", "from-snapshot", "from-snapshot-full", "incremental"),
		SnapshotID:      int64(r.integer("scan.snapshot-id", 0, 1)),
		TagName:         r.str("scan.tag-name", ""),
		TimestampMillis: int64(r.integer("scan.timestamp-millis", 0, math.MinInt)),
		Timestamp:       r.str("scan.timestamp", ""),
		Version:         r.str("scan.version", ""),
		SplitTargetSize: r.bytes("source.split.target-size", 128<<20),
		SplitOpenCost:   r.bytes("source.split.open-file-cost", 4<<20),
		DiscoverEvery:   r.duration("continuous.discovery-interval", 10*time.Second),
		ReadOverwrite:   r.boolean("streaming-read-overwrite", false),
		ReadBatchRows:   r.integer("read.batch-size", 1024, 1),
		FileIndexRead:   r.boolean("file-index.read.enabled", true),
		FileCreationMs:  int64(r.integer("scan.file-creation-time-millis", 0, math.MinInt)),
		CreationMillis:  int64(r.integer("scan.creation-time-millis", 0, math.MinInt)),
		Watermark:       r.optional("scan.watermark"),

		BoundedWatermark:    r.optional("scan.bounded.watermark"),
		Delay:               r.duration("streaming.read.snapshot.delay", 0),
		ReadAppendOverwrite: r.boolean("streaming-read-append-overwrite", false),
		Between: Between{
			Versions:      r.str("incremental-between", ""),
			Timestamps:    r.str("incremental-between-timestamp", ""),
			ToAutoTag:     r.str("incremental-to-auto-tag", ""),
			Mode:          r.oneOf("incremental-between-scan-mode", "auto", "auto", "delta", "changelog", "diff"),
			TagToSnapshot: r.boolean("incremental-between-tag-to-snapshot", false),
		},
		Consumer: Consumer{
			ID:             r.str("consumer-id", ""),
			AtLeastOnce:    r.oneOf("consumer.mode", "exactly-once", "exactly-once", "at-least-once") == "at-least-once",
			IgnoreProgress: r.boolean("consumer.ignore-progress", false),
			ChangelogOnly:  r.boolean("consumer.changelog-only", false),
			Expiration:     r.duration("consumer.expiration-time", 0),
		},
	}
	return s
}

// optional reads a whole number of any sign; nil when it is not set.
func (r *reader) optional(key string) *int64 {
	if _, ok := r.m[key]; !ok {
		return nil
	}
	n := int64(r.integer(key, 0, math.MinInt))
	return &n
}

// NeedsLookup reports whether level-0 files must be compacted before readers
// or the changelog see them. Source: CoreOptions.needLookup.
func (t *Table) NeedsLookup() bool {
	return t.MergeEngine == FirstRow || t.Changelog.Producer == ChangelogLookup || t.DeletionVectors.Enabled || t.ForceLookup
}

// SkipsLevel0 reports whether batch reads of a table with a primary key show
// only what has been compacted. Source: CoreOptions.batchScanSkipLevel0.
func (t *Table) SkipsLevel0() bool {
	return t.MergeEngine == FirstRow || t.DeletionVectors.Enabled && !t.DeletionVectors.MergeOnRead
}

// Validate holds the options against each other, as Paimon's SchemaValidation
// does on CREATE and ALTER.
func (t *Table) Validate(hasKey bool) error {
	switch {
	case !hasKey && t.Changelog.Producer != ChangelogNone:
		return errs.Invalid("option 'changelog-producer' = '%s' needs a primary key; without one every row is its own change", t.Changelog.Producer)
	case !hasKey && t.Bucket > 0 && len(t.BucketKey) == 0:
		return errs.Invalid("option 'bucket' = '%d' of a table without a primary key needs 'bucket-key'", t.Bucket)
	case t.Bucket == -1 && len(t.BucketKey) > 0:
		return errs.Invalid("option 'bucket-key' needs a fixed number of buckets: set 'bucket' above 0")
	case t.MergeEngine == FirstRow && t.Changelog.Producer != ChangelogNone && t.Changelog.Producer != ChangelogLookup:
		return errs.Invalid("merge-engine first-row: changelog-producer is none or lookup, not %s", t.Changelog.Producer)
	case t.DeletionVectors.Enabled && t.Changelog.Producer == ChangelogFullCompaction:
		return errs.Invalid("Deletion vectors mode is only supported for NONE/INPUT/LOOKUP changelog producer now: reset 'deletion-vectors.enabled' or take another 'changelog-producer'")
	case t.DeletionVectors.Enabled && t.MergeEngine == FirstRow:
		return errs.Invalid("First row merge engine does not need deletion vectors because there is no deletion of old data in this merge engine: reset 'deletion-vectors.enabled'")
	case t.MergeEngine == FirstRow && len(t.SequenceFields) > 0:
		return errs.Invalid("merge-engine first-row does not take 'sequence.field'")
	case t.Scan.ReadOverwrite && !hasKey:
		return errs.Invalid("Doesn't support streaming read the changes from overwrite when the primary keys are not defined. Please use streaming-read-append-overwrite to enable the streaming read overwrite commit for append table.")
	case t.Scan.ReadOverwrite && (t.Changelog.Producer == ChangelogLookup || t.Changelog.Producer == ChangelogFullCompaction):
		return errs.Invalid("streaming-read-overwrite cannot be used with changelog-producer %s", t.Changelog.Producer)
	case t.Retention.MinSnapshots > t.Retention.MaxSnapshots:
		return errs.Invalid("snapshot.num-retained.min = %d is above snapshot.num-retained.max = %d", t.Retention.MinSnapshots, t.Retention.MaxSnapshots)
	}
	return nil
}
