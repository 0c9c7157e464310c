package options

import (
	"github.com/tarndb/tarn/paimon/errs"
	"github.com/tarndb/tarn/paimon/types"
)

func (r *reader) recordExpiry() RecordExpiry {
	_, set := r.m["record-level.expire-time"]
	return RecordExpiry{Enabled: set, After: r.duration("record-level.expire-time", 0), TimeField: r.str("record-level.time-field", "")}
}

// CheckTimeField refuses columns that `record-level.time-field` cannot name.
// Source: RecordLevelExpire.
func CheckTimeField(f types.Field) error {
	switch f.Type.Root {
	case types.Int, types.BigInt, types.Timestamp, types.TimestampLTZ:
		return nil
	}
	return errs.Invalid("option 'record-level.time-field': column %q is of type %s: want INT or BIGINT (seconds, or milliseconds from 10^12 on) or TIMESTAMP", f.Name, f.Type)
}

// CheckColumns holds the options that name columns against those of a table.
// Source: SchemaValidation, RowKindGenerator.
func (t *Table) CheckColumns(fields []types.Field) error {
	find := func(option, name string) (types.Field, error) {
		for _, f := range fields {
			if f.Name == name {
				return f, nil
			}
		}
		return types.Field{}, errs.Invalid("option '%s': the table has no column %q", option, name)
	}
	if name := t.RecordExpiry.TimeField; name != "" {
		f, err := find("record-level.time-field", name)
		if err == nil {
			err = CheckTimeField(f)
		}
		if err != nil {
			return err
		}
	}
	if t.RecordExpiry.Enabled && t.RecordExpiry.TimeField == "" {
		return errs.Invalid("option 'record-level.expire-time' needs 'record-level.time-field'")
	}
	if name := t.RowKindField; name != "" {
		f, err := find("rowkind.field", name)
		if err != nil {
			return err
		}
		if f.Type.Root != types.Varchar && f.Type.Root != types.Char {
			return errs.Invalid("option 'rowkind.field': column %q is of type %s: want STRING", name, f.Type)
		}
	}
	for _, c := range t.SequenceFields {
		if _, err := find("sequence.field", c); err != nil {
			return err
		}
	}
	return nil
}
