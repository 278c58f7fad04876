package relay

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseShare reads a share of datagrams such as "2%" or "0.02".
func ParseShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) { // Why negated: NaN is refused too
		return 0, fmt.Errorf("relay: %.20q is no share from 0%% to 100%%", text)
	}
	return v, nil
}

// FormatShare writes a share the way ParseShare reads it, as "2%".
func FormatShare(v float64) string { return strconv.FormatFloat(100*v, 'g', 4, 64) + "%" }
