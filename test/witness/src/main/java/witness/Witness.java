package witness;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.paimon.catalog.Catalog;
import org.apache.paimon.catalog.Identifier;
import org.apache.paimon.table.FallbackReadFileStoreTable;
import org.apache.paimon.table.FileStoreTable;

/** The command line. */
public final class Witness {

    private static final String USAGE = """
            witness dump <warehouse> <db.table> [--snapshot N] [--tag T] [--branch B] [--changelog [--from N]]
                prints rows as JSON lines
            witness dump-all <warehouse> <out> [--only REGEX]
                per table a folder out/db.table: state.jsonl, state@N.jsonl for each snapshot, state@tag-T.jsonl for
                each tag, changes.jsonl, and branch-B.… of each branch B; error.txt where something cannot be read
            witness check <warehouse> [--only REGEX] [--in-place] [--read-only]
                verifies all files, then continues every table (a copy of it, unless in place)
            witness relay <warehouse> <out> [--only REGEX]
                dump-all to out/before, check in place, dump-all of what is new to out/after
            witness modes <warehouse> <file>
                answers the file's lines "db.table | batch or stream | options" anew: rows and the start of their digest
            """;

    public static void main(String[] args) {
        int code;
        try {
            code = run(args);
        } catch (Throwable e) {
            System.err.println("error: " + e);
            for (Throwable c = e.getCause(); c != null; c = c.getCause()) {
                System.err.println("  caused by: " + c);
            }
            if (Boolean.getBoolean("witness.trace")) {
                e.printStackTrace();
            }
            code = 2;
        }
        System.out.flush();
        System.exit(code);
    }

    private static int run(String[] args) throws Exception {
        List<String> plain = new ArrayList<>();
        Map<String, String> flags = new HashMap<>();
        for (int i = 0; i < args.length; i++) {
            if (!args[i].startsWith("--")) {
                plain.add(args[i]);
            } else if (List.of("--changelog", "--in-place", "--read-only").contains(args[i])) {
                flags.put(args[i], "true");
            } else {
                flags.put(args[i], args[++i]);
            }
        }
        Pattern only = flags.containsKey("--only") ? Pattern.compile(flags.get("--only")) : null;
        switch ((plain.isEmpty() ? "" : plain.get(0)) + " " + (plain.size() - 1)) {
            case "dump 2" -> dump(plain.get(1), plain.get(2), flags);
            case "dump-all 2" -> dumpAll(plain.get(1), Path.of(plain.get(2)), only, null);
            case "check 1" -> {
                return Check.run(Path.of(plain.get(1)), only, flags.containsKey("--in-place"), flags.containsKey("--read-only"), true);
            }
            case "relay 2" -> {
                Path before = Path.of(plain.get(2), "before");
                dumpAll(plain.get(1), before, only, null);
                int code = Check.run(Path.of(plain.get(1)), only, true, false, false);
                dumpAll(plain.get(1), Path.of(plain.get(2), "after"), only, before);
                return code;
            }
            case "modes 2" -> Modes.answer(plain.get(1), Path.of(plain.get(2)));
            default -> {
                System.err.print(USAGE);
                return 2;
            }
        }
        return 0;
    }

    private static void dump(String warehouse, String name, Map<String, String> flags) throws Exception {
        int dot = name.indexOf('.');
        String db = name.substring(0, dot);
        String object = name.substring(dot + 1);
        try (Catalog catalog = Main.open(warehouse)) {
            String branch = flags.get("--branch");
            Identifier id = branch == null ? Identifier.create(db, object) : new Identifier(db, object, branch);
            FileStoreTable table = (FileStoreTable) catalog.getTable(id);
            List<String> lines;
            if (flags.containsKey("--changelog")) {
                String from = flags.get("--from");
                lines = changes(table, from == null ? Reader.earliestChange(table) : Long.valueOf(from));
            } else {
                if (flags.containsKey("--snapshot")) {
                    table = Reader.at(table, Long.parseLong(flags.get("--snapshot")));
                }
                if (flags.containsKey("--tag")) {
                    table = Reader.atTag(table, flags.get("--tag"));
                }
                lines = Reader.rows(table, null);
            }
            System.out.write(text(lines));
        }
    }

    private static List<String> changes(FileStoreTable table, Long from) throws Exception {
        return from == null ? List.of() : Reader.changelog(table, from);
    }

    /** Snapshots that the folder known holds are left out. */
    private static void dumpAll(String warehouse, Path out, Pattern only, Path known) throws Exception {
        try (Catalog catalog = Main.open(warehouse)) {
            for (String db : catalog.listDatabases()) {
                for (String name : catalog.listTables(db)) {
                    if (only != null && !only.matcher(db + "." + name).find()) {
                        continue;
                    }
                    Path dir = Files.createDirectories(out.resolve(db + "." + name));
                    try {
                        FileStoreTable table = (FileStoreTable) catalog.getTable(Identifier.create(db, name));
                        Path old = known == null ? null : known.resolve(db + "." + name);
                        dumpTable(table, dir, old, "");
                        dumpTags(table, dir, old);
                        for (String b : table.branchManager().branches()) {
                            dumpTable((FileStoreTable) catalog.getTable(new Identifier(db, name, b)), dir, old, "branch-" + b + ".");
                        }
                    } catch (Exception e) {
                        Files.writeString(dir.resolve("error.txt"), e + (e.getCause() == null ? "" : " <- " + e.getCause()));
                    }
                }
            }
        }
    }

    private static void dumpTable(FileStoreTable table, Path dir, Path known, String prefix) throws Exception {
        Files.write(dir.resolve(prefix + "state.jsonl"), text(Reader.rows(table, null)));
        for (long id : table.snapshotManager().snapshotIdStream().sorted().toList()) {
            String name = prefix + "state@" + id + ".jsonl";
            if (known == null || !Files.exists(known.resolve(name))) {
                Files.write(dir.resolve(name), text(Reader.rows(Reader.at(table, id), null)));
            }
        }
        Files.write(dir.resolve(prefix + "changes.jsonl"), text(changes(table, Reader.earliestChange(table))));
    }

    /** Not of branches, in which Paimon finds no tags, and not with a fallback branch, where it looks for their schema. */
    private static void dumpTags(FileStoreTable table, Path dir, Path known) throws Exception {
        if (table instanceof FallbackReadFileStoreTable) {
            return;
        }
        for (String tag : table.tagManager().allTagNames()) {
            String name = "state@tag-" + tag + ".jsonl";
            if (known == null || !Files.exists(known.resolve(name))) {
                Files.write(dir.resolve(name), text(Reader.rows(Reader.atTag(table, tag), null)));
            }
        }
    }

    private static byte[] text(List<String> lines) {
        StringBuilder sb = new StringBuilder();
        lines.forEach(l -> sb.append(l).append('\n'));
        return sb.toString().getBytes(StandardCharsets.UTF_8);
    }
}
