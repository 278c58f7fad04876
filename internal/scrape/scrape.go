package scrape

import (
	"strconv"
	"strings"
)

// Sample is one number of a metric.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// Samples are all numbers of one scrape.
type Samples []Sample

// Parse reads a scrape. Lines that are no sample are left out: a newer node may show more
// than this program knows.
func Parse(text string) Samples {
	var all Samples
	for line := range strings.Lines(text) {
		if s, ok := parseLine(strings.TrimSpace(line)); ok {
			all = append(all, s)
		}
	}
	return all
}

// parseLine reads `name{label="value",...} number`; a time behind the number is ignored.
func parseLine(line string) (s Sample, ok bool) {
	if line == "" || line[0] == '#' {
		return s, false
	}
	rest := line
	end := strings.IndexAny(line, "{ ")
	if end < 0 {
		return s, false
	}
	s.Name, rest = line[:end], line[end:]
	if rest[0] == '{' {
		if s.Labels, rest, ok = parseLabels(rest[1:]); !ok {
			return s, false
		}
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return s, false
	}
	v, err := strconv.ParseFloat(fields[0], 64)
	s.Value = v
	return s, err == nil
}

// parseLabels reads what stands behind the brace that opens.
func parseLabels(text string) (labels map[string]string, rest string, ok bool) {
	labels = map[string]string{}
	for {
		text = strings.TrimLeft(text, ", ")
		if after, closed := strings.CutPrefix(text, "}"); closed {
			return labels, after, true
		}
		name, quoted, found := strings.Cut(text, "=")
		if !found {
			return nil, "", false
		}
		prefix, err := strconv.QuotedPrefix(quoted)
		if err != nil {
			return nil, "", false
		}
		value, err := strconv.Unquote(prefix)
		if err != nil {
			return nil, "", false
		}
		labels[name], text = value, quoted[len(prefix):]
	}
}

// Named are the samples of one metric.
func (s Samples) Named(name string) Samples {
	var out Samples
	for _, sample := range s {
		if sample.Name == name {
			out = append(out, sample)
		}
	}
	return out
}

// Sum adds up all samples of one metric; ok is false when there is none.
func (s Samples) Sum(name string) (sum float64, ok bool) {
	for _, sample := range s {
		if sample.Name == name {
			sum, ok = sum+sample.Value, true
		}
	}
	return sum, ok
}
