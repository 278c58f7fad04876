package badmodules

import (
	"slices"

	wt "github.com/wraft/wraft/internal/wasmtest"
)

// section is a section of a binary: its number and what is in it.
type section struct {
	id   byte
	body []byte
}

var header8 = []byte("\x00asm\x01\x00\x00\x00")

// split takes a well-formed binary apart.
func split(binary []byte) []section {
	var all []section
	for b := binary[len(header8):]; len(b) > 0; {
		id := b[0]
		size, n := 0, 1
		for shift := 0; ; shift += 7 {
			size |= int(b[n]&0x7f) << shift
			if n++; b[n-1] < 0x80 {
				break
			}
		}
		all = append(all, section{id, b[n : n+size]})
		b = b[n+size:]
	}
	return all
}

// bytes encodes a section with a length that may be a lie.
func (s section) bytes(size int) []byte {
	return wt.Join([]byte{s.id}, wt.Unsigned(uint64(size)), s.body)
}

// together encodes sections as they are.
func together(all []section) []byte {
	out := slices.Clone(header8)
	for _, s := range all {
		out = append(out, s.bytes(len(s.body))...)
	}
	return out
}

var sectionNames = map[byte]string{1: "type", 2: "import", 3: "function", 4: "table", 5: "memory", 6: "global",
	7: "export", 9: "element", 12: "data-count", 10: "code", 11: "data"}

// damage is what is done to the k-th section of a binary.
type damage struct {
	what    string
	refused string
	do      func(all []section, k int) []byte
}

// replaced encodes all sections with another body for the k-th.
func replaced(all []section, k int, body []byte) []byte {
	all = slices.Clone(all)
	all[k].body = body
	return together(all)
}

var damages = []damage{
	{"cut", "truncated", func(all []section, k int) []byte {
		before := together(all[:k])
		return append(before, all[k].bytes(len(all[k].body))[:1+(len(all[k].body)+1)/2]...)
	}},
	{"length-beyond-the-file", "truncated", func(all []section, k int) []byte {
		return append(together(all[:k]), wt.Join(all[k].bytes(1<<20), together(all[k+1:])[8:])...)
	}},
	{"length-one-short", "malformed", func(all []section, k int) []byte {
		return append(together(all[:k]), wt.Join(all[k].bytes(len(all[k].body)-1), together(all[k+1:])[8:])...)
	}},
	{"one-byte-more", "malformed", func(all []section, k int) []byte {
		return replaced(all, k, append(slices.Clone(all[k].body), 0))
	}},
	{"twice", "malformed", func(all []section, k int) []byte { return together(slices.Insert(slices.Clone(all), k, all[k])) }},
	{"too-late", "malformed", func(all []section, k int) []byte {
		rest := slices.Delete(slices.Clone(all), k, k+1)
		return together(append(rest, all[k]))
	}},
	{"empty", "malformed", func(all []section, k int) []byte { return replaced(all, k, nil) }},
	{"count-overlong", "malformed", func(all []section, k int) []byte {
		return replaced(all, k, append([]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0}, all[k].body[1:]...))
	}},
	{"count-bits-beyond", "malformed", func(all []section, k int) []byte {
		return replaced(all, k, append([]byte{0xff, 0xff, 0xff, 0xff, 0x1f}, all[k].body[1:]...))
	}},
	{"count-huge", "limit", func(all []section, k int) []byte {
		return replaced(all, k, append([]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, all[k].body[1:]...))
	}},
	{"count-one-more", "malformed", func(all []section, k int) []byte {
		return replaced(all, k, append([]byte{all[k].body[0] + 1}, all[k].body[1:]...))
	}},
	{"zeros", "malformed", func(all []section, k int) []byte {
		return replaced(all, k, append([]byte{all[k].body[0]}, make([]byte, len(all[k].body)-1)...))
	}},
	{"ones", "malformed", func(all []section, k int) []byte {
		return replaced(all, k, append([]byte{all[k].body[0]}, wt.Repeat(len(all[k].body)-1, []byte{0xff})...))
	}},
	{"missing", "malformed", func(all []section, k int) []byte { return together(slices.Delete(slices.Clone(all), k, k+1)) }},
}

// sectionRefusals are the rules where a damaged section breaks another rule than
// most do.
var sectionRefusals = map[string]string{
	// What is there is no part of the format, but of another one.
	"section/type-zeros":    "feature",
	"section/type-ones":     "feature",
	"section/table-zeros":   "feature",
	"section/table-ones":    "feature",
	"section/memory-ones":   "feature",
	"section/global-zeros":  "feature",
	"section/global-ones":   "feature",
	"section/element-zeros": "feature",
	"section/data-zeros":    "feature",
	// What is there is well-formed, and wrong for other reasons.
	"section/function-zeros":        "export",
	"section/memory-count-one-more": "limit",
	"section/export-missing":        "export",
	// The last section ends where the file does.
	"section/code-missing": "truncated",
	"section/data-missing": "truncated",
	"section/data-empty":   "truncated",
	// These leave the module as it was, or with less than it had.
	"section/element-missing":  accepted,
	"section/data-count-zeros": accepted,
	"section/data-count-ones":  accepted,
	"section/data-too-late":    accepted,
}

// sectionCases damage each section of a module in each way.
func sectionCases() []Case {
	all := split(whole())
	var cases []Case
	for k, s := range all {
		for _, d := range damages {
			name := "section/" + sectionNames[s.id] + "-" + d.what
			rule, special := sectionRefusals[name]
			if !special {
				rule = d.refused
			}
			if rule == accepted {
				cases = append(cases, Case{Name: name, Build: func() []byte { return d.do(all, k) }, Steps: []Step{{Verb: Apply, Input: one}}})
				continue
			}
			cases = append(cases, refusedCase(name, rule, "", func() []byte { return d.do(all, k) }))
		}
	}
	return cases
}

// accepted marks a damage that leaves a module whole.
const accepted = "accepted"
