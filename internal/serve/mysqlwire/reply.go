package mysqlwire

import (
	"context"
	"encoding/binary"
)

// sendOK ends a statement without rows.
func (c *conn) sendOK(affected uint64, more bool) error {
	c.w.begin()
	b := append(c.w.out, 0)
	b = appendLenencInt(b, affected)
	b = append(b, 0) // last insert id
	b = binary.LittleEndian.AppendUint16(b, c.flags(more))
	c.w.out = binary.LittleEndian.AppendUint16(b, c.warningCount())
	return c.w.end()
}

// sendEOF ends a list of columns or rows.
func (c *conn) sendEOF(more bool) error {
	c.w.begin()
	b := append(c.w.out, 0xfe)
	b = binary.LittleEndian.AppendUint16(b, c.warningCount())
	c.w.out = binary.LittleEndian.AppendUint16(b, c.flags(more))
	return c.w.end()
}

func (c *conn) flags(more bool) uint16 {
	if more {
		return c.status | statusMoreResults
	}
	return c.status
}

func (c *conn) warningCount() uint16 { return uint16(min(len(c.warnings), 1<<16-1)) }

// writeError sends what a statement failed with; ctx is the statement's.
func (c *conn) writeError(ctx context.Context, err error) error {
	code, state, text := mysqlError(ctx, err)
	c.warnings = []warning{{"Error", code, text}}
	c.w.begin()
	b := append(c.w.out, 0xff)
	b = binary.LittleEndian.AppendUint16(b, code)
	b = append(b, '#')
	b = append(b, state...)
	c.w.out = append(b, text...)
	return c.w.end()
}

// sendColumns sends the definitions of columns and the EOF behind them.
func (c *conn) sendColumns(columns []Column, types []wireType) error {
	for i, col := range columns {
		if err := c.sendColumn(col, types[i], false); err != nil {
			return err
		}
	}
	return c.sendEOF(false)
}

// sendColumn sends one definition; COM_FIELD_LIST wants a default value too.
func (c *conn) sendColumn(col Column, t wireType, withDefault bool) error {
	c.w.begin()
	b := appendLenencString(c.w.out, "def")
	b = appendLenencString(b, col.Schema)
	b = appendLenencString(b, col.Table)
	b = appendLenencString(b, col.Table)
	b = appendLenencString(b, col.Name)
	b = appendLenencString(b, col.Name)
	b = append(b, 0x0c)
	b = binary.LittleEndian.AppendUint16(b, t.charset)
	b = binary.LittleEndian.AppendUint32(b, t.length)
	b = append(b, t.code)
	flags := t.flags
	if !col.Nullable {
		flags |= flagNotNull
	}
	if col.Key {
		flags |= flagPrimaryKey
	}
	b = binary.LittleEndian.AppendUint16(b, flags)
	b = append(b, t.decimals, 0, 0)
	if withDefault {
		b = append(b, 0xfb)
	}
	c.w.out = b
	return c.w.end()
}
