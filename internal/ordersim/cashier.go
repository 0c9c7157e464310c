package ordersim

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CashierTopic is the folder, or topic, of the impressions.
const CashierTopic = "cashier_imp"

// Impression is one showing of the cashier page on a device.
type Impression struct {
	At      int64 // ms since 1970, UTC
	Product string
	Level   int // of membership
	Mid     Cell
	Qid     Cell
}

// CashierOptions configure a cashier. The zero value is usable.
type CashierOptions struct {
	Seed uint64
	// Start is midnight of the first day; default 2024-03-01 UTC.
	Start time.Time
	// Days that the impressions of Next are spread over; default 3.
	Days int
	// Impressions is how many Next makes in Days; default 60000.
	Impressions int
	// Devices is how many there are; few of them come often, many never;
	// default 20000.
	Devices int
}

// Cashier makes the impressions of the shop's cashier page and counts on its
// own, in plain maps, the visitors that queries must find. It serves one
// goroutine.
//
// Most devices come rarely and some again and again; evenings have more of
// them than nights. Some impressions have no device, as NULL or as an empty text; a few
// come twice, a few hours late: Next mixes them in, Late makes more of the
// late ones.
type Cashier struct {
	o    CashierOptions
	rnd  *rand.Rand
	zipf *rand.Zipf
	made int
	all  []Impression
}

// NewCashier makes a cashier.
func NewCashier(o CashierOptions) *Cashier {
	if o.Start.IsZero() {
		o.Start = time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Days <= 0 {
		o.Days = 3
	}
	if o.Impressions <= 0 {
		o.Impressions = 60000
	}
	if o.Devices <= 0 {
		o.Devices = 20000
	}
	rnd := rand.New(rand.NewPCG(o.Seed, 0x63617368))
	return &Cashier{o: o, rnd: rnd, zipf: rand.NewZipf(rnd, 1.1, 200, uint64(o.Devices-1))}
}

// Next makes the next n impressions, in the order in which they come in.
func (c *Cashier) Next(n int) []Impression {
	first := len(c.all)
	for range n {
		at := c.time(float64(c.made) / float64(c.o.Impressions))
		c.made++
		if c.chance(2) { // late
			at = max(at-c.rnd.Int64N(4*3_600_000), c.o.Start.UnixMilli())
		}
		c.all = append(c.all, c.impression(at))
		if c.chance(1) { // twice
			c.all = append(c.all, c.all[len(c.all)-1-c.rnd.IntN(min(50, len(c.all)))])
		}
	}
	return c.all[first:]
}

// Late makes n impressions of any time so far, as of phones that were offline.
func (c *Cashier) Late(n int) []Impression {
	first := len(c.all)
	for range n {
		c.all = append(c.all, c.impression(c.time(c.rnd.Float64()*float64(c.made)/float64(c.o.Impressions))))
	}
	return c.all[first:]
}

func (c *Cashier) chance(percent int) bool { return c.rnd.IntN(100) < percent }

// time gives the moment at which that share of all impressions was made.
func (c *Cashier) time(share float64) int64 {
	weights := hours()
	sum := 0
	for _, w := range weights {
		sum += w
	}
	days := share * float64(c.o.Days)
	day := int64(days)
	left := (days - float64(day)) * float64(sum)
	hour := 0
	for hour < 23 && left >= float64(weights[hour]) {
		left -= float64(weights[hour])
		hour++
	}
	ms := min(int64(left/float64(weights[hour])*3_600_000), 3_599_999)
	return c.o.Start.UnixMilli() + day*86_400_000 + int64(hour)*3_600_000 + ms
}

// hours says how busy each hour of a day is.
func hours() [24]int {
	return [24]int{5, 3, 2, 1, 1, 2, 4, 8, 10, 11, 12, 14, 16, 13, 11, 11, 12, 14, 18, 24, 30, 28, 20, 10}
}

func (c *Cashier) impression(at int64) Impression {
	device := c.zipf.Uint64()
	hash := (device + 1) * 0x9e3779b97f4a7c15
	hash ^= hash >> 29
	names := [...]string{"年卡", "月卡(连续包月)", "季卡", "超级会员", "云盘 2TB", "体验卡"}
	i := Impression{At: at, Product: names[hash%6], Level: int(hash >> 8 % 4), Mid: text(fmt.Sprintf("%016x%016x", hash, hash*0xbf58476d1ce4e5b9)), Qid: text(fmt.Sprintf("q%d", hash%100_000))}
	if c.chance(40) { // people look at other products too, and become members
		i.Product, i.Level = names[min(c.rnd.IntN(6), c.rnd.IntN(6))], c.rnd.IntN(5)
	}
	switch p := c.rnd.IntN(100); {
	case p < 2:
		i.Mid = Cell{}
	case p < 3:
		i.Mid = text("")
	}
	if c.chance(30) { // not signed in
		i.Qid = Cell{}
	}
	return i
}

// JSON is the impression as the page sends it.
func (i Impression) JSON() string {
	b := append([]byte(nil), `{"event_time":"`...)
	b = time.UnixMilli(i.At).UTC().AppendFormat(b, time.DateTime+".000")
	b = quote(append(b, `","product":`...), i.Product)
	b = strconv.AppendInt(append(b, `,"member_level":`...), int64(i.Level), 10)
	b = jsonCell(append(b, `,"mid":`...), Text, i.Mid, "")
	b = jsonCell(append(b, `,"qid":`...), Text, i.Qid, "")
	return string(append(b, '}'))
}

// WriteImpressions writes impressions as JSON, one a line, to a new file in
// dir/cashier_imp.
func WriteImpressions(dir, name string, list []Impression) (err error) {
	dir = filepath.Join(dir, CashierTopic)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write impressions: %w", err)
	}
	// Readers leave out names that begin with '.', so they never see a part.
	hidden := filepath.Join(dir, "."+name)
	f, err := os.OpenFile(hidden, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write impressions: %w", err)
	}
	w := bufio.NewWriter(f)
	for _, i := range list {
		_, _ = w.WriteString(i.JSON()) // Flush tells the error
		_ = w.WriteByte('\n')
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("write impressions: %w", err)
	}
	return os.Rename(hidden, filepath.Join(dir, name))
}

// Len is how many impressions were made.
func (c *Cashier) Len() int { return len(c.all) }

// Devices is how many devices the impressions so far are of.
func (c *Cashier) Devices() int { return c.Count(nil)[""].UV }

// Views are page views and the different devices that made them.
type Views struct{ PV, UV int }

// Count gives the views of every combination of dimensions that occurs: dt, hh,
// product, member_level; the key has their values joined by '|'. Impressions
// without a device do not count.
func (c *Cashier) Count(dims []string) map[string]Views {
	pv, mids := map[string]int{}, map[string]map[string]bool{}
	for _, i := range c.all {
		if i.Mid.Text == "" {
			continue
		}
		key := i.key(dims)
		pv[key]++
		if mids[key] == nil {
			mids[key] = map[string]bool{}
		}
		mids[key][i.Mid.Text] = true
	}
	out := map[string]Views{}
	for key, n := range pv {
		out[key] = Views{n, len(mids[key])}
	}
	return out
}

func (i Impression) key(dims []string) string {
	at := time.UnixMilli(i.At).UTC()
	parts := make([]string, len(dims))
	for n, d := range dims {
		switch d {
		case "dt":
			parts[n] = at.Format(time.DateOnly)
		case "hh":
			parts[n] = at.Format("15")
		case "product":
			parts[n] = i.Product
		case "member_level":
			parts[n] = strconv.Itoa(i.Level)
		default:
			panic("impressions have no dimension " + d) // a mistake of the caller
		}
	}
	return strings.Join(parts, "|")
}
