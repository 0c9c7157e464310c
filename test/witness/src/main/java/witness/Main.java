package witness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;
import org.apache.paimon.catalog.Catalog;
import org.apache.paimon.catalog.CatalogContext;
import org.apache.paimon.catalog.CatalogFactory;
import org.apache.paimon.options.Options;

/** Process wide helpers. */
final class Main {

    private static Path tmp;

    private Main() {}

    /** A folder for spill files, deleted at exit. */
    static synchronized String tmp() {
        if (tmp == null) {
            try {
                tmp = Files.createTempDirectory("paimon-witness");
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
            Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(tmp)));
        }
        return tmp.toString();
    }

    /** The file system catalog over a warehouse directory. */
    static Catalog open(String warehouse) {
        Options o = new Options();
        o.set("warehouse", Path.of(warehouse).toAbsolutePath().toString());
        return CatalogFactory.createCatalog(CatalogContext.create(o));
    }

    static void delete(Path dir) {
        if (!Files.exists(dir)) {
            return;
        }
        try (Stream<Path> s = Files.walk(dir)) {
            s.sorted(Comparator.reverseOrder()).forEach(p -> p.toFile().delete());
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
