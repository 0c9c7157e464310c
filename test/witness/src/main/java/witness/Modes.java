package witness;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

import org.apache.paimon.Snapshot;
import org.apache.paimon.catalog.Catalog;
import org.apache.paimon.catalog.Identifier;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.disk.IOManager;
import org.apache.paimon.reader.RecordReader;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.source.DataSplit;
import org.apache.paimon.table.source.EndOfScanException;
import org.apache.paimon.table.source.IncrementalSplit;
import org.apache.paimon.table.source.ReadBuilder;
import org.apache.paimon.table.source.Split;
import org.apache.paimon.table.source.StreamTableScan;
import org.apache.paimon.table.source.TableRead;
import org.apache.paimon.types.RowType;

/** Answers questions such as "db.table | batch | scan.mode=full": how many rows come, and a digest of them. */
final class Modes {

    private static final int EMPTY_PLANS = 4;

    private Modes() {}

    /** Prints the questions of a file with their answers; older answers in it, and comments, are passed over and kept. */
    static void answer(String warehouse, Path questions) throws Exception {
        String root = Path.of(warehouse).toAbsolutePath() + "/";
        try (Catalog catalog = Main.open(warehouse)) {
            for (String line : Files.readAllLines(questions)) {
                if (line.isBlank() || line.startsWith("#")) {
                    System.out.println(line);
                    continue;
                }
                String question = line.split(" => ", 2)[0];
                System.out.println(question + " => " + answer(catalog, question).replace(root, "").replace(" (No such file or directory)", " is missing"));
            }
        }
    }

    private static String answer(Catalog catalog, String question) throws Exception {
        String[] parts = question.split(" \\| ");
        try {
            List<String> rows = rows(catalog, parts[0].trim(), parts[1].trim().equals("batch"), parts.length > 2 ? parts[2].trim() : "");
            Collections.sort(rows);
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            rows.forEach(r -> digest.update((r + "\n").getBytes(StandardCharsets.UTF_8)));
            return rows.size() + " " + HexFormat.of().formatHex(digest.digest()).substring(0, 16);
        } catch (Exception e) {
            Throwable cause = e;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            return cause instanceof NullPointerException ? "error:" : "error: " + String.valueOf(cause.getMessage()).replace('\n', ' ');
        }
    }

    private static List<String> rows(Catalog catalog, String name, boolean batch, String options) throws Exception {
        int dot = name.indexOf('.');
        FileStoreTable table = (FileStoreTable) catalog.getTable(Identifier.create(name.substring(0, dot), name.substring(dot + 1)));
        Map<String, String> hint = new HashMap<>();
        for (String kv : options.isEmpty() ? new String[0] : options.split(";")) {
            int e = kv.indexOf('=');
            hint.put(kv.substring(0, e), kv.substring(e + 1));
        }
        table = batch ? table.copy(hint) : table.copyWithoutTimeTravel(hint);
        ReadBuilder builder = table.newReadBuilder();
        List<String> out = new ArrayList<>();
        try (IOManager io = IOManager.create(Main.tmp())) {
            TableRead read = builder.newRead().withIOManager(io);
            if (!batch) {
                follow(builder.newStreamScan(), table, read, out);
                return out;
            }
            for (Split split : builder.newScan().plan().splits()) {
                add(out, read, split, table.rowType(), "");
            }
            return out;
        }
    }

    /** Follows the table up to its newest snapshot. */
    private static void follow(StreamTableScan scan, FileStoreTable table, TableRead read, List<String> out) throws Exception {
        Snapshot latest = table.snapshotManager().latestSnapshot();
        for (int empty = 0; empty < EMPTY_PLANS; ) {
            List<Split> splits;
            try {
                splits = scan.plan().splits();
            } catch (EndOfScanException e) {
                return;
            }
            empty = splits.isEmpty() ? empty + 1 : 0;
            Long next = scan.checkpoint();
            if (splits.isEmpty() && next != null && latest != null && next > latest.id()) {
                return;
            }
            for (Split split : splits) {
                long id = split instanceof DataSplit data ? data.snapshotId() : ((IncrementalSplit) split).snapshotId();
                add(out, read, split, table.rowType(), "\"_snapshot\":" + id + ",");
            }
        }
    }

    private static void add(List<String> out, TableRead read, Split split, RowType type, String prefix) throws Exception {
        boolean state = !(split instanceof DataSplit data) || !data.isStreaming();
        try (RecordReader<InternalRow> rows = read.createReader(split)) {
            rows.forEachRemaining(row -> {
                String kind = !state ? row.getRowKind().shortString() : row.getRowKind().isAdd() ? "+I" : "-D";
                out.add(Json.row(row, type, prefix + "\"_kind\":\"" + kind + "\""));
            });
        }
    }
}
