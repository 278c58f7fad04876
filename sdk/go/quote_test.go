package wraft

import (
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	long := strings.Repeat("a", QuoteBytesMax)
	for in, want := range map[string]string{
		"":              `""`,
		"put a":         `"put a"`,
		"\"\\":          `"\"\\"`,
		"\x00\n\x7f~":   `"\x00\x0a\x7f~"`,
		"ü\u2028":       `"\xc3\xbc\xe2\x80\xa8"`,
		long:            `"` + long + `"`,
		long + "b":      `"` + long + `"...`,
		long[1:] + "\n": `"` + long[1:] + `\x0a"`,
	} {
		if got := Quote([]byte(in)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}
