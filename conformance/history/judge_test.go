package history

import (
	"strings"
	"testing"
	"time"
)

// TestJudgeForgets: a key that was settled is judged by what it held and by what may still
// take effect, and nothing else is kept of it.
func TestJudgeForgets(t *testing.T) {
	add := func(value string, length uint64) Op { return Op{Kind: Append, Key: "k", Value: value, Length: length} }
	get := func(found string) Op { return Op{Kind: Get, Key: "k", Found: text(found)} }
	cas := func(expected, value string) Op {
		return Op{Kind: CompareAndSet, Key: "k", Expected: text(expected), Value: value, Set: true}
	}
	for name, c := range map[string]struct {
		before, after []Op
		kept          int
		says          string
	}{
		"unchanged":            {before: []Op{at(0, 1, add("x", 1)), at(2, 3, get("x"))}, after: []Op{at(9, 10, get("x"))}, kept: 1},
		"lost later":           {before: []Op{at(0, 1, add("x", 1)), at(2, 3, get("x"))}, after: []Op{at(9, 10, Op{Kind: Get, Key: "k"})}, kept: 1, says: "it held 78"},
		"taken late":           {before: []Op{at(0, 1, add("x", 1)), open(1, add("y", 0)), at(2, 3, get("x"))}, after: []Op{at(9, 10, get("xy"))}, kept: 2},
		"taken before and now": {before: []Op{at(0, 1, add("x", 1)), open(1, add("y", 0)), at(2, 3, get("xy"))}, after: []Op{at(9, 10, get("xyy"))}, kept: 2, says: "there 2 times"},
		"from nowhere":         {before: []Op{at(0, 1, add("x", 1)), at(2, 3, get("x"))}, after: []Op{at(9, 10, get("xz"))}, kept: 1, says: "no order"},
		"put late": {before: []Op{at(0, 1, Op{Kind: Put, Key: "k", Value: "x"}), open(1, Op{Kind: Put, Key: "k", Value: "y"}), at(2, 3, get("x"))},
			after: []Op{at(9, 10, get("y"))}, kept: 2},
		"put and lost":    {before: []Op{at(0, 1, Op{Kind: Put, Key: "k", Value: "x"}), at(2, 3, get("x"))}, after: []Op{at(9, 10, get("y"))}, kept: 1, says: "no order"},
		"used again":      {before: []Op{at(0, 1, add("x", 1)), at(2, 3, get("x"))}, after: []Op{at(4, 5, add("y", 2)), at(9, 10, get("xy"))}, kept: 1},
		"compared after":  {before: []Op{at(0, 1, Op{Kind: Put, Key: "k", Value: "x"}), at(2, 3, get("x"))}, after: []Op{at(4, 5, cas("x", "z")), at(9, 10, get("z"))}, kept: 1},
		"broken at first": {before: []Op{at(0, 1, add("x", 1)), at(2, 3, get("z"))}, after: []Op{at(9, 10, get("z"))}, kept: 1, says: "no order"},
		"never read":      {before: []Op{at(0, 1, add("x", 1)), open(1, add("y", 0))}, after: []Op{at(9, 10, get("x"))}, kept: 2},
	} {
		t.Run(name, func(t *testing.T) {
			j := NewJudge(time.Minute)
			for _, op := range c.before {
				j.Record(op, j.Mark())
			}
			j.Settle("k")
			if len(j.keys["k"]) != c.kept {
				t.Errorf("kept %+v, want %d operations", j.keys["k"], c.kept)
			}
			for _, op := range c.after {
				j.Record(op, j.Mark())
			}
			r := j.Report()
			if all := strings.Join(r.Problems, "\n"); r.OK() != (c.says == "") || !strings.Contains(all, c.says) {
				t.Errorf("%+v, want %q", r, c.says)
			}
			if r.Ops != len(c.before)+len(c.after) {
				t.Errorf("%d operations", r.Ops)
			}
		})
	}
}

// TestJudgeStaleReads: they may be as old as they say, and not older, and what they find must
// have been there.
func TestJudgeStaleReads(t *testing.T) {
	writes := []Op{at(0, 10, Op{Kind: Append, Key: "k", Value: "x", Length: 1}), at(20, 30, Op{Kind: Append, Key: "k", Value: "y", Length: 2})}
	stale := func(called int, found Text) Op {
		op := at(called, called+1, Op{Kind: Get, Key: "k", Found: found})
		op.Staleness = 100 * time.Millisecond
		return op
	}
	for name, c := range map[string]struct {
		read Op
		says string
	}{
		"newest":           {read: stale(40, text("xy"))},
		"old":              {read: stale(129, text("x"))},
		"nothing":          {read: stale(109, Text{})},
		"too old":          {read: stale(131, text("x")), says: "with 100ms of staleness"},
		"nothing, too old": {read: stale(111, Text{}), says: "with 100ms of staleness"},
		"never there":      {read: stale(40, text("y")), says: "never held"},
		"the future":       {read: stale(40, text("xyz")), says: "never held"},
	} {
		t.Run(name, func(t *testing.T) {
			last := at(300, 301, Op{Kind: Get, Key: "k", Found: text("xy")})
			r := Check(append(append([]Op(nil), writes...), c.read, last), time.Minute)
			if all := strings.Join(r.Problems, "\n"); r.OK() != (c.says == "") || !strings.Contains(all, c.says) || (r.Illegal > 0) != (c.says != "") {
				t.Errorf("%+v, want %q", r, c.says)
			}
		})
	}
}
