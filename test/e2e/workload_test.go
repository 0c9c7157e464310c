package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// values are the columns of a row that are not NULL, as text.
type values map[string]string

// wide is what the wide table must hold of an order: what its history says,
// whatever is in the database now. It follows partial-update: values that are
// not NULL replace, deletes of orders and coupons leave their columns alone,
// refunds are kept by their code.
type wide struct {
	order, device, coupon values
	refunds               map[string]values
	// lost parts were deleted while the first picture of the table was taken,
	// so the lake may never have seen them.
	orderLost, couponLost bool
}

// client is one user of the database with orders of its own. Its model is
// changed when a transaction has been committed.
type client struct {
	name   string
	db     *sql.DB
	r      *rand.Rand
	n      int
	tables map[string]map[string]values // table → key → row, as the database has it
	wide   map[string]*wide
	gone   []string // orders that were deleted
	// pictured is set once the lake has the first picture of every table.
	pictured *atomic.Bool
}

// workload is several clients at once.
type workload struct {
	t        *testing.T
	clients  []*client
	pictured atomic.Bool
	commits  atomic.Int64
	changes  atomic.Int64
	pause    time.Duration
	wg       sync.WaitGroup
	stopped  atomic.Bool
}

func newWorkload(t *testing.T, db *sql.DB, seed int64, clients int, pause time.Duration) *workload {
	w := &workload{t: t, pause: pause}
	for i := range clients {
		c := &client{name: fmt.Sprintf("c%d", i), db: db, r: rand.New(rand.NewSource(seed + int64(i))), tables: map[string]map[string]values{},
			wide: map[string]*wide{}, pictured: &w.pictured}
		for _, b := range business {
			c.tables[b.name] = map[string]values{}
		}
		w.clients = append(w.clients, c)
	}
	return w
}

// fill commits n transactions of each client.
func (w *workload) fill(n int) {
	w.t.Helper()
	for _, c := range w.clients {
		for range n {
			require.NoError(w.t, w.step(c))
		}
	}
}

// start lets the clients work until stop.
func (w *workload) start() {
	for _, c := range w.clients {
		w.wg.Add(1)
		go func() {
			defer w.wg.Done()
			for !w.stopped.Load() {
				if err := w.step(c); err != nil {
					w.t.Errorf("client %s: %v", c.name, err)
					return
				}
				time.Sleep(time.Duration(c.r.Int63n(int64(2*w.pause) + 1)))
			}
		}()
	}
	w.t.Cleanup(w.stop)
}

func (w *workload) stop() {
	w.stopped.Store(true)
	w.wg.Wait()
}

// step runs one transaction; some are rolled back.
func (w *workload) step(c *client) error {
	tx, err := c.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	t := &transaction{client: c, tx: tx}
	for n := 1 + c.r.Intn(4); n > 0 && t.err == nil; n-- {
		t.action()
	}
	if t.err != nil {
		_ = tx.Rollback()
		return t.err
	}
	if c.r.Intn(8) == 0 {
		return tx.Rollback()
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	for _, f := range t.effects {
		f()
	}
	w.commits.Add(1)
	w.changes.Add(int64(len(t.effects)))
	return nil
}

// transaction gathers the effects on the model. Within one, each row is touched
// once, so that effects do not depend on each other.
type transaction struct {
	*client
	tx      *sql.Tx
	effects []func()
	touched map[string]bool
	err     error
}

// action changes something at random.
func (t *transaction) action() {
	switch p := t.r.Intn(100); {
	case p < 30:
		t.newOrder()
	case p < 55:
		t.changeOrder()
	case p < 60:
		t.changeOrders()
	case p < 65:
		t.deleteOrder()
	case p < 68:
		t.restoreOrder()
	case p < 78:
		t.addPart("order_device_info", t.deviceOf)
	case p < 84:
		t.addPart("order_coupon_info", t.couponOf)
	case p < 87:
		t.changeCoupon()
	case p < 89:
		t.deleteCoupon()
	case p < 95:
		t.newRefund()
	default:
		t.changeRefund()
	}
}

// pick gives a random key of a table that the transaction has not touched.
func (t *transaction) pick(table string) (string, bool) {
	keys := slices.Sorted(maps.Keys(t.tables[table]))
	if len(keys) == 0 {
		return "", false
	}
	if n := 200; len(keys) > n { // mostly new orders change
		if t.r.Intn(4) > 0 {
			keys = keys[len(keys)-n:]
		}
	}
	k := keys[t.r.Intn(len(keys))]
	return k, t.touch(table + k)
}

func (t *transaction) touch(what string) bool {
	if t.touched == nil {
		t.touched = map[string]bool{}
	}
	fresh := !t.touched[what]
	t.touched[what] = true
	return fresh
}

func (t *transaction) exec(query string, args ...any) {
	if t.err == nil {
		_, t.err = t.tx.Exec(query, args...)
	}
}

func (t *transaction) insert(table string, row values) {
	var names, marks []string
	var args []any
	for _, k := range slices.Sorted(maps.Keys(row)) {
		names, marks, args = append(names, k), append(marks, "?"), append(args, row[k])
	}
	t.exec("INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", args...)
}

func (t *transaction) update(table, keyColumn, key string, set values) {
	var sets []string
	var args []any
	for _, k := range slices.Sorted(maps.Keys(set)) {
		sets, args = append(sets, k+" = ?"), append(args, set[k])
	}
	t.exec("UPDATE "+table+" SET "+strings.Join(sets, ", ")+" WHERE "+keyColumn+" = ?", append(args, key)...)
}

func (c *client) order(id string) *wide {
	o := c.wide[id]
	if o == nil {
		o = &wide{refunds: map[string]values{}}
		c.wide[id] = o
	}
	return o
}

func with(old, set values) values {
	out := maps.Clone(old)
	if out == nil {
		out = values{}
	}
	maps.Copy(out, set)
	return out
}

func (t *transaction) time() string {
	return time.UnixMilli(1748736000000 + t.r.Int63n(86400000)).UTC().Format("2006-01-02T15:04:05.000")
}

func (t *transaction) fee() string { return fmt.Sprintf("%d.%02d", t.r.Intn(500), t.r.Intn(100)) }

func (t *transaction) oneOf(list ...string) string { return list[t.r.Intn(len(list))] }

func (t *transaction) fullOrder(id string) values {
	return values{"order_id": id, "product": t.oneOf("会员", "music", "video", "pan", "read"), "qid": t.name + "-q" + fmt.Sprint(t.r.Intn(50)), "order_create_time": t.time(),
		"order_end_time": t.time(), "order_status": fmt.Sprint(t.r.Intn(5)), "order_real_fee": t.fee(), "sku_id": fmt.Sprint(t.r.Intn(100))}
}

func (t *transaction) putOrder(row values) {
	t.insert("order_info", row)
	id := row["order_id"]
	t.effects = append(t.effects, func() {
		t.tables["order_info"][id] = row
		o := t.client.order(id)
		o.order, o.orderLost = with(o.order, row), false
	})
}

func (t *transaction) newOrder() {
	t.n++
	id := fmt.Sprintf("%s-%06d", t.name, t.n)
	row := t.fullOrder(id)
	for _, c := range []string{"order_end_time", "sku_id", "order_real_fee"} {
		if t.r.Intn(3) == 0 {
			delete(row, c)
		}
	}
	t.touch("order_info" + id)
	t.putOrder(row)
	if t.r.Intn(3) == 0 {
		t.put("order_device_info", id, id, t.deviceOf(id))
	}
	if t.r.Intn(4) == 0 {
		t.put("order_coupon_info", "cp-"+id, id, t.couponOf(id))
	}
}

// changeOrder sets columns to values, never to NULL: the wide table keeps the
// last value, which is not defined by what the database has.
func (t *transaction) changeOrder() {
	id, ok := t.pick("order_info")
	if !ok {
		return
	}
	set := values{"order_status": fmt.Sprint(t.r.Intn(5))}
	for column, v := range map[string]string{"order_real_fee": t.fee(), "order_end_time": t.time(), "product": t.oneOf("会员", "music", "video", "pan", "read")} {
		if len(column)%3 == t.r.Intn(3) {
			set[column] = v
		}
	}
	t.update("order_info", "order_id", id, set)
	t.effects = append(t.effects, func() { t.setOrder(id, set) })
}

func (c *client) setOrder(id string, set values) {
	row := with(c.tables["order_info"][id], set)
	c.tables["order_info"][id] = row
	o := c.order(id)
	o.order = with(o.order, row)
}

// changeOrders changes all orders of a user in one statement.
func (t *transaction) changeOrders() {
	qid := t.name + "-q" + fmt.Sprint(t.r.Intn(50))
	var ids []string
	for id, row := range t.tables["order_info"] {
		if row["qid"] == qid {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if !t.touch("order_info" + id) {
			return
		}
	}
	status := fmt.Sprint(t.r.Intn(5))
	t.exec("UPDATE order_info SET order_status = ?, order_real_fee = order_real_fee WHERE qid = ? AND order_id IN ("+marks(len(ids))+")", append([]any{status, qid}, anys(ids)...)...)
	t.effects = append(t.effects, func() {
		for _, id := range ids {
			t.setOrder(id, values{"order_status": status})
		}
	})
}

func marks(n int) string {
	if n == 0 {
		return "NULL"
	}
	return strings.TrimSuffix(strings.Repeat("?,", n), ",")
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func (t *transaction) deleteOrder() {
	id, ok := t.pick("order_info")
	if !ok {
		return
	}
	t.exec("DELETE FROM order_info WHERE order_id = ?", id)
	t.effects = append(t.effects, func() {
		delete(t.tables["order_info"], id)
		t.order(id).orderLost = !t.pictured.Load()
		t.gone = append(t.gone, id)
	})
}

// restoreOrder brings a deleted order back, all columns set.
func (t *transaction) restoreOrder() {
	if len(t.gone) == 0 {
		return
	}
	id := t.gone[t.r.Intn(len(t.gone))]
	if t.tables["order_info"][id] == nil && t.touch("order_info"+id) {
		t.putOrder(t.fullOrder(id))
	}
}

// addPart gives an order without a device or coupon one.
func (t *transaction) addPart(table string, row func(order string) values) {
	id, ok := t.pick("order_info")
	key := id
	if table == "order_coupon_info" {
		key = "cp-" + id
	}
	delete(t.touched, "order_info"+id)
	if !ok || t.tables[table][key] != nil || t.wide[id].coupon != nil && key != id || !t.touch(table+key) {
		return
	}
	t.put(table, key, id, row(id))
}

func (t *transaction) put(table, key, id string, row values) {
	t.touch(table + key)
	t.insert(table, row)
	t.effects = append(t.effects, func() {
		t.tables[table][key] = row
		switch o := t.order(id); table {
		case "order_device_info":
			o.device = row
		case "order_coupon_info":
			o.coupon = row
		}
	})
}

func (t *transaction) deviceOf(id string) values {
	row := values{"order_id": id, "mid": fmt.Sprintf("m%d", t.r.Intn(1000)), "client_type": t.oneOf("ios", "android", "web", "小程序"), "client_version": "1.0", "ip": "10.0.0.1"}
	if t.r.Intn(2) == 0 {
		row["idfa"] = "idfa-" + id
	}
	return row
}

// couponOf gives the only coupon that an order ever has: of two, which one
// comes last in the wide table is not defined.
func (t *transaction) couponOf(id string) values {
	return values{"order_id": id, "coupon_code": "cp-" + id, "qid": t.name, "coupon_batch": t.oneOf("b1", "b2"), "ctime": t.time(), "coupon_type": "1", "coupon_status": "0"}
}

func (t *transaction) changeCoupon() {
	code, ok := t.pick("order_coupon_info")
	if !ok {
		return
	}
	set := values{"coupon_status": fmt.Sprint(t.r.Intn(4)), "coupon_discount": t.oneOf("0.9", "满100减\"20\"")}
	t.update("order_coupon_info", "coupon_code", code, set)
	t.effects = append(t.effects, func() {
		row := with(t.tables["order_coupon_info"][code], set)
		t.tables["order_coupon_info"][code] = row
		t.order(row["order_id"]).coupon = row
	})
}

func (t *transaction) deleteCoupon() {
	code, ok := t.pick("order_coupon_info")
	if !ok {
		return
	}
	t.exec("DELETE FROM order_coupon_info WHERE coupon_code = ?", code)
	t.effects = append(t.effects, func() {
		id := t.tables["order_coupon_info"][code]["order_id"]
		delete(t.tables["order_coupon_info"], code)
		t.order(id).couponLost = !t.pictured.Load()
	})
}

func (t *transaction) newRefund() {
	id, ok := t.pick("order_info")
	if !ok {
		return
	}
	delete(t.touched, "order_info"+id)
	t.n++
	code := fmt.Sprintf("r-%s-%06d", t.name, t.n)
	row := values{"order_id": id, "refund_mer_trade_code": code, "qid": t.name, "refund_type": "1", "refund_status": "0", "refund_fee": t.fee(), "refund_time": t.time(), "refund_way": "2"}
	t.touch("order_refund_info" + code)
	t.insert("order_refund_info", row)
	t.effects = append(t.effects, func() { t.setRefund(code, row) })
}

// changeRefund never moves a refund to another order and none is deleted:
// nested_update cannot take back what an earlier merge has not seen.
func (t *transaction) changeRefund() {
	code, ok := t.pick("order_refund_info")
	if !ok {
		return
	}
	set := values{"refund_status": fmt.Sprint(t.r.Intn(4)), "refund_fee": t.fee()}
	t.update("order_refund_info", "refund_mer_trade_code", code, set)
	t.effects = append(t.effects, func() { t.setRefund(code, with(t.tables["order_refund_info"][code], set)) })
}

func (c *client) setRefund(code string, row values) {
	c.tables["order_refund_info"][code] = row
	c.order(row["order_id"]).refunds[code] = row
}
