package render

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/tarndb/tarn/internal/query/ast"
)

func (r *renderer) param(_ *scope, e *ast.Param) val {
	if len(r.opts.Params) == 0 {
		return val{sql: fmt.Sprintf("$%d", e.Index+1)}
	}
	if e.Index >= len(r.opts.Params) {
		r.fail(e, "", "parameter %d has no value, %d are given", e.Index+1, len(r.opts.Params))
	}
	l, ok := paramLiteral(r.opts.Params[e.Index])
	if !ok {
		r.fail(e, "", "parameter %d: a value of type %T cannot be used", e.Index+1, r.opts.Params[e.Index])
	}
	l.Pos = e.Pos
	if neg := strings.HasPrefix(l.Text, "-"); neg && (l.Kind == ast.IntLit || l.Kind == ast.FloatLit || l.Kind == ast.DecimalLit) {
		pos := *l
		pos.Text = l.Text[1:]
		return r.negative(&pos)
	}
	return r.literal(l)
}

// paramLiteral makes the literal that a parameter's value stands for.
func paramLiteral(v any) (*ast.Literal, bool) {
	l := &ast.Literal{Kind: ast.IntLit}
	switch v := v.(type) {
	case nil:
		l.Kind = ast.NullLit
	case bool:
		l.Kind, l.Text = ast.BoolLit, strconv.FormatBool(v)
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		l.Text = fmt.Sprint(v)
	case float32:
		l.Kind, l.Text = ast.FloatLit, strconv.FormatFloat(float64(v), 'e', -1, 32)
	case float64:
		l.Kind, l.Text = ast.FloatLit, strconv.FormatFloat(v, 'e', -1, 64)
	case string:
		l.Kind, l.Text = ast.StringLit, v
	case []byte:
		l.Kind, l.Text = ast.BytesLit, hex.EncodeToString(v)
	case time.Time:
		l.Kind, l.Text = ast.TimestampLit, v.Format("2006-01-02 15:04:05.999999")
	case arrow.Date32:
		l.Kind, l.Text = ast.DateLit, v.ToTime().Format(time.DateOnly)
	case time.Duration: // MySQL's TIME, which may be negative or of many hours
		sign, d := "", v
		if d < 0 {
			sign, d = "-", -d
		}
		l.Kind, l.Text = ast.StringLit, fmt.Sprintf("%s%02d:%02d:%09.6f", sign, int(d.Hours()), int(d.Minutes())%60, (d%time.Minute).Seconds())
	default:
		return nil, false
	}
	return l, !strings.Contains(l.Text, "Inf") && !strings.Contains(l.Text, "NaN") || l.Kind == ast.StringLit
}
