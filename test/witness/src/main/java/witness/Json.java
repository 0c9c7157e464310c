package witness;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.apache.paimon.data.BinaryString;
import org.apache.paimon.data.Blob;
import org.apache.paimon.data.Decimal;
import org.apache.paimon.data.InternalArray;
import org.apache.paimon.data.InternalMap;
import org.apache.paimon.data.InternalRow;
import org.apache.paimon.data.InternalVector;
import org.apache.paimon.data.Timestamp;
import org.apache.paimon.data.variant.Variant;
import org.apache.paimon.types.ArrayType;
import org.apache.paimon.types.DataField;
import org.apache.paimon.types.DataType;
import org.apache.paimon.types.IntType;
import org.apache.paimon.types.LocalZonedTimestampType;
import org.apache.paimon.types.MapType;
import org.apache.paimon.types.MultisetType;
import org.apache.paimon.types.RowType;
import org.apache.paimon.types.TimeType;
import org.apache.paimon.types.TimestampType;
import org.apache.paimon.types.VectorType;

/** The JSON form of rows in which two readers of a table are compared; internal/rowjson prints the same. */
final class Json {

    private Json() {}

    // ---------------------------------------------------------------- rows

    static String row(InternalRow row, RowType type) {
        StringBuilder sb = new StringBuilder();
        appendRow(sb, row, type, null);
        return sb.toString();
    }

    /** A row preceded by extra members, for example {@code "_kind":"+I"}. */
    static String row(InternalRow row, RowType type, String prefixMembers) {
        StringBuilder sb = new StringBuilder();
        appendRow(sb, row, type, prefixMembers);
        return sb.toString();
    }

    private static void appendRow(StringBuilder sb, InternalRow row, RowType type, String prefix) {
        sb.append('{');
        boolean first = true;
        if (prefix != null && !prefix.isEmpty()) {
            sb.append(prefix);
            first = false;
        }
        List<DataField> fields = type.getFields();
        for (int i = 0; i < fields.size(); i++) {
            if (!first) {
                sb.append(',');
            }
            first = false;
            quote(sb, fields.get(i).name());
            sb.append(':');
            Object v = InternalRow.createFieldGetter(fields.get(i).type(), i).getFieldOrNull(row);
            append(sb, v, fields.get(i).type());
        }
        sb.append('}');
    }

    static String value(Object v, DataType type) {
        StringBuilder sb = new StringBuilder();
        append(sb, v, type);
        return sb.toString();
    }

    private static void append(StringBuilder sb, Object v, DataType type) {
        if (v == null) {
            sb.append("null");
            return;
        }
        switch (type.getTypeRoot()) {
            case BOOLEAN, TINYINT, SMALLINT, INTEGER, BIGINT -> sb.append(v);
            case FLOAT -> sb.append(number(((Number) v).floatValue()));
            case DOUBLE -> sb.append(number(((Number) v).doubleValue()));
            case DECIMAL -> quote(sb, ((Decimal) v).toBigDecimal().toPlainString());
            case CHAR, VARCHAR -> quote(sb, ((BinaryString) v).toString());
            case BINARY, VARBINARY -> quote(sb, Base64.getEncoder().encodeToString((byte[]) v));
            case BLOB -> quote(sb, Base64.getEncoder().encodeToString(((Blob) v).toData()));
            case DATE -> quote(sb, LocalDate.ofEpochDay((Integer) v).toString());
            case TIME_WITHOUT_TIME_ZONE -> quote(sb, time((Integer) v, ((TimeType) type).getPrecision()));
            case TIMESTAMP_WITHOUT_TIME_ZONE ->
                    quote(sb, timestamp((Timestamp) v, ((TimestampType) type).getPrecision()));
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE ->
                    quote(sb, timestamp((Timestamp) v, ((LocalZonedTimestampType) type).getPrecision()) + "Z");
            case ARRAY -> appendArray(sb, (InternalArray) v, ((ArrayType) type).getElementType());
            case VECTOR -> appendArray(sb, (InternalVector) v, ((VectorType) type).getElementType());
            case MAP -> {
                MapType t = (MapType) type;
                appendMap(sb, (InternalMap) v, t.getKeyType(), t.getValueType());
            }
            case MULTISET ->
                    appendMap(sb, (InternalMap) v, ((MultisetType) type).getElementType(), new IntType(false));
            case ROW -> appendRow(sb, (InternalRow) v, (RowType) type, null);
            case VARIANT -> quote(sb, ((Variant) v).toJson());
            default -> throw new IllegalArgumentException("no JSON form for " + type);
        }
    }

    private static void appendArray(StringBuilder sb, InternalArray a, DataType elementType) {
        InternalArray.ElementGetter getter = InternalArray.createElementGetter(elementType);
        sb.append('[');
        for (int i = 0; i < a.size(); i++) {
            if (i > 0) {
                sb.append(',');
            }
            append(sb, getter.getElementOrNull(a, i), elementType);
        }
        sb.append(']');
    }

    /** Maps and multisets become arrays of [key, value], sorted by the JSON text of the key. */
    private static void appendMap(StringBuilder sb, InternalMap m, DataType keyType, DataType valueType) {
        InternalArray.ElementGetter kg = InternalArray.createElementGetter(keyType);
        InternalArray.ElementGetter vg = InternalArray.createElementGetter(valueType);
        InternalArray ks = m.keyArray();
        InternalArray vs = m.valueArray();
        List<String[]> entries = new ArrayList<>();
        for (int i = 0; i < m.size(); i++) {
            entries.add(new String[] {
                value(kg.getElementOrNull(ks, i), keyType), value(vg.getElementOrNull(vs, i), valueType)
            });
        }
        entries.sort((a, b) -> compareUtf8(a[0], b[0]));
        sb.append('[');
        for (int i = 0; i < entries.size(); i++) {
            sb.append(i > 0 ? ",[" : "[").append(entries.get(i)[0]).append(',').append(entries.get(i)[1]).append(']');
        }
        sb.append(']');
    }

    // ------------------------------------------------------------- scalars

    static String time(int millisOfDay, int precision) {
        LocalTime t = LocalTime.ofNanoOfDay(millisOfDay * 1_000_000L);
        return String.format("%02d:%02d:%02d", t.getHour(), t.getMinute(), t.getSecond())
                + fraction(t.getNano(), precision);
    }

    static String timestamp(Timestamp ts, int precision) {
        LocalDateTime t = ts.toLocalDateTime();
        return String.format("%s%s:%02d", t.toLocalDate() + "T",
                String.format("%02d:%02d", t.getHour(), t.getMinute()), t.getSecond())
                + fraction(t.getNano(), precision);
    }

    private static String fraction(int nano, int precision) {
        return precision == 0 ? "" : "." + String.format("%09d", nano).substring(0, precision);
    }

    static String number(float f) {
        if (Float.isNaN(f) || Float.isInfinite(f)) {
            return number((double) f);
        }
        for (int p = 1; p < 9; p++) {
            BigDecimal b = new BigDecimal(f).round(new MathContext(p, RoundingMode.HALF_EVEN));
            if (b.floatValue() == f) {
                return number(b, f);
            }
        }
        return number(new BigDecimal(f).round(new MathContext(9, RoundingMode.HALF_EVEN)), f);
    }

    static String number(double d) {
        if (Double.isNaN(d) || Double.isInfinite(d)) {
            return "\"" + (Double.isNaN(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity") + "\"";
        }
        for (int p = 1; p < 17; p++) {
            BigDecimal b = new BigDecimal(d).round(new MathContext(p, RoundingMode.HALF_EVEN));
            if (b.doubleValue() == d) {
                return number(b, d);
            }
        }
        return number(new BigDecimal(d).round(new MathContext(17, RoundingMode.HALF_EVEN)), d);
    }

    /** The shortest decimal that reads back as the same number, in the notation of Go's encoding/json. */
    private static String number(BigDecimal shortest, double value) {
        double abs = Math.abs(value);
        if (abs == 0) {
            return 1 / value < 0 ? "-0" : "0";
        }
        BigDecimal b = shortest.stripTrailingZeros();
        if (abs >= 1e-6 && abs < 1e21) {
            return b.toPlainString();
        }
        String digits = b.unscaledValue().abs().toString();
        int exponent = digits.length() - 1 - b.scale();
        return (value < 0 ? "-" : "") + digits.charAt(0) + (digits.length() > 1 ? "." + digits.substring(1) : "")
                + "e" + (exponent < 0 ? "-" : "+") + Math.abs(exponent);
    }

    static String quote(String s) {
        StringBuilder sb = new StringBuilder();
        quote(sb, s);
        return sb.toString();
    }

    static void quote(StringBuilder sb, String s) {
        sb.append('"');
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            switch (c) {
                case '"' -> sb.append("\\\"");
                case '\\' -> sb.append("\\\\");
                case '\n' -> sb.append("\\n");
                case '\r' -> sb.append("\\r");
                case '\t' -> sb.append("\\t");
                default -> {
                    if (c < 0x20) {
                        sb.append(String.format("\\u%04x", (int) c));
                    } else {
                        sb.append(c);
                    }
                }
            }
        }
        sb.append('"');
    }

    static int compareUtf8(String a, String b) {
        return java.util.Arrays.compareUnsigned(
                a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));
    }
}
