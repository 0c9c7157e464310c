package mysqlcdc

import (
	"fmt"
	"strings"

	"github.com/tarndb/tarn/paimon/errs"
)

// column is a column of the source table, as information_schema shows it.
type column struct {
	name       string
	dataType   string // lower case: "int", "varchar"
	columnType string // with parameters: "int(10) unsigned"
	charset    string // "" for non-text
	collation  string
	precision  int // DECIMAL digits; BIT bits
	scale      int
	fsp        int // digits of seconds' fraction
	bytes      int // CHARACTER_OCTET_LENGTH: width of BINARY(n)
	unsigned   bool
	labels     []string // ENUM and SET
}

// family groups source types by the cell that they decode to.
type family uint8

const (
	famOther    family = iota // not supported when declared
	famInt                    // TINYINT … BIGINT, YEAR
	famDecimal                // DECIMAL up to 38 digits
	famLong                   // DECIMAL of 39 digits and more: text
	famFloat                  // FLOAT
	famDouble                 // DOUBLE
	famText                   // CHAR, VARCHAR, TEXT
	famEnum                   // ENUM
	famSet                    // SET
	famJSON                   // JSON of MySQL (MariaDB's is LONGTEXT)
	famBytes                  // BINARY, VARBINARY, BLOB
	famBit                    // BIT
	famDate                   // DATE
	famDatetime               // DATETIME: wall clock
	famInstant                // TIMESTAMP: instant
	famTime                   // TIME
)

func (c *column) family() family {
	switch c.dataType {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "year":
		return famInt
	case "decimal":
		if c.precision > 38 {
			return famLong
		}
		return famDecimal
	case "float":
		return famFloat
	case "double":
		return famDouble
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		if strings.Contains(c.columnType, "COMPRESSED") {
			return famOther
		}
		return famText
	case "enum":
		return famEnum
	case "set":
		return famSet
	case "json":
		return famJSON
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		if strings.Contains(c.columnType, "COMPRESSED") {
			return famOther
		}
		return famBytes
	case "bit":
		return famBit
	case "date":
		return famDate
	case "datetime":
		return famDatetime
	case "timestamp":
		return famInstant
	case "time":
		return famTime
	}
	return famOther
}

// selectExpr is the expression whose text form is exact. A FLOAT prints only
// six digits unless it is made a DOUBLE; a BIT prints raw bytes.
func (c *column) selectExpr() string {
	switch c.family() {
	case famFloat:
		return quoteName(c.name) + " * 1e0"
	case famBit:
		return quoteName(c.name) + " + 0"
	}
	return quoteName(c.name)
}

// describe names the column and its type for messages.
func (c *column) describe() string {
	s := strings.ToUpper(c.columnType)
	if i := strings.IndexByte(s, '('); i >= 0 && len(c.labels) > 0 {
		s = s[:i]
	}
	return fmt.Sprintf("%q %s", c.name, s)
}

// checkCharset refuses text whose bytes in the binlog cannot be turned to
// UTF-8 here.
func (c *column) checkCharset() error {
	if f := c.family(); f != famText {
		return nil
	}
	switch c.charset {
	case "utf8mb4", "utf8mb3", "utf8", "ascii", "latin1", "binary", "":
		return nil
	}
	return errs.Unsupported("column %s has the character set %s: not supported; convert the column to utf8mb4, or leave it out of the declared columns", c.describe(), c.charset)
}

func quoteName(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

func quoteText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\x00", `\0`).Replace(s) + "'"
}

// parseLabels reads "enum('a','b”c')".
func parseLabels(columnType string) []string {
	_, list, ok := strings.Cut(columnType, "(")
	if !ok {
		return nil
	}
	var out []string
	for i := 0; i < len(list); i++ {
		if list[i] != '\'' {
			continue
		}
		var b strings.Builder
		for i++; i < len(list); i++ {
			if list[i] == '\'' {
				if i+1 < len(list) && list[i+1] == '\'' {
					i++
				} else {
					break
				}
			}
			b.WriteByte(list[i])
		}
		out = append(out, b.String())
	}
	return out
}

// latin1 is MySQL's latin1: Windows-1252, with its five holes filled by the
// control characters of the same number.
func latin1() *[256]rune {
	var t [256]rune
	for i := range t {
		t[i] = rune(i)
	}
	high := []rune("€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ")
	copy(t[0x80:0xa0], high)
	return &t
}
