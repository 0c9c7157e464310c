package witness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.paimon.KeyValue;
import org.apache.paimon.KeyValueFileStore;
import org.apache.paimon.Snapshot;
import org.apache.paimon.catalog.Catalog;
import org.apache.paimon.catalog.Identifier;
import org.apache.paimon.codegen.CodeGenUtils;
import org.apache.paimon.codegen.RecordComparator;
import org.apache.paimon.data.BinaryArray;
import org.apache.paimon.data.BinaryRow;
import org.apache.paimon.data.GenericRow;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.data.serializer.InternalRowSerializer;
import org.apache.paimon.deletionvectors.DeletionVector;
import org.apache.paimon.format.FileFormat;
import org.apache.paimon.format.FormatReaderContext;
import org.apache.paimon.format.FormatReaderFactory;
import org.apache.paimon.io.DataFileMeta;
import org.apache.paimon.manifest.FileKind;
import org.apache.paimon.manifest.ManifestEntry;
import org.apache.paimon.manifest.ManifestFile;
import org.apache.paimon.manifest.ManifestFileMeta;
import org.apache.paimon.manifest.ManifestList;
import org.apache.paimon.reader.RecordReader;
import org.apache.paimon.table.BucketMode;
import org.apache.paimon.table.FallbackReadFileStoreTable;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.Table;
import org.apache.paimon.table.sink.RowKeyExtractor;
import org.apache.paimon.table.source.DataSplit;
import org.apache.paimon.types.DataField;
import org.apache.paimon.types.DataType;
import org.apache.paimon.types.DataTypeRoot;
import org.apache.paimon.types.RowType;

/**
 * Opens every table of a warehouse, reads all its snapshots, tags and branches, compares metadata with data, and then
 * writes on top of it. Works on a copy unless told otherwise.
 */
final class Check {

    private final Catalog catalog;
    private final boolean readOnly;
    private final boolean readStates;
    private final List<String> problems = new ArrayList<>();
    private String at = "";
    private RowKeyExtractor extractor;

    private Check(Catalog catalog, boolean readOnly, boolean readStates) {
        this.catalog = catalog;
        this.readOnly = readOnly;
        this.readStates = readStates;
    }

    /** readStates: read the state of every snapshot, for who has not done so by a dump. */
    static int run(Path warehouse, Pattern only, boolean inPlace, boolean readOnly, boolean readStates) throws Exception {
        if (!Files.isDirectory(warehouse)) {
            throw new IOException("no such warehouse: " + warehouse);
        }
        Path work = warehouse;
        if (!inPlace && !readOnly) {
            work = Path.of(Main.tmp(), "warehouse");
            copy(warehouse, work);
        }
        int tables = 0;
        int bad = 0;
        try (Catalog catalog = Main.open(work.toString())) {
            for (String db : sorted(catalog.listDatabases())) {
                for (String name : sorted(catalog.listTables(db))) {
                    if (only != null && !only.matcher(db + "." + name).find()) {
                        continue;
                    }
                    tables++;
                    Check c = new Check(catalog, readOnly, readStates);
                    c.table(db, name);
                    if (c.problems.isEmpty()) {
                        System.out.println("ok   " + db + "." + name);
                    } else {
                        bad++;
                        System.out.println("FAIL " + db + "." + name);
                        c.problems.forEach(p -> System.out.println("     " + p));
                    }
                }
            }
        }
        System.out.println(tables + " tables checked, " + bad + " with problems");
        return tables == 0 || bad > 0 ? 1 : 0;
    }

    private static List<String> sorted(List<String> l) {
        return l.stream().sorted().toList();
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> s = Files.walk(from)) {
            for (Path p : (Iterable<Path>) s::iterator) {
                Path q = to.resolve(from.relativize(p).toString());
                if (Files.isDirectory(p)) {
                    Files.createDirectories(q);
                } else {
                    Files.copy(p, q, StandardCopyOption.COPY_ATTRIBUTES);
                }
            }
        }
    }

    private interface Step {
        void run() throws Exception;
    }

    private void step(String where, Step s) {
        at = where;
        try {
            s.run();
        } catch (Throwable e) {
            StringBuilder why = new StringBuilder(e.toString());
            for (Throwable c = e.getCause(); c != null && c != c.getCause(); c = c.getCause()) {
                why.append(" <- ").append(c);
            }
            problems.add(where + ": " + why);
            if (Boolean.getBoolean("witness.trace")) {
                e.printStackTrace();
            }
        }
    }

    private void expect(boolean ok, String message) {
        if (!ok && problems.size() < 20) {
            problems.add(at + ": " + message);
        }
    }

    private void table(String db, String name) {
        step("open", () -> {
            Table t = catalog.getTable(Identifier.create(db, name));
            if (!(t instanceof FileStoreTable main)) {
                return;
            }
            branch(main, "");
            for (String b : main.branchManager().branches()) {
                branch((FileStoreTable) catalog.getTable(new Identifier(db, name, b)), "branch " + b + " ");
            }
        });
    }

    private void branch(FileStoreTable opened, String where) {
        FileStoreTable t = opened instanceof FallbackReadFileStoreTable f ? f.wrapped() : opened;
        step(where + "latest read", () -> Reader.rows(opened, null));
        step(where + "list snapshots", () -> {
            List<Long> ids = t.snapshotManager().snapshotIdStream().sorted().toList();
            Set<String> seenFiles = new HashSet<>();
            for (long id : ids) {
                step(where + "snapshot " + id, () -> snapshot(t, t.snapshotManager().snapshot(id), seenFiles));
            }
            if (!ids.isEmpty()) {
                at = where + "hints";
                expect(t.snapshotManager().latestSnapshotId().equals(ids.get(ids.size() - 1)), "LATEST hint is not the last snapshot");
                expect(t.snapshotManager().earliestSnapshotId().equals(ids.get(0)), "EARLIEST hint is not the first snapshot");
            }
            for (String tag : t.tagManager().allTagNames()) {
                step(where + "tag " + tag, () -> {
                    snapshot(t, t.tagManager().getOrThrow(tag), seenFiles);
                    Reader.rows(Reader.atTag(t, tag), null);
                });
            }
        });
        step(where + "indexes", () -> {
            if (t.snapshotManager().latestSnapshotId() != null) {
                Indexes.problems(t).forEach(p -> expect(false, p));
            }
        });
        step(where + "streaming read", () -> {
            Long from = Reader.earliestChange(t);
            if (from != null) {
                Reader.changelog(t, from);
            }
        });
        if (!readOnly && problems.isEmpty()) {
            step(where + "continue writing", () -> write(t));
        }
    }

    // --------------------------------------------------------------- snapshots

    private void snapshot(FileStoreTable t, Snapshot s, Set<String> seenFiles) throws Exception {
        ManifestList lists = t.store().manifestListFactory().create();
        ManifestFile manifests = t.store().manifestFileFactory().create();
        Map<Object, ManifestEntry> live = new HashMap<>();
        for (ManifestFileMeta m : lists.readDataManifests(s)) {
            apply(manifests, m, live);
        }
        long total = live.values().stream().mapToLong(e -> e.file().rowCount()).sum();
        expect(total == s.totalRecordCount(), "totalRecordCount " + s.totalRecordCount() + ", live files hold " + total);
        long delta = 0;
        for (ManifestFileMeta m : lists.readDeltaManifests(s)) {
            for (ManifestEntry e : manifests.read(m.fileName(), m.fileSize())) {
                delta += e.kind() == FileKind.ADD ? e.file().rowCount() : -e.file().rowCount();
            }
        }
        expect(delta == s.deltaRecordCount(), "deltaRecordCount " + s.deltaRecordCount() + ", delta manifests say " + delta);
        List<ManifestFileMeta> changelogs = lists.readChangelogManifests(s);
        if (s.changelogManifestList() != null) {
            long changes = 0;
            for (ManifestFileMeta m : changelogs) {
                for (ManifestEntry e : manifests.read(m.fileName(), m.fileSize())) {
                    changes += e.file().rowCount();
                }
            }
            expect(s.changelogRecordCount() != null && changes == s.changelogRecordCount(),
                    "changelogRecordCount " + s.changelogRecordCount() + ", changelog manifests say " + changes);
        }
        levels(t, live.values());
        for (ManifestEntry e : live.values()) {
            if (seenFiles.add(e.file().fileName())) {
                file(t, e);
            }
        }
        if (!t.primaryKeys().isEmpty() && !readStates) {
            return;
        }
        List<String> rows = t.snapshotManager().snapshotExists(s.id()) ? Reader.rows(Reader.at(t, s.id()), null) : List.of();
        if (!t.primaryKeys().isEmpty()) {
            return;
        }
        // with deletion vectors rows are hidden, with data evolution a row has pieces in several files
        boolean plain = s.indexManifest() == null && !t.coreOptions().dataEvolutionEnabled();
        if (plain && t.snapshotManager().snapshotExists(s.id())) {
            expect(rows.size() == total, "an append table reads " + rows.size() + " rows, manifests count " + total);
        }
    }

    private void apply(ManifestFile manifests, ManifestFileMeta m, Map<Object, ManifestEntry> live) {
        long added = 0;
        long deleted = 0;
        for (ManifestEntry e : manifests.read(m.fileName(), m.fileSize())) {
            if (e.kind() == FileKind.ADD) {
                added++;
                ManifestEntry before = live.put(e.identifier(), e);
                expect(before == null, "file added twice: " + e.fileName());
            } else {
                deleted++;
                ManifestEntry before = live.remove(e.identifier());
                expect(before != null, "a file is deleted that no earlier entry adds: " + e.fileName());
            }
            checkBounds(m, e);
        }
        expect(added == m.numAddedFiles() && deleted == m.numDeletedFiles(),
                m.fileName() + " counts +" + m.numAddedFiles() + " -" + m.numDeletedFiles() + ", holds +" + added + " -" + deleted);
    }

    private void checkBounds(ManifestFileMeta m, ManifestEntry e) {
        if (m.minBucket() != null) {
            expect(m.minBucket() <= e.bucket() && e.bucket() <= m.maxBucket(), m.fileName() + " bucket bounds exclude " + e.bucket());
        }
        if (m.minLevel() != null) {
            expect(m.minLevel() <= e.level() && e.level() <= m.maxLevel(), m.fileName() + " level bounds exclude " + e.level());
        }
    }

    /** Files of one level above 0 must not overlap. */
    private void levels(FileStoreTable t, Iterable<ManifestEntry> live) {
        if (t.primaryKeys().isEmpty()) {
            return;
        }
        Comparator<InternalRow> cmp = ((KeyValueFileStore) t.store()).newKeyComparator();
        Map<List<Object>, List<DataFileMeta>> runs = new HashMap<>();
        for (ManifestEntry e : live) {
            if (e.level() > 0) {
                runs.computeIfAbsent(List.of(e.partition(), e.bucket(), e.level()), k -> new ArrayList<>()).add(e.file());
            }
        }
        runs.forEach((k, files) -> {
            files.sort((a, b) -> cmp.compare(a.minKey(), b.minKey()));
            for (int i = 1; i < files.size(); i++) {
                expect(cmp.compare(files.get(i - 1).maxKey(), files.get(i).minKey()) < 0,
                        "bucket " + k.get(1) + " level " + k.get(2) + " has overlapping files " + files.get(i - 1).fileName() + ", " + files.get(i).fileName());
            }
        });
    }

    // ------------------------------------------------------------- single files

    private void file(FileStoreTable t, ManifestEntry e) throws Exception {
        DataFileMeta f = e.file();
        long size = t.fileIO().getFileSize(path(t, e));
        expect(size == f.fileSize(), f.fileName() + " has " + size + " bytes, the manifest says " + f.fileSize());
        if (t.bucketMode() == BucketMode.HASH_FIXED) {
            expect(e.bucket() >= 0 && e.bucket() < e.totalBuckets(), f.fileName() + " in bucket " + e.bucket() + " of " + e.totalBuckets());
        }
        extractor = extractor(t, e.totalBuckets());
        if (t.primaryKeys().isEmpty()) {
            appendFile(t, e);
        } else {
            keyValueFile(t, e);
        }
    }

    private void appendFile(FileStoreTable t, ManifestEntry e) throws Exception {
        DataFileMeta f = e.file();
        DataSplit split = DataSplit.builder().withSnapshot(1).withPartition(e.partition()).withBucket(e.bucket())
                .withBucketPath(t.store().pathFactory().bucketPath(e.partition(), e.bucket()).toString())
                .withTotalBuckets(e.totalBuckets()).withDataFiles(List.of(f)).rawConvertible(true).build();
        long[] rows = {0};
        FileStoreTable plain = t.copy(Map.of("file-index.read.enabled", "false"));
        Stats stats = new Stats(t, f, plain.rowType());
        try (RecordReader<InternalRow> r = plain.newReadBuilder().newRead().createReader(split)) {
            r.forEachRemaining(row -> {
                rows[0]++;
                stats.add(row);
                placed(t, e, row);
            });
        }
        expect(rows[0] == f.rowCount(), f.fileName() + " holds " + rows[0] + " rows, the manifest says " + f.rowCount());
        stats.compare();
    }

    private void keyValueFile(FileStoreTable t, ManifestEntry e) throws Exception {
        DataFileMeta f = e.file();
        KeyValueFileStore store = (KeyValueFileStore) t.store();
        var builder = store.newReaderFactoryBuilder();
        RowType keyType = builder.keyType();
        RecordComparator cmp = CodeGenUtils.newRecordComparator(keyType.getFieldTypes());
        InternalRowSerializer keys = new InternalRowSerializer(keyType);
        long[] n = new long[4];
        n[2] = Long.MAX_VALUE;
        n[3] = Long.MIN_VALUE;
        BinaryRow[] ends = new BinaryRow[2];
        long[] lastSequence = {Long.MIN_VALUE};
        boolean postponed = e.bucket() == BucketMode.POSTPONE_BUCKET;
        Stats stats = new Stats(t, f, t.rowType());
        try (RecordReader<KeyValue> r = builder.build(e.partition(), e.bucket(), DeletionVector.emptyFactory(), false, List.of()).createRecordReader(f)) {
            r.forEachRemaining(kv -> {
                n[0]++;
                n[1] += kv.valueKind().isRetract() ? 1 : 0;
                n[2] = Math.min(n[2], kv.sequenceNumber());
                n[3] = Math.max(n[3], kv.sequenceNumber());
                BinaryRow key = keys.toBinaryRow(kv.key()).copy();
                if (ends[1] != null && !postponed) {
                    int c = cmp.compare(ends[1], key);
                    // a level 0 file may hold several records of a key when the changelog or the engine needs them
                    expect(c <= 0, f.fileName() + " is not sorted by key at row " + n[0]);
                    expect(f.level() == 0 || c < 0, f.fileName() + " on level " + f.level() + " repeats a key at row " + n[0]);
                }
                if (ends[0] == null) {
                    ends[0] = key;
                }
                ends[1] = key;
                lastSequence[0] = kv.sequenceNumber();
                stats.add(kv.value());
                placed(t, e, kv.value());
            });
        }
        expect(n[0] == f.rowCount(), f.fileName() + " holds " + n[0] + " rows, the manifest says " + f.rowCount());
        expect(n[1] == f.deleteRowCount().orElse(n[1]), f.fileName() + " holds " + n[1] + " retracts, the manifest says " + f.deleteRowCount());
        if (n[0] > 0) {
            expect(n[2] >= f.minSequenceNumber() && n[3] <= f.maxSequenceNumber(), f.fileName() + " sequence numbers " + n[2] + ".." + n[3]
                    + " are out of the manifest's " + f.minSequenceNumber() + ".." + f.maxSequenceNumber());
            if (!postponed) {
                expect(cmp.compare(ends[0], f.minKey()) == 0, f.fileName() + " minKey differs from the first key");
                expect(cmp.compare(ends[1], f.maxKey()) == 0, f.fileName() + " maxKey differs from the last key");
            }
        }
        stats.compare();
        storedKeys(t, e, path(t, e), keyType);
    }

    private static org.apache.paimon.fs.Path path(FileStoreTable t, ManifestEntry e) {
        return t.store().pathFactory().createDataFilePathFactory(e.partition(), e.bucket()).toPath(e.file());
    }

    /**
     * Paimon's own reader takes the key from the value columns and never looks at the _KEY_ columns of a file, so they
     * are read here through the bare file format.
     */
    private void storedKeys(FileStoreTable t, ManifestEntry e, org.apache.paimon.fs.Path path, RowType keyType) throws Exception {
        DataFileMeta f = e.file();
        if (t.coreOptions().dataFileThinMode() || f.schemaId() != t.schema().id()) {
            return;
        }
        List<DataField> fields = KeyValue.createKeyValueFields(keyType.getFields(), t.schema().fields());
        RowType stored = new RowType(false, fields);
        FormatReaderFactory factory = FileFormat.fromIdentifier(f.fileFormat(), t.coreOptions().toConfiguration())
                .createReaderFactory(stored, stored, List.of());
        int keys = keyType.getFieldCount();
        long[] rows = {0};
        try (RecordReader<InternalRow> r = factory.createReader(new FormatReaderContext(t.fileIO(), path, f.fileSize()))) {
            r.forEachRemaining(row -> {
                rows[0]++;
                for (int i = 0; i < keys; i++) {
                    String name = fields.get(i).name();
                    DataType type = fields.get(i).type().nullable();
                    int value = keys + 2 + t.rowType().getFieldIndex(name.substring("_KEY_".length()));
                    String k = Json.value(InternalRow.createFieldGetter(type, i).getFieldOrNull(row), type);
                    String v = Json.value(InternalRow.createFieldGetter(type, value).getFieldOrNull(row), type);
                    expect(k.equals(v), f.fileName() + " row " + rows[0] + " has " + name + " " + k + " but " + name.substring(5) + " " + v);
                }
                expect(!row.isNullAt(keys) && !row.isNullAt(keys + 1), f.fileName() + " row " + rows[0] + " lacks sequence number or kind");
            });
        }
        expect(rows[0] == f.rowCount(), f.fileName() + " holds " + rows[0] + " stored rows, the manifest says " + f.rowCount());
    }

    /** Assigns buckets as at the time the file was written; a rescaled table has partitions with other bucket counts. */
    private static RowKeyExtractor extractor(FileStoreTable t, int totalBuckets) {
        if (t.bucketMode() != BucketMode.HASH_FIXED || totalBuckets == t.coreOptions().bucket()) {
            return t.createRowKeyExtractor();
        }
        Map<String, String> options = new HashMap<>(t.schema().options());
        options.put("bucket", Integer.toString(totalBuckets));
        return t.copy(t.schema().copy(options)).createRowKeyExtractor();
    }

    /** The row must be in the partition and bucket that hold it. */
    private void placed(FileStoreTable t, ManifestEntry e, InternalRow row) {
        RowKeyExtractor x = extractor;
        x.setRecord(row);
        expect(x.partition().equals(e.partition()), e.fileName() + " holds a row of another partition: " + Json.row(row, t.rowType()));
        if (t.bucketMode() == BucketMode.HASH_FIXED) {
            expect(x.bucket() == e.bucket(), e.fileName() + " in bucket " + e.bucket() + " holds a row of bucket " + x.bucket() + ": " + Json.row(row, t.rowType()));
        }
    }

    /** Collects null counts and bounds of the values, and compares them with the manifest's value statistics. */
    private final class Stats {
        private final DataFileMeta file;
        private final RowType type;
        private final List<String> columns;
        private final boolean comparable;
        private final long[] nulls;
        private final Object[] min;
        private final Object[] max;

        Stats(FileStoreTable t, DataFileMeta file, RowType type) {
            this.file = file;
            this.type = type;
            List<String> cols = file.valueStatsCols();
            this.columns = cols != null ? cols : file.writeCols() != null ? file.writeCols() : type.getFieldNames();
            // statistics of files written with another schema would need to be evolved first
            this.comparable = file.schemaId() == t.schema().id()
                    && (cols != null || file.valueStats().minValues().getFieldCount() == columns.size());
            this.nulls = new long[columns.size()];
            this.min = new Object[columns.size()];
            this.max = new Object[columns.size()];
        }

        @SuppressWarnings({"unchecked", "rawtypes"})
        void add(InternalRow row) {
            if (!comparable) {
                return;
            }
            for (int i = 0; i < columns.size(); i++) {
                int at = type.getFieldIndex(columns.get(i));
                Object v = at < 0 ? null : InternalRow.createFieldGetter(type.getTypeAt(at), at).getFieldOrNull(row);
                if (v == null) {
                    nulls[i]++;
                } else if (v instanceof Comparable c && !(v instanceof Boolean)) {
                    if (v instanceof org.apache.paimon.data.BinaryString s) {
                        c = s.copy();
                    }
                    min[i] = min[i] == null || c.compareTo(min[i]) < 0 ? c : min[i];
                    max[i] = max[i] == null || c.compareTo(max[i]) > 0 ? c : max[i];
                }
            }
        }

        @SuppressWarnings({"unchecked", "rawtypes"})
        void compare() {
            if (!comparable || columns.isEmpty()) {
                return;
            }
            BinaryArray counts = file.valueStats().nullCounts();
            for (int i = 0; i < columns.size(); i++) {
                int at = type.getFieldIndex(columns.get(i));
                if (at < 0) {
                    continue;
                }
                if (!counts.isNullAt(i)) {
                    expect(counts.getLong(i) == nulls[i], file.fileName() + " null count of " + columns.get(i) + " is " + nulls[i] + ", the manifest says " + counts.getLong(i));
                }
                if (type.getTypeAt(at).is(DataTypeRoot.FLOAT) || type.getTypeAt(at).is(DataTypeRoot.DOUBLE)) {
                    continue;
                }
                // bounds are null where there are none, even of a NOT NULL column
                InternalRow.FieldGetter getter = InternalRow.createFieldGetter(type.getTypeAt(at).nullable(), i);
                Object lo = getter.getFieldOrNull(file.valueStats().minValues());
                Object hi = getter.getFieldOrNull(file.valueStats().maxValues());
                if (lo instanceof Comparable c && min[i] != null) {
                    expect(c.compareTo(min[i]) <= 0, file.fileName() + " minimum of " + columns.get(i) + " in the manifest is above the data: " + lo + " > " + min[i]);
                }
                if (hi instanceof Comparable c && max[i] != null) {
                    expect(c.compareTo(max[i]) >= 0, file.fileName() + " maximum of " + columns.get(i) + " in the manifest is below the data: " + hi + " < " + max[i]);
                }
            }
        }
    }

    // -------------------------------------------------------- continue writing

    private void write(FileStoreTable t) throws Exception {
        boolean rescaled = t.bucketMode() == BucketMode.HASH_FIXED && t.store().newScan().plan().files().stream()
                .anyMatch(e -> e.totalBuckets() != t.coreOptions().bucket());
        if (rescaled) {
            return; // Java itself asks for an INSERT OVERWRITE of the old partitions first
        }
        Continue next = new Continue(t);
        boolean hidesLevel0 = t.coreOptions().deletionVectorsEnabled()
                || t.coreOptions().mergeEngine() == org.apache.paimon.CoreOptions.MergeEngine.FIRST_ROW;
        if (hidesLevel0 && !t.primaryKeys().isEmpty()) {
            next.compact();
        }
        List<String> before = Reader.rows(t, null);
        if (t.bucketMode() == BucketMode.KEY_DYNAMIC) { // writing takes an index of all keys, which Java has in RocksDB only
            next.compact();
            expect(Reader.rows(t, null).stream().sorted().toList().equals(before.stream().sorted().toList()), "a compaction changed the rows");
            return;
        }
        Long latest = t.snapshotManager().latestSnapshotId();
        GenericRow fresh = next.randomRow(new Random(latest == null ? 0 : latest));
        List<InternalRow> again = t.primaryKeys().isEmpty() ? List.of() : Reader.some(t, 5);
        List<InternalRow> rows = new ArrayList<>();
        again.forEach(r -> rows.add(next.small(r)));
        rows.add(fresh);
        next.write(rows);
        if (t.bucketMode() == BucketMode.POSTPONE_MODE) {
            expect(Reader.rows(t, null).equals(before), "rows of postponed buckets show before they are compacted");
            return;
        }
        next.compact();
        List<String> after = Reader.rows(t, null);
        if (t.primaryKeys().isEmpty()) {
            expect(after.size() == before.size() + 1, "an appended row: " + before.size() + " rows before, " + after.size() + " after");
            return;
        }
        String pk = key(t, fresh);
        expect(after.stream().anyMatch(r -> r.contains(pk)), "the written row is not read back: " + pk);
        // with other engines a lone retraction, not seen before, may become a row when it is compacted
        String engine = t.coreOptions().mergeEngine().toString();
        boolean expires = t.options().containsKey("record-level.expire-time"); // rows go when they are compacted
        if (!expires && (engine.equals("deduplicate") || engine.equals("first-row"))) {
            expect(after.size() == before.size() || after.size() == before.size() + 1,
                    before.size() + " rows before writing one more, " + after.size() + " after");
            Set<String> kept = new HashSet<>(after);
            expect(before.stream().allMatch(r -> kept.contains(r) || r.contains(pk)), "rows written again with their own values have changed");
        }
    }

    private static String key(FileStoreTable t, InternalRow row) {
        String c = t.primaryKeys().get(0);
        int at = t.rowType().getFieldIndex(c);
        return Json.quote(c) + ":" + Json.value(InternalRow.createFieldGetter(t.rowType().getTypeAt(at), at).getFieldOrNull(row), t.rowType().getTypeAt(at));
    }
}
