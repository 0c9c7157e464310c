package witness;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.apache.paimon.append.AppendCompactCoordinator;
import org.apache.paimon.append.AppendCompactTask;
import org.apache.paimon.data.BinaryRow;
import org.apache.paimon.data.BinaryString;
import org.apache.paimon.data.GenericRow;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.disk.IOManager;
import org.apache.paimon.index.HashBucketAssigner;
import org.apache.paimon.operation.BaseAppendFileStoreWrite;
import org.apache.paimon.table.BucketMode;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.sink.CommitMessage;
import org.apache.paimon.table.sink.RowKeyExtractor;
import org.apache.paimon.table.sink.TableCommitImpl;
import org.apache.paimon.table.sink.TableWriteImpl;
import org.apache.paimon.types.RowKind;
import org.apache.paimon.types.RowType;

/** Goes on with a table that somebody else began: writes, compacts, commits. */
final class Continue {

    private final FileStoreTable table;
    private final String user = "witness";
    private long commitId = 0;

    Continue(FileStoreTable table) {
        this.table = table;
    }

    /** A row without nulls, but for columns that take only serialized sketches or bitmaps. */
    GenericRow randomRow(Random random) {
        RowType type = table.rowType();
        GenericRow row = new GenericRow(RowKind.INSERT, type.getFieldCount());
        String kind = table.coreOptions().rowkindField().orElse("");
        // an index of bit slices takes the absolute value of a number
        List<String> sliced = List.of(table.options().getOrDefault("file-index.bsi.columns", "").split(","));
        for (int i = 0; i < type.getFieldCount(); i++) {
            String name = type.getFieldNames().get(i);
            String f = String.valueOf(table.coreOptions().fieldAggFunc(name));
            boolean opaque = f.contains("sketch") || f.startsWith("rbm");
            Object value = opaque ? null : Values.random(random, type.getTypeAt(i), 0);
            if (sliced.contains(name) && Long.valueOf(Long.MIN_VALUE).equals(value)) {
                value = Long.MAX_VALUE;
            }
            if (name.equals(table.options().get("record-level.time-field"))) {
                value = Integer.MAX_VALUE; // or the row is gone at once
            }
            row.setField(i, name.equals(kind) ? BinaryString.fromString("+I") : value);
        }
        return small(row);
    }

    /** The row with ones for the integers that are added or multiplied up: Paimon 2 does not let them overflow. */
    GenericRow small(InternalRow row) {
        RowType type = table.rowType();
        GenericRow out = new GenericRow(row.getRowKind(), type.getFieldCount());
        for (int i = 0; i < type.getFieldCount(); i++) {
            Object value = InternalRow.createFieldGetter(type.getTypeAt(i).nullable(), i).getFieldOrNull(row);
            String f = table.coreOptions().fieldAggFunc(type.getFieldNames().get(i));
            if ("sum".equals(f) || "product".equals(f)) {
                value = value instanceof Byte ? Byte.valueOf((byte) 1)
                        : value instanceof Short ? Short.valueOf((short) 1)
                        : value instanceof Integer ? Integer.valueOf(1)
                        : value instanceof Long ? Long.valueOf(1) : value;
            }
            out.setField(i, value);
        }
        return out;
    }

    /** Commits the rows, with whatever compaction the table's options ask for. */
    void write(List<? extends InternalRow> rows) throws Exception {
        try (IOManager io = IOManager.create(Main.tmp());
                TableWriteImpl<?> write = table.newWrite(user).withIOManager(io);
                TableCommitImpl commit = table.newCommit(user)) {
            feed(write, rows);
            commit.commit(++commitId, write.prepareCommit(true, commitId));
        }
    }

    private void feed(TableWriteImpl<?> write, List<? extends InternalRow> rows) throws Exception {
        if (table.bucketMode() != BucketMode.HASH_DYNAMIC) {
            for (InternalRow row : rows) {
                write.write(row);
            }
            return;
        }
        RowKeyExtractor keys = table.createRowKeyExtractor();
        HashBucketAssigner assigner = new HashBucketAssigner(table.snapshotManager(), user, table.store().newIndexFileHandler(),
                1, 1, 0, table.coreOptions().dynamicBucketTargetRowNum(), table.coreOptions().dynamicBucketMaxBuckets());
        for (InternalRow row : rows) {
            keys.setRecord(row);
            int bucket = assigner.assign(keys.partition().copy(), keys.trimmedPrimaryKey().copy().hashCode());
            write.write(row, bucket);
        }
    }

    /** A full compaction of all buckets that have files. */
    void compact() throws Exception {
        FileStoreTable target = table.copy(Map.of("write-only", "false"));
        if (table.bucketMode() == BucketMode.BUCKET_UNAWARE) {
            compactUnaware(target.copy(Map.of("compaction.min.file-num", "2")));
            return;
        }
        try (IOManager io = IOManager.create(Main.tmp());
                TableWriteImpl<?> write = target.newWrite(user).withIOManager(io);
                TableCommitImpl commit = target.newCommit(user)) {
            Set<List<Object>> seen = new LinkedHashSet<>();
            target.store().newScan().plan().files().forEach(e -> seen.add(List.of(e.partition().copy(), e.bucket())));
            for (List<Object> at : seen) {
                write.compact((BinaryRow) at.get(0), (Integer) at.get(1), true);
            }
            commit.commit(++commitId, write.prepareCommit(true, commitId));
        }
    }

    private void compactUnaware(FileStoreTable target) throws Exception {
        List<AppendCompactTask> tasks = new AppendCompactCoordinator(target, false).run();
        BaseAppendFileStoreWrite write = (BaseAppendFileStoreWrite) (Object) target.store().newWrite(user);
        try (TableCommitImpl commit = target.newCommit(user)) {
            List<CommitMessage> messages = new ArrayList<>();
            for (AppendCompactTask task : tasks) {
                messages.add(task.doCompact(target, write));
            }
            commit.commit(++commitId, messages);
        } finally {
            write.close();
        }
    }
}
