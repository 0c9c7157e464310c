package render

import "fmt"

// mysqlSession are the functions about the connection that MySQL clients call.
var mysqlSession = map[string]fn{
	"VERSION":        with(0, 0, "", func(c *call) val { return val{sql: text(c.r.opts.Version), t: typ("STRING")} }),
	"CONNECTION_ID":  with(0, 0, "", func(c *call) val { return val{sql: fmt.Sprint(c.r.opts.ConnectionID), t: typ("BIGINT")} }),
	"LAST_INSERT_ID": tmpl(0, 0, "", "0", "BIGINT"),
	"FOUND_ROWS":     tmpl(0, 0, "", "0", "BIGINT"), "ROW_COUNT": tmpl(0, 0, "", "-1", "BIGINT"),
	"SLEEP":        {min: 1, max: 1, do: refuse("SLEEP")},
	"COERCIBILITY": tmpl(1, 1, ".", "4", "INT"), "COLLATION": tmpl(1, 1, ".", "'utf8mb4_bin'", "STRING"), "CHARSET": tmpl(1, 1, ".", "'utf8mb4'", "STRING"),
	"CATALOG": with(0, 0, "", func(c *call) val { return val{sql: text(c.r.opts.CatalogName), t: typ("STRING")} }),
}
