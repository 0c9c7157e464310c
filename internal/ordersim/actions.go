package ordersim

import "fmt"

// The states of orders, refunds and coupons.
const (
	created, paid, finished, refunded, cancelled = 0, 1, 2, 3, 4

	asked, granted, done = 1, 2, 3

	claimed, used = 1, 2
)

// create begins an order. Its parts arrive together or apart.
func (s *Sim) create() {
	o := &order{id: s.newOrderID(), qid: fmt.Sprintf("q%09d", s.rnd.IntN(1+len(s.orders)/3))}
	s.orders = append(s.orders, o)
	switch p := s.rnd.IntN(100); {
	case p < 4: // the refund system is faster
		s.addRefund(o)
		s.later(s.soon(600), func() { s.arrive(o) })
	case p < 12: // the coupon was claimed before
		s.claim(o)
		s.later(s.soon(60), func() { s.arrive(o) })
	default:
		s.arrive(o)
	}
}

// arrive stores the order, and its device and coupon now, later or never.
func (s *Sim) arrive(o *order) {
	status := int64(created)
	if len(o.refunds) > 0 {
		status = refunded
	}
	o.row = s.insert(Orders, Row{text(o.id), s.product(), text(o.qid), number(s.now), {}, number(status), number(s.rnd.Int64N(100000)), s.maybe(5, number(s.rnd.Int64N(5000)))})
	switch p := s.rnd.IntN(100); {
	case p < 60:
		s.addDevice(o)
	case p < 95:
		s.later(s.soon(900), func() { s.addDevice(o) })
	}
	if o.claimed {
		return
	}
	switch p := s.rnd.IntN(100); {
	case p < 35:
		s.claim(o)
	case p < 50:
		s.later(s.soon(300), func() { s.claim(o) })
	}
}

func (s *Sim) addDevice(o *order) {
	mid := s.rnd.Uint64N(uint64(len(s.orders))) * 0x9e3779b97f4a7c15
	r := Row{text(o.id), text(fmt.Sprintf("%016x%016x", mid, mid*0xbf58476d1ce4e5b9)), {}, {}, {}, s.version(), {}, s.address()}
	switch s.rnd.IntN(3) {
	case 0:
		r[2], r[3], r[deviceOS] = text("android"), text(fmt.Sprintf("%016x", mid)), text("Android 13")
	case 1:
		r[2], r[4], r[deviceOS] = text("ios"), text(fmt.Sprintf("%08X-%04X-4%03X", mid>>32, mid>>16&0xffff, mid&0xfff)), text("iOS 17")
	default:
		r[2], r[deviceOS] = text("pc"), s.maybe(50, text("Windows 11 “家庭版”"))
	}
	o.device = s.insert(Devices, r)
}

func (s *Sim) claim(o *order) {
	if o.claimed {
		return
	}
	o.claimed = true
	code := fmt.Sprintf("CP%016x", s.rnd.Uint64())
	o.coupon = s.insert(Coupons, Row{text(o.id), text(code), text(o.qid), text(fmt.Sprintf("batch_%04d", s.rnd.IntN(1000))),
		number(s.now - s.rnd.Int64N(86_400_000)), number(s.rnd.Int64N(4)), number(claimed), s.discount()})
}

// pay, finish and cancel move an order on.
func (s *Sim) pay() {
	o := s.pick(func(o *order) bool { return o.in(created) })
	if o == nil {
		return
	}
	o.row = s.update(Orders, o.row, o.row.with(orderStatus, number(paid)))
	if o.coupon != nil && o.coupon[couponStatus].N == claimed {
		o.coupon = s.update(Coupons, o.coupon, o.coupon.with(couponStatus, number(used)))
	}
}

func (s *Sim) finish() {
	o := s.pick(func(o *order) bool { return o.in(paid) })
	if o == nil {
		return
	}
	o.row = s.update(Orders, o.row, o.row.with(orderStatus, number(finished)).with(orderEnd, number(s.now)))
}

func (s *Sim) cancel() {
	o := s.pick(func(o *order) bool { return o.in(created) })
	if o == nil {
		return
	}
	o.row = s.update(Orders, o.row, o.row.with(orderStatus, number(cancelled)).with(orderEnd, number(s.now)))
}

// refund asks for money back: a new refund, and the order knows it.
func (s *Sim) refund() {
	o := s.pick(func(o *order) bool {
		return len(o.refunds) < 3 && (o.in(paid) || o.in(finished) || o.in(refunded))
	})
	if o == nil {
		return
	}
	s.addRefund(o)
	if !o.in(refunded) {
		o.row = s.update(Orders, o.row, o.row.with(orderStatus, number(refunded)).with(orderEnd, number(s.now)))
	}
}

func (s *Sim) addRefund(o *order) {
	s.refunds++
	code := fmt.Sprintf("RF%08x%08d", s.rnd.Uint32(), s.refunds)
	o.refunds = append(o.refunds, s.insert(Refunds, Row{text(o.id), text(code), text(o.qid), number(s.rnd.Int64N(3)), number(asked),
		number(s.rnd.Int64N(20000)), number(s.now), s.maybe(20, number(s.rnd.Int64N(5)))}))
}

// refundMoves grants a refund or pays it out. An element of the nested table
// is replaced as a whole, so columns may become NULL.
func (s *Sim) refundMoves() {
	o := s.pick(func(o *order) bool { return len(o.refunds) > 0 })
	if o == nil {
		return
	}
	i := s.rnd.IntN(len(o.refunds))
	r := o.refunds[i]
	if r[refundStatus].N >= done {
		return
	}
	after := r.with(refundStatus, number(r[refundStatus].N+1)).with(refundTime, number(s.now)).with(refundWay, s.maybe(20, number(s.rnd.Int64N(5))))
	if r[refundFee].Valid && s.chance(20) {
		after[refundFee] = number(r[refundFee].N / 2)
	}
	o.refunds[i] = s.update(Refunds, r, after)
}

// double updates a row with what it has.
func (s *Sim) double() {
	o := s.pick(func(o *order) bool { return true })
	if o == nil {
		return
	}
	switch {
	case len(o.refunds) > 0 && s.chance(30):
		s.update(Refunds, o.refunds[0], o.refunds[0])
	case o.coupon != nil && s.chance(30):
		s.update(Coupons, o.coupon, o.coupon)
	case o.device != nil && s.chance(30):
		s.update(Devices, o.device, o.device)
	case o.row != nil:
		s.update(Orders, o.row, o.row)
	}
}

// replace deletes a row and inserts it anew, as REPLACE INTO does.
func (s *Sim) replace() {
	o := s.pick(func(o *order) bool { return o.device != nil })
	if o == nil {
		return
	}
	s.remove(Devices, o.device)
	o.device = s.insert(Devices, o.device.with(deviceVersion, text(fmt.Sprintf("10.%d", s.rnd.IntN(100)))).with(deviceIP, text("::1")))
}

// fill gives columns other values, also where they were NULL.
func (s *Sim) fill() {
	o := s.pick(func(o *order) bool { return o.row != nil })
	if o == nil {
		return
	}
	switch {
	case o.device != nil && s.chance(50):
		o.device = s.update(Devices, o.device, o.device.with(deviceVersion, text(fmt.Sprintf("9.%d", s.rnd.IntN(100)))).with(deviceOS, text("鸿蒙 4")))
	case o.coupon != nil && s.chance(50):
		o.coupon = s.update(Coupons, o.coupon, o.coupon.with(couponDiscount, text(fmt.Sprintf("0.%02d", s.rnd.IntN(100)))))
	default:
		o.row = s.update(Orders, o.row, o.row.with(orderProduct, text("会员-"+words()[s.rnd.IntN(len(words()))])).with(orderFee, number(s.rnd.Int64N(100000))))
	}
}

// blank sets columns to NULL.
func (s *Sim) blank() {
	if s.o.Settled {
		return
	}
	o := s.pick(func(o *order) bool { return o.row != nil })
	if o == nil {
		return
	}
	switch {
	case o.device != nil && s.chance(50):
		o.device = s.update(Devices, o.device, o.device.with(deviceVersion, Cell{}).with(deviceIP, Cell{}))
	case o.coupon != nil && s.chance(50):
		o.coupon = s.update(Coupons, o.coupon, o.coupon.with(couponDiscount, Cell{}))
	default:
		o.row = s.update(Orders, o.row, o.row.with(orderProduct, Cell{}).with(orderSKU, Cell{}).with(orderEnd, Cell{}))
	}
}

func (s *Sim) deleteCoupon() {
	if s.o.Settled {
		return
	}
	if o := s.pick(func(o *order) bool { return o.coupon != nil }); o != nil {
		s.remove(Coupons, o.coupon)
		o.coupon = nil
	}
}

// regret makes changes that are rolled back: none of them may ever be seen.
func (s *Sim) regret() {
	never := text("从未发生")
	s.insert(Orders, Row{text("OD-ROLLED-BACK"), never, {}, number(s.now), {}, number(99), {}, {}})
	s.insert(Refunds, Row{text("OD-ROLLED-BACK"), text("RF-ROLLED-BACK"), {}, number(99), {}, {}, {}, {}})
	o := s.pick(func(o *order) bool { return o.row != nil && o.device != nil })
	if o == nil {
		return
	}
	s.update(Orders, o.row, o.row.with(orderProduct, never).with(orderStatus, number(99)))
	s.remove(Devices, o.device)
}

func (o *order) in(status int64) bool { return o.row != nil && o.row[orderStatus].N == status }

// pick looks a few times for an order, half of the times among the newest.
func (s *Sim) pick(ok func(*order) bool) *order {
	if len(s.orders) == 0 {
		return nil
	}
	for range 12 {
		n := len(s.orders)
		if s.chance(50) {
			n = min(n, 50)
		}
		if o := s.orders[len(s.orders)-1-s.rnd.IntN(n)]; ok(o) {
			return o
		}
	}
	return nil
}
