package witness;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.paimon.Snapshot;
import org.apache.paimon.data.BinaryString;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.data.serializer.InternalRowSerializer;
import org.apache.paimon.disk.IOManager;
import org.apache.paimon.predicate.Predicate;
import org.apache.paimon.reader.RecordReader;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.Table;
import org.apache.paimon.table.source.DataSplit;
import org.apache.paimon.table.source.ReadBuilder;
import org.apache.paimon.table.source.Split;
import org.apache.paimon.table.source.StreamTableScan;
import org.apache.paimon.table.source.TableRead;
import org.apache.paimon.types.RowKind;
import org.apache.paimon.types.RowType;

/** Reads tables through the public read API into JSON lines. */
final class Reader {

    private Reader() {}

    private record Line(Object[] key, String json) {}

    /** All rows of the table as it is configured, sorted by primary key (append tables: by JSON text). */
    static List<String> rows(Table table, Predicate filter) throws IOException {
        ReadBuilder rb = table.newReadBuilder();
        if (filter != null) {
            rb = rb.withFilter(filter);
        }
        RowType type = table.rowType();
        List<String> pks = table.primaryKeys();
        InternalRow.FieldGetter[] keys = new InternalRow.FieldGetter[pks.size()];
        for (int i = 0; i < keys.length; i++) {
            int at = type.getFieldIndex(pks.get(i));
            keys[i] = InternalRow.createFieldGetter(type.getTypeAt(at), at);
        }
        List<Line> lines = new ArrayList<>();
        try (IOManager io = IOManager.create(Main.tmp())) {
            TableRead read = rb.newRead().withIOManager(io);
            if (filter != null) {
                read = read.executeFilter();
            }
            for (Split split : rb.newScan().plan().splits()) {
                try (RecordReader<InternalRow> reader = read.createReader(split)) {
                    reader.forEachRemaining(row -> {
                        Object[] key = new Object[keys.length];
                        for (int i = 0; i < keys.length; i++) {
                            Object v = keys[i].getFieldOrNull(row);
                            key[i] = v instanceof BinaryString s ? s.copy() : v;
                        }
                        lines.add(new Line(key, Json.row(row, type)));
                    });
                }
            }
        } catch (IOException e) {
            throw e;
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IOException(e);
        }
        Comparator<Line> byKey = (a, b) -> compare(a.key, b.key);
        lines.sort(byKey.thenComparing((a, b) -> Json.compareUtf8(a.json, b.json)));
        return lines.stream().map(Line::json).toList();
    }

    /** Copies of the first rows that a read gives, as inserts. */
    static List<InternalRow> some(FileStoreTable table, int n) throws Exception {
        InternalRowSerializer copier = new InternalRowSerializer(table.rowType());
        ReadBuilder rb = table.newReadBuilder();
        List<InternalRow> out = new ArrayList<>();
        try (IOManager io = IOManager.create(Main.tmp())) {
            TableRead read = rb.newRead().withIOManager(io);
            for (Split split : rb.newScan().plan().splits()) {
                try (RecordReader<InternalRow> reader = read.createReader(split)) {
                    reader.forEachRemaining(row -> {
                        if (out.size() < n) {
                            InternalRow copy = copier.copy(row);
                            copy.setRowKind(RowKind.INSERT);
                            out.add(copy);
                        }
                    });
                }
            }
        }
        return out;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static int compare(Object[] a, Object[] b) {
        for (int i = 0; i < a.length; i++) {
            int c;
            if (a[i] == null || b[i] == null) {
                c = Boolean.compare(a[i] != null, b[i] != null);
            } else if (a[i] instanceof byte[] x) {
                c = Arrays.compareUnsigned(x, (byte[]) b[i]);
            } else {
                c = ((Comparable) a[i]).compareTo(b[i]);
            }
            if (c != 0) {
                return c;
            }
        }
        return 0;
    }

    static FileStoreTable at(FileStoreTable table, long snapshot) {
        return table.copy(Map.of("scan.snapshot-id", Long.toString(snapshot)));
    }

    static FileStoreTable atTag(FileStoreTable table, String tag) {
        return table.copy(Map.of("scan.tag-name", tag));
    }

    /**
     * A streaming read from {@code from} to the latest snapshot: one line a record, in read order, each with
     * {@code _snapshot} and {@code _kind}. Without a changelog producer these are the raw appended records.
     */
    static List<String> changelog(FileStoreTable base, long from) throws Exception {
        Map<String, String> opts = new HashMap<>();
        opts.put("scan.mode", "from-snapshot");
        opts.put("scan.snapshot-id", Long.toString(from));
        FileStoreTable table = base.copyWithoutTimeTravel(opts);
        Snapshot latest = table.snapshotManager().latestSnapshot();
        List<String> out = new ArrayList<>();
        if (latest == null) {
            return out;
        }
        RowType type = table.rowType();
        ReadBuilder rb = table.newReadBuilder();
        StreamTableScan scan = rb.newStreamScan();
        try (IOManager io = IOManager.create(Main.tmp())) {
            TableRead read = rb.newRead().withIOManager(io);
            for (int empty = 0; empty < 3; ) {
                List<Split> splits = scan.plan().splits();
                if (splits.isEmpty()) {
                    Long next = scan.checkpoint();
                    if (next != null && next > latest.id()) {
                        break;
                    }
                    empty++;
                    continue;
                }
                empty = 0;
                for (Split s : splits) {
                    long id = ((DataSplit) s).snapshotId();
                    try (RecordReader<InternalRow> reader = read.createReader(s)) {
                        reader.forEachRemaining(row -> out.add(Json.row(row, type,
                                "\"_snapshot\":" + id + ",\"_kind\":\"" + row.getRowKind().shortString() + "\"")));
                    }
                }
            }
        }
        return out;
    }

    /** The oldest snapshot whose changes can still be streamed. */
    static Long earliestChange(FileStoreTable table) {
        Long s = table.snapshotManager().earliestSnapshotId();
        Long c = table.changelogManager().earliestLongLivedChangelogId();
        return c == null ? s : s == null ? c : (Long) Math.min(s, c);
    }
}
