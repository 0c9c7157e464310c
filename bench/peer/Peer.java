import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.paimon.catalog.Catalog;
import org.apache.paimon.catalog.CatalogContext;
import org.apache.paimon.catalog.CatalogFactory;
import org.apache.paimon.catalog.Identifier;
import org.apache.paimon.data.BinaryString;
import org.apache.paimon.data.GenericRow;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.disk.IOManager;
import org.apache.paimon.options.Options;
import org.apache.paimon.predicate.Predicate;
import org.apache.paimon.predicate.PredicateBuilder;
import org.apache.paimon.reader.RecordReader;
import org.apache.paimon.schema.Schema;
import org.apache.paimon.table.FileStoreTable;
import org.apache.paimon.table.sink.StreamTableCommit;
import org.apache.paimon.table.sink.StreamTableWrite;
import org.apache.paimon.table.sink.StreamWriteBuilder;
import org.apache.paimon.table.source.DataSplit;
import org.apache.paimon.table.source.ReadBuilder;
import org.apache.paimon.table.source.Split;
import org.apache.paimon.types.DataTypes;
import org.apache.paimon.utils.RoaringBitmap64;

/** The measurements of Tarn's bench that its Java baseline lacks, with Paimon's own API: aggregate, planning, scan. */
public class Peer {
    static long started, cpu;

    public static void main(String[] args) throws Exception {
        String warehouse = args[1];
        switch (args[0]) {
            case "aggregate" -> aggregate(warehouse, Integer.parseInt(args[2]));
            case "planning" -> planning(warehouse);
            case "scan" -> scan(warehouse, args[2]);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    static Catalog open(String warehouse) {
        Options o = new Options();
        o.set("warehouse", "file:" + warehouse);
        return CatalogFactory.createCatalog(CatalogContext.create(o));
    }

    static FileStoreTable table(String warehouse, String name) throws Exception {
        return (FileStoreTable) open(warehouse).getTable(Identifier.create("bench", name));
    }

    /** 2 M events on 20 k keys: a sum and a union of bitmaps of one id each, in commits of 200 k rows. */
    static void aggregate(String warehouse, int every) throws Exception {
        Catalog c = open(warehouse);
        c.createDatabase("bench", true);
        Identifier id = Identifier.create("bench", "aggregate");
        c.dropTable(id, true);
        c.createTable(id, Schema.newBuilder().column("k", DataTypes.INT().notNull()).column("total", DataTypes.BIGINT()).column("ids", DataTypes.BYTES())
                .primaryKey("k").option("bucket", "2").option("merge-engine", "aggregation").option("fields.total.aggregate-function", "sum")
                .option("fields.ids.aggregate-function", "rbm64").build(), false);
        StreamWriteBuilder b = c.getTable(id).newStreamWriteBuilder().withCommitUser("bench");
        start();
        try (IOManager io = IOManager.create(System.getProperty("java.io.tmpdir")); StreamTableWrite w = b.newWrite(); StreamTableCommit commit = b.newCommit()) {
            w.withIOManager(io);
            long commits = 0;
            for (long i = 0; i < 2_000_000; i++) {
                int key = (int) (i * 2654435761L % 20_000);
                w.write(GenericRow.of(key, i % 1000, one(i)));
                if ((i + 1) % every == 0) {
                    commit.commit(++commits, w.prepareCommit(false, commits));
                }
            }
            commit.commit(++commits, w.prepareCommit(true, commits));
        }
        report("aggregate_sum_rbm64", 2_000_000, "");
    }

    static byte[] one(long id) throws Exception {
        RoaringBitmap64 r = new RoaringBitmap64();
        r.add(id);
        return r.serialize();
    }

    /** Plans the table that `bench planning` has left, with a new catalog each time. */
    static void planning(String warehouse) throws Exception {
        for (boolean part : new boolean[] {false, true}) {
            for (String kind : new String[] {"cold", "warm"}) {
                FileStoreTable kept = table(warehouse, "planning");
                for (int warmUp = 0; warmUp < 2; warmUp++) { // the first round is for the JIT
                    int rounds = 30, files = 0;
                    start();
                    for (int i = 0; i < rounds; i++) {
                        FileStoreTable t = kind.equals("cold") ? table(warehouse, "planning") : kept;
                        ReadBuilder r = t.newReadBuilder();
                        if (part) {
                            Predicate p = new PredicateBuilder(t.rowType()).equal(0, BinaryString.fromString("2026-01-03"));
                            r.withFilter(p);
                        }
                        files = 0;
                        for (Split s : r.newScan().plan().splits()) {
                            files += ((DataSplit) s).dataFiles().size();
                        }
                    }
                    if (warmUp == 1) {
                        report("planning_" + kind + (part ? "_partition" : ""), files,
                                String.format(Locale.ROOT, ",\"ms_a_plan\":%.3f", (System.nanoTime() - started) / 1e6 / rounds));
                    }
                }
            }
        }
    }

    /** Reads a table, one thread, three times. */
    static void scan(String warehouse, String name) throws Exception {
        FileStoreTable t = table(warehouse, name);
        for (int iter = 0; iter < 3; iter++) {
            start();
            ReadBuilder b = t.newReadBuilder();
            List<Split> splits = new ArrayList<>(b.newScan().plan().splits());
            long rows = 0, sum = 0;
            try (RecordReader<InternalRow> r = b.newRead().createReader(splits)) {
                RecordReader.RecordIterator<InternalRow> it;
                while ((it = r.readBatch()) != null) {
                    InternalRow row;
                    while ((row = it.next()) != null) {
                        rows++;
                        sum += row.isNullAt(0) ? 0 : 1;
                    }
                    it.releaseBatch();
                }
            }
            report("scan_" + name, rows, ",\"iter\":" + iter);
        }
    }

    static long cpuNanos() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    static void start() {
        started = System.nanoTime();
        cpu = cpuNanos();
    }

    static void report(String what, long rows, String more) throws Exception {
        double s = (System.nanoTime() - started) / 1e9, c = (cpuNanos() - cpu) / 1e9;
        long peak = 0;
        for (String l : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (l.startsWith("VmHWM")) {
                peak = Long.parseLong(l.replaceAll("[^0-9]", "")) / 1024;
            }
        }
        System.out.printf(Locale.ROOT, "{\"bench\":\"%s\",\"engine\":\"java\",\"rows\":%d,\"s\":%.3f,\"rows_per_s\":%.0f,\"cpu_s\":%.2f,\"peak_rss_mb\":%d%s}%n", what, rows, s, rows / s, c, peak, more);
    }
}
