package ordersim

import (
	"fmt"
	"strings"
	"time"
)

// words are texts that break programs that are careless with texts.
func words() []string {
	return []string{
		"年卡", "月卡(连续包月)", "季卡 🎁", "VIP \"plus\"", "it's", `back\slash`, "a|b", "tab\there", "line\nbreak", "percent %s", "“引号”",
		"emoji 👨‍👩‍👧‍👦", "é vs é", "<b>&amp;</b>", "\u2028separator", "ctrl\x01\x1f", "null", "", " 空格 ", "超级会员" + strings.Repeat("长", 60),
	}
}

func (s *Sim) product() Cell {
	if s.chance(10) {
		return Cell{}
	}
	if s.chance(50) {
		return text(fmt.Sprintf("product_%02d", s.rnd.IntN(20)))
	}
	w := words()
	return text(w[s.rnd.IntN(len(w))])
}

func (s *Sim) version() Cell {
	return s.maybe(10, text(fmt.Sprintf("8.%d.%02d", s.rnd.IntN(10), s.rnd.IntN(100))))
}

func (s *Sim) address() Cell {
	return s.maybe(10, text(fmt.Sprintf("10.%d.%d.%d", s.rnd.IntN(256), s.rnd.IntN(256), s.rnd.IntN(256))))
}

func (s *Sim) discount() Cell {
	switch s.rnd.IntN(4) {
	case 0:
		return text(fmt.Sprintf("0.%02d", s.rnd.IntN(100)))
	case 1:
		return text(fmt.Sprintf("满%d减%d", 100+s.rnd.IntN(200), 1+s.rnd.IntN(50)))
	case 2:
		return text(`{"rate":0.9,"note":"\"限时\""}`)
	}
	return Cell{}
}

// maybe is NULL in that many of a hundred cases.
func (s *Sim) maybe(percent int, c Cell) Cell {
	if s.chance(percent) {
		return Cell{}
	}
	return c
}

// newOrderID numbers orders so that keys do not come in order.
func (s *Sim) newOrderID() string {
	n := uint64(len(s.orders) + 1)
	return "OD" + time.UnixMilli(s.now).UTC().Format("20060102") + fmt.Sprintf("%012d", n*387420489%1_000_000_000_000)
}
