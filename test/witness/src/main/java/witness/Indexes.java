package witness;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.predicate.Predicate;
import org.apache.paimon.predicate.PredicateBuilder;
import org.apache.paimon.table.FileStoreTable;

/** Reads with conditions on the columns that have file indexes: no index may hide a row. */
final class Indexes {

    private Indexes() {}

    static List<String> problems(FileStoreTable table) throws Exception {
        List<String> out = new ArrayList<>();
        Set<String> columns = new TreeSet<>();
        table.options().forEach((key, names) -> {
            if (key.startsWith("file-index.") && key.endsWith(".columns")) {
                columns.addAll(List.of(names.split(",")));
            }
        });
        columns.retainAll(table.rowType().getFieldNames());
        if (columns.isEmpty()) {
            return out;
        }
        PredicateBuilder builder = new PredicateBuilder(table.rowType());
        List<InternalRow> rows = Reader.some(table, Integer.MAX_VALUE);
        for (String column : columns) {
            int at = table.rowType().getFieldIndex(column);
            InternalRow.FieldGetter getter = InternalRow.createFieldGetter(table.rowType().getTypeAt(at), at);
            List<Predicate> conditions = new ArrayList<>(List.of(builder.isNull(at)));
            for (InternalRow row : rows.subList(0, Math.min(2, rows.size()))) {
                Object value = getter.getFieldOrNull(row);
                if (value != null) {
                    conditions.addAll(List.of(builder.equal(at, value), builder.greaterOrEqual(at, value)));
                }
            }
            for (Predicate p : conditions) {
                long want = rows.stream().filter(p::test).count();
                List<String> got = Reader.rows(table, p);
                if (got.size() != want) {
                    out.add("condition " + p + " holds for " + want + " rows, " + got.size() + " are read by it");
                }
            }
        }
        return out;
    }
}
