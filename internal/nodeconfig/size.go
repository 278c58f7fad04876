package nodeconfig

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as people write it: "512", "64KiB", "1MiB".
type Size uint64

// The units a size may be written in.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
)

// sizeUnits are tried in order, so that "B" is not taken for the end of "KiB".
var sizeUnits = []struct {
	suffix string
	unit   Size
}{{"KiB", KiB}, {"MiB", MiB}, {"GiB", GiB}, {"B", 1}, {"", 1}}

// ParseSize reads a whole number of B, KiB, MiB or GiB; no unit means bytes.
func ParseSize(text string) (Size, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(strings.TrimSpace(text), u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 64)
		if err != nil || n > math.MaxInt64/uint64(u.unit) {
			break
		}
		return Size(n) * u.unit, nil
	}
	return 0, fmt.Errorf("nodeconfig: size %.40q: want a whole number and B, KiB, MiB or GiB, as in 64MiB", text)
}

// String writes the size in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range []struct {
		suffix string
		unit   Size
	}{{"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}} {
		if s >= u.unit && s%u.unit == 0 {
			return strconv.FormatUint(uint64(s/u.unit), 10) + u.suffix
		}
	}
	return strconv.FormatUint(uint64(s), 10) + "B"
}

// MarshalText is String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseSize.
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}
