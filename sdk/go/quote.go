package wraft

import "strings"

// QuoteBytesMax is how many bytes Quote shows.
const QuoteBytesMax = 64

// Quote shows input in an error text, between double quotes: printable ASCII as
// it is, a quote and a backslash behind a backslash, any other byte as \xNN.
// From the 65th byte on there are three dots behind the closing quote instead.
//
// It is not %q of package fmt, which follows the tables of Unicode: machines in
// other languages have to give the same texts.
func Quote(b []byte) string {
	const digits = "0123456789abcdef"
	var text strings.Builder
	text.WriteByte('"')
	for _, c := range b[:min(len(b), QuoteBytesMax)] {
		switch {
		case c == '"' || c == '\\':
			text.WriteByte('\\')
			text.WriteByte(c)
		case c >= ' ' && c <= '~':
			text.WriteByte(c)
		default:
			text.WriteString(`\x`)
			text.WriteByte(digits[c>>4])
			text.WriteByte(digits[c&15])
		}
	}
	text.WriteByte('"')
	if len(b) > QuoteBytesMax {
		text.WriteString("...")
	}
	return text.String()
}
