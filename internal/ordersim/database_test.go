package ordersim

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tarndb/tarn/test/env/mariadb"
)

// TestRun runs transactions on a real server and finds there what Expected
// says.
func TestRun(t *testing.T) {
	server, err := mariadb.Start(t.Context(), mariadb.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	db, err := server.Open("")
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, CreateTables(t.Context(), db))

	s := New(Options{Seed: 11})
	stats, err := s.RunChanges(t.Context(), db, 3000)
	require.NoError(t, err)
	require.GreaterOrEqual(t, stats.Changes, 3000)
	require.Positive(t, stats.RolledBack)
	checkDatabase(t, db, s.Expected())

	// At a rate, for a time; then until the context ends.
	stats, err = s.Run(t.Context(), db, 400, 500*time.Millisecond)
	require.NoError(t, err)
	require.Positive(t, stats.Changes)
	require.LessOrEqual(t, stats.Changes, 200+100, "faster than the rate") // the last transaction is done in full
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = s.Run(ctx, db, 0, 0)
	require.NoError(t, err)
	checkDatabase(t, db, s.Expected())

	_, err = db.Exec("DROP TABLE " + Database + ".order_refund_info")
	require.NoError(t, err)
	_, err = s.RunChanges(t.Context(), db, 3000)
	require.ErrorContains(t, err, "order_refund_info")
}

// checkDatabase compares the business tables with the ODS tables expected.
func checkDatabase(t *testing.T, db *sql.DB, e *Expected) {
	t.Helper()
	for _, table := range Tables() {
		var names []string
		for _, c := range table.Columns {
			names = append(names, c.Name)
		}
		rows, err := db.Query("SELECT " + strings.Join(names, ", ") + " FROM " + Database + "." + table.Name)
		require.NoError(t, err)
		var out strings.Builder
		for rows.Next() {
			cells := make([]sql.NullString, len(names))
			to := make([]any, len(names))
			for i := range cells {
				to[i] = &cells[i]
			}
			require.NoError(t, rows.Scan(to...))
			out.WriteString(jsonLine(table, cells) + "\n")
		}
		require.NoError(t, rows.Err())
		require.NoError(t, e.Compare("ods."+table.Name, strings.NewReader(out.String())))
	}
}

func jsonLine(table Table, cells []sql.NullString) string {
	var members []string
	for i, c := range table.Columns {
		value := "null"
		switch {
		case !cells[i].Valid:
		case c.Kind == Integer:
			value = cells[i].String
		case c.Kind == Moment:
			value = `"` + strings.Replace(cells[i].String, " ", "T", 1) + `"`
		default:
			value = string(quote(nil, cells[i].String))
		}
		members = append(members, fmt.Sprintf("%q:%s", c.Name, value))
	}
	return "{" + strings.Join(members, ",") + "}"
}
