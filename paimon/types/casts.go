package types

import "slices"

// CanCast reports whether a column may change its type: the change is among
// Paimon's implicit ones, or among the explicit ones if those are allowed, and
// there is a way to turn the old values into the new. Nullability is compared
// only when explicit changes are not allowed.
// Source: DataTypeCasts and CastExecutors.
func CanCast(from, to Type, explicit bool) bool {
	if from.Nullable && !to.Nullable && !explicit {
		return false
	}
	if from.EqualIgnoringNull(to) {
		return true
	}
	allowed := from.Root == to.Root || implicitCast(from.Root, to.Root) || explicit && explicitCast(from.Root, to.Root)
	return allowed && castExists(from, to)
}

// IsText reports CHAR and VARCHAR.
func (r Root) IsText() bool { return r == Char || r == Varchar }

// IsBinary reports BINARY and VARBINARY.
func (r Root) IsBinary() bool { return r == Binary || r == Varbinary }

// IsInteger reports TINYINT, SMALLINT, INT and BIGINT.
func (r Root) IsInteger() bool { return r >= TinyInt && r <= BigInt }

// IsNumeric reports DECIMAL, the integers, FLOAT and DOUBLE.
func (r Root) IsNumeric() bool { return r >= Decimal && r <= Double }

// IsTimestamp reports TIMESTAMP with and without local time zone.
func (r Root) IsTimestamp() bool { return r == Timestamp || r == TimestampLTZ }

// implicitCast holds the changes that lose nothing, as Paimon sees it.
func implicitCast(from, to Root) bool {
	switch to {
	case Varchar:
		return from.IsText()
	case Varbinary:
		return from.IsBinary()
	case Decimal, Double:
		return from.IsNumeric()
	case SmallInt, Int, BigInt:
		return from.IsInteger() && from <= to
	case Float:
		return from.IsInteger() || from == Decimal
	case Date, Time:
		return from == Timestamp
	case Timestamp, TimestampLTZ:
		return from.IsTimestamp()
	}
	return false
}

// explicitCast holds the changes that may lose something.
func explicitCast(from, to Root) bool {
	switch to {
	case Char, Varchar:
		return true
	case Boolean:
		return from.IsText() || from.IsInteger()
	case Binary, Varbinary:
		return from.IsText() || from.IsBinary()
	case Decimal:
		return from.IsText() || from == Boolean || from.IsTimestamp()
	case TinyInt, SmallInt, Int, BigInt, Float, Double:
		return from.IsNumeric() || from.IsText() || from == Boolean || from.IsTimestamp()
	case Date:
		return from.IsTimestamp() || from.IsText()
	case Time:
		return from.IsTimestamp() || from.IsText()
	case Timestamp, TimestampLTZ:
		return from == Date || from == Time || from.IsText() || from.IsNumeric()
	}
	return false
}

// castExists reports whether values can be turned from one type into the
// other. Dates and times become text of unbounded length only.
func castExists(from, to Type) bool {
	r := to.Root
	boundless := r == Varchar && to.Precision == MaxLength && to.Nullable
	switch {
	case from.Root.IsNumeric():
		return r.IsNumeric() || r.IsText() || r == Boolean && from.Root.IsInteger() ||
			r.IsTimestamp() && (from.Root == Int || from.Root == BigInt)
	case from.Root == Boolean:
		return r.IsNumeric() || r.IsText()
	case from.Root.IsText():
		return !slices.Contains([]Root{Multiset, Variant, Blob}, r)
	case from.Root.IsBinary():
		return r.IsBinary() || r.IsText()
	case from.Root.IsTimestamp():
		return r.IsTimestamp() || r == Date || r == Time || r == Int || r == BigInt || boundless
	case from.Root == Date, from.Root == Time:
		return r.IsTimestamp() || boundless
	case from.Root == Array, from.Root == Map, from.Root == Row:
		return r.IsText() && hasText(from)
	}
	return false
}

// hasText reports whether all parts of a nested type can be text.
func hasText(t Type) bool {
	switch t.Root {
	case Array:
		return hasText(*t.Elem)
	case Map:
		return hasText(*t.Key) && hasText(*t.Elem)
	case Row:
		return !slices.ContainsFunc(t.Fields, func(f Field) bool { return !hasText(f.Type) })
	}
	return t.Root.IsText() || castExists(t, String())
}
