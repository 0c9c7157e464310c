package mysqlwire

import (
	"github.com/apache/arrow-go/v18/arrow"
)

// Column and parameter types of the protocol.
const (
	typeDecimalOld byte = 0x00
	typeTiny       byte = 0x01
	typeShort      byte = 0x02
	typeLong       byte = 0x03
	typeFloat      byte = 0x04
	typeDouble     byte = 0x05
	typeNull       byte = 0x06
	typeTimestamp  byte = 0x07
	typeLongLong   byte = 0x08
	typeInt24      byte = 0x09
	typeDate       byte = 0x0a
	typeTime       byte = 0x0b
	typeDatetime   byte = 0x0c
	typeYear       byte = 0x0d
	typeVarchar    byte = 0x0f
	typeBit        byte = 0x10
	typeJSON       byte = 0xf5
	typeDecimal    byte = 0xf6
	typeEnum       byte = 0xf7
	typeSet        byte = 0xf8
	typeTinyBlob   byte = 0xf9
	typeMediumBlob byte = 0xfa
	typeLongBlob   byte = 0xfb
	typeBlob       byte = 0xfc
	typeVarString  byte = 0xfd
	typeString     byte = 0xfe
	typeGeometry   byte = 0xff
)

// Flags of a column definition.
const (
	flagNotNull    uint16 = 1
	flagPrimaryKey uint16 = 2
	flagUnsigned   uint16 = 32
	flagBinary     uint16 = 128
)

const (
	notFixedDecimals = 31        // of floating point columns
	maxTextLength    = 4 * 65535 // display width that is claimed for text
	nestedLength     = 16 << 20  // and for arrays, maps and structs
	uuidExtension    = "arrow.uuid"
)

// wireType is how a column of an Arrow type is declared to clients.
type wireType struct {
	code     byte
	charset  uint16
	length   uint32 // display width in bytes
	flags    uint16
	decimals byte
}

// paramWireType declares a parameter whose type is not known.
var paramWireType = wireType{code: typeVarString, charset: charsetUTF8MB4, length: maxTextLength}

func wireTypes(columns []Column) ([]wireType, error) {
	types := make([]wireType, len(columns))
	for i, col := range columns {
		t, ok := wireTypeOf(col.Type)
		if !ok {
			return nil, Errorf(CodeNotSupported, "column %q: type %s cannot be sent to a MySQL client; cast it to another type", col.Name, col.Type)
		}
		types[i] = t
	}
	return types, nil
}

func numeric(code byte, length uint32, flags uint16) (wireType, bool) {
	return wireType{code: code, charset: charsetBinary, length: length, flags: flags | flagBinary}, true
}

func temporal(code byte, length uint32, digits int) (wireType, bool) {
	if digits > 0 {
		length += uint32(digits) + 1
	}
	return wireType{code: code, charset: charsetBinary, length: length, flags: flagBinary, decimals: byte(digits)}, true
}

func text(length uint32) (wireType, bool) {
	return wireType{code: typeVarString, charset: charsetUTF8MB4, length: length}, true
}

// wireTypeOf maps an Arrow type; ok is false for types without a MySQL form.
// Nanoseconds go as text: MySQL's temporal types end at microseconds, and
// digits must not vanish. Arrays, maps and structs go as text, as in StarRocks.
func wireTypeOf(dt arrow.DataType) (wireType, bool) {
	switch t := dt.(type) {
	case *arrow.NullType:
		return numeric(typeNull, 0, 0)
	case *arrow.BooleanType: // without the binary flag, by which MySQL Connector/J knows TINYINT(1)
		return wireType{code: typeTiny, charset: charsetBinary, length: 1}, true
	case *arrow.Int8Type:
		return numeric(typeTiny, 4, 0)
	case *arrow.Int16Type:
		return numeric(typeShort, 6, 0)
	case *arrow.Int32Type:
		return numeric(typeLong, 11, 0)
	case *arrow.Int64Type:
		return numeric(typeLongLong, 20, 0)
	case *arrow.Uint8Type:
		return numeric(typeTiny, 3, flagUnsigned)
	case *arrow.Uint16Type:
		return numeric(typeShort, 5, flagUnsigned)
	case *arrow.Uint32Type:
		return numeric(typeLong, 10, flagUnsigned)
	case *arrow.Uint64Type:
		return numeric(typeLongLong, 20, flagUnsigned)
	case *arrow.Float32Type:
		w, ok := numeric(typeFloat, 12, 0)
		w.decimals = notFixedDecimals
		return w, ok
	case *arrow.Float64Type:
		w, ok := numeric(typeDouble, 22, 0)
		w.decimals = notFixedDecimals
		return w, ok
	case arrow.DecimalType:
		if t.GetScale() < 0 || t.GetScale() > 80 {
			return wireType{}, false
		}
		w, ok := numeric(typeDecimal, uint32(t.GetPrecision())+2, 0) // sign and point
		w.decimals = byte(t.GetScale())
		return w, ok
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType:
		return text(maxTextLength)
	case *arrow.BinaryType, *arrow.LargeBinaryType, *arrow.BinaryViewType, *arrow.FixedSizeBinaryType:
		return wireType{code: typeVarString, charset: charsetBinary, length: maxTextLength, flags: flagBinary}, true
	}
	return wireTypeOfOther(dt)
}

func wireTypeOfOther(dt arrow.DataType) (wireType, bool) {
	switch t := dt.(type) {
	case *arrow.Date32Type, *arrow.Date64Type:
		return temporal(typeDate, 10, 0)
	case *arrow.Time32Type:
		return temporal(typeTime, 10, fractionDigits(t.Unit))
	case *arrow.Time64Type:
		if t.Unit == arrow.Nanosecond {
			return text(4 * 18)
		}
		return temporal(typeTime, 10, fractionDigits(t.Unit))
	case *arrow.TimestampType:
		switch {
		case t.Unit == arrow.Nanosecond:
			return text(4 * 29)
		case t.TimeZone != "":
			return temporal(typeTimestamp, 19, fractionDigits(t.Unit))
		}
		return temporal(typeDatetime, 19, fractionDigits(t.Unit))
	case *arrow.DictionaryType:
		return wireTypeOf(t.ValueType)
	case *arrow.StructType:
		for _, f := range t.Fields() {
			if _, ok := wireTypeOf(f.Type); !ok {
				return wireType{}, false
			}
		}
		return text(nestedLength)
	case *arrow.MapType:
		_, keys := wireTypeOf(t.KeyType())
		_, items := wireTypeOf(t.ItemType())
		w, _ := text(nestedLength)
		return w, keys && items
	case *arrow.ListType, *arrow.LargeListType, *arrow.FixedSizeListType:
		_, ok := wireTypeOf(t.(arrow.ListLikeType).Elem())
		w, _ := text(nestedLength)
		return w, ok
	case arrow.ExtensionType:
		if t.ExtensionName() == uuidExtension {
			return text(4 * 36)
		}
		return wireTypeOf(t.StorageType())
	}
	return wireType{}, false
}

// fractionDigits is the number of digits that a unit has behind the second.
func fractionDigits(u arrow.TimeUnit) int {
	switch u {
	case arrow.Millisecond:
		return 3
	case arrow.Microsecond:
		return 6
	case arrow.Nanosecond:
		return 9
	}
	return 0
}
