package witness;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.apache.paimon.data.BinaryString;
import org.apache.paimon.data.BinaryVector;
import org.apache.paimon.data.Blob;
import org.apache.paimon.data.BlobData;
import org.apache.paimon.data.Decimal;
import org.apache.paimon.data.GenericArray;
import org.apache.paimon.data.GenericMap;
import org.apache.paimon.data.GenericRow;
import org.apache.paimon.data.Timestamp;
import org.apache.paimon.data.variant.GenericVariant;
import org.apache.paimon.types.ArrayType;
import org.apache.paimon.types.BinaryType;
import org.apache.paimon.types.CharType;
import org.apache.paimon.types.DataField;
import org.apache.paimon.types.DataType;
import org.apache.paimon.types.DecimalType;
import org.apache.paimon.types.LocalZonedTimestampType;
import org.apache.paimon.types.MapType;
import org.apache.paimon.types.MultisetType;
import org.apache.paimon.types.RowType;
import org.apache.paimon.types.TimeType;
import org.apache.paimon.types.TimestampType;
import org.apache.paimon.types.VarBinaryType;
import org.apache.paimon.types.VarCharType;
import org.apache.paimon.types.VectorType;

/** Random values of Paimon's types. */
final class Values {

    private Values() {}

    static final String[] WORDS = {
        "", "a", "zebra", "Ärger", "数据湖", "naïve", "emoji😀", "tab\tnew\nline", "quote\"back\\", " lead", "trail ",
        "0", "-1", "null", "NULL", "true", "ÿþ", "\u0001ctl", "it's", "x,y;z|w", "percent%20", "longer value that is past sixteen bytes"
    };

    /** A random internal value of the type; nulls (outer and inner) with probability {@code nulls}. */
    static Object random(Random r, DataType type, double nulls) {
        if (type.isNullable() && r.nextDouble() < nulls) {
            return null;
        }
        return switch (type.getTypeRoot()) {
            case CHAR -> {
                int n = ((CharType) type).getLength();
                StringBuilder sb = new StringBuilder();
                for (int i = 0; i < n; i++) {
                    sb.append((char) ('a' + r.nextInt(26)));
                }
                yield BinaryString.fromString(sb.toString());
            }
            case VARCHAR -> {
                int max = ((VarCharType) type).getLength();
                String s = r.nextInt(3) == 0 ? WORDS[r.nextInt(WORDS.length)] : "v" + Integer.toString(r.nextInt(1 << 20), 36);
                if (s.codePointCount(0, s.length()) > max) {
                    s = s.substring(0, s.offsetByCodePoints(0, max));
                }
                yield BinaryString.fromString(s);
            }
            case BOOLEAN -> r.nextBoolean();
            case BINARY -> bytes(r, ((BinaryType) type).getLength());
            case VARBINARY -> bytes(r, r.nextInt(Math.min(24, ((VarBinaryType) type).getLength()) + 1));
            case TINYINT -> pick(r, Byte.MIN_VALUE, Byte.MAX_VALUE, (byte) r.nextInt(256));
            case SMALLINT -> pick(r, Short.MIN_VALUE, Short.MAX_VALUE, (short) r.nextInt(1 << 16));
            case INTEGER -> pick(r, Integer.MIN_VALUE, Integer.MAX_VALUE, r.nextInt());
            case BIGINT -> pick(r, Long.MIN_VALUE, Long.MAX_VALUE, r.nextLong());
            case FLOAT -> {
                float[] edge = {0f, -0f, Float.MIN_VALUE, Float.MAX_VALUE, -Float.MAX_VALUE, 0.1f};
                yield r.nextInt(6) == 0 ? edge[r.nextInt(edge.length)] : (float) (r.nextGaussian() * 1e4);
            }
            case DOUBLE -> {
                double[] edge = {0d, -0d, Double.MIN_VALUE, Double.MAX_VALUE, -Double.MAX_VALUE, 0.1d, 1e17};
                yield r.nextInt(6) == 0 ? edge[r.nextInt(edge.length)] : r.nextGaussian() * 1e8;
            }
            case DECIMAL -> {
                DecimalType t = (DecimalType) type;
                BigInteger bound = BigInteger.TEN.pow(t.getPrecision());
                BigInteger u = r.nextInt(8) == 0 ? bound.subtract(BigInteger.ONE)
                        : new BigInteger(r.nextInt(bound.bitLength()) + 1, r).mod(bound);
                if (r.nextBoolean()) {
                    u = u.negate();
                }
                yield Decimal.fromBigDecimal(new BigDecimal(u, t.getScale()), t.getPrecision(), t.getScale());
            }
            case DATE -> r.nextInt(8) == 0 ? -1 - r.nextInt(30000) : r.nextInt(25000);
            case TIME_WITHOUT_TIME_ZONE -> {
                int p = ((TimeType) type).getPrecision();
                int ms = r.nextInt(86_400_000);
                yield p >= 3 ? ms : ms / 1000 * 1000;
            }
            case TIMESTAMP_WITHOUT_TIME_ZONE -> timestamp(r, ((TimestampType) type).getPrecision());
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE -> timestamp(r, ((LocalZonedTimestampType) type).getPrecision());
            case ARRAY -> {
                Object[] a = new Object[r.nextInt(4)];
                for (int i = 0; i < a.length; i++) {
                    a[i] = random(r, ((ArrayType) type).getElementType(), nulls);
                }
                yield new GenericArray(a);
            }
            case MAP -> {
                Map<Object, Object> m = new LinkedHashMap<>();
                for (int i = r.nextInt(4); i > 0; i--) {
                    m.put(random(r, ((MapType) type).getKeyType(), 0), random(r, ((MapType) type).getValueType(), nulls));
                }
                yield new GenericMap(m);
            }
            case MULTISET -> {
                Map<Object, Object> m = new LinkedHashMap<>();
                for (int i = r.nextInt(4); i > 0; i--) {
                    m.put(random(r, ((MultisetType) type).getElementType(), 0), 1 + r.nextInt(5));
                }
                yield new GenericMap(m);
            }
            case ROW -> {
                RowType t = (RowType) type;
                GenericRow g = new GenericRow(t.getFieldCount());
                int i = 0;
                for (DataField f : t.getFields()) {
                    g.setField(i++, random(r, f.type(), nulls));
                }
                yield g;
            }
            case VARIANT -> {
                String[] docs = {
                    "{\"a\":1,\"b\":\"x\"}", "[1,2,3.5,null]", "\"text\"", "12345678901", "true", "null",
                    "{\"nested\":{\"k\":[{\"z\":\"数\"}]},\"d\":12.25}"
                };
                yield GenericVariant.fromJson(docs[r.nextInt(docs.length)]);
            }
            case BLOB -> new BlobData(bytes(r, 1 + r.nextInt(200)));
            case VECTOR -> {
                float[] f = new float[((VectorType) type).getLength()];
                for (int i = 0; i < f.length; i++) {
                    f[i] = (float) r.nextGaussian();
                }
                yield BinaryVector.fromPrimitiveArray(f);
            }
            default -> throw new IllegalArgumentException("no random value for " + type);
        };
    }

    private static Object pick(Random r, Object low, Object high, Object any) {
        int n = r.nextInt(12);
        return n == 0 ? low : n == 1 ? high : any;
    }

    private static byte[] bytes(Random r, int n) {
        byte[] b = new byte[n];
        r.nextBytes(b);
        return b;
    }

    private static Timestamp timestamp(Random r, int precision) {
        long seconds = r.nextInt(8) == 0 ? -1L - r.nextInt(1_000_000_000) : r.nextInt(2_000_000_000);
        long nanos = r.nextInt(1_000_000_000);
        long unit = (long) Math.pow(10, 9 - precision);
        nanos = nanos / unit * unit;
        return Timestamp.fromLocalDateTime(LocalDateTime.ofEpochSecond(seconds, (int) nanos, java.time.ZoneOffset.UTC));
    }
}
