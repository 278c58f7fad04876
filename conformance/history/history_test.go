package history

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// at gives an operation its times in milliseconds and an answer.
func at(called, returned int, op Op) Op {
	op.Called, op.Returned, op.Answered = time.Duration(called)*time.Millisecond, time.Duration(returned)*time.Millisecond, true
	return op
}

func text(s string) Text { return Text{Present: true, Value: s} }

func open(called int, op Op) Op {
	op.Called = time.Duration(called) * time.Millisecond
	return op
}

func TestCheck(t *testing.T) {
	a := func(value string, length uint64) Op { return Op{Kind: Append, Key: "k", Value: value, Length: length} }
	get := func(found string) Op { return Op{Kind: Get, Key: "k", Found: text(found)} }
	none := Op{Kind: Get, Key: "k"}
	cas := func(expected Text, value string, set bool) Op {
		return Op{Kind: CompareAndSet, Key: "k", Expected: expected, Value: value, Set: set}
	}
	index := func(n uint64, op Op) Op { op.Index = n; return op }
	for name, c := range map[string]struct {
		ops  []Op
		says string // "" for a right history
	}{
		"one after the other":    {ops: []Op{at(0, 1, a("x", 1)), at(2, 3, a("y", 2)), at(4, 5, get("xy"))}},
		"side by side":           {ops: []Op{at(0, 9, a("x", 2)), at(0, 9, a("y", 1)), at(10, 11, get("yx"))}},
		"no answer, applied":     {ops: []Op{open(0, a("x", 0)), at(1, 2, none), at(3, 4, get("x"))}},
		"no answer, not applied": {ops: []Op{open(0, a("x", 0)), at(1, 2, a("y", 1)), at(3, 4, get("y"))}},
		"compare and set": {ops: []Op{at(0, 1, cas(Text{}, "x", true)), at(2, 3, cas(Text{}, "y", false)),
			at(4, 5, cas(text("x"), "z", true)), at(6, 7, get("z"))}},
		"empty is not nothing":     {ops: []Op{at(0, 1, Op{Kind: Put, Key: "k"}), at(2, 3, none)}, says: "no order"},
		"a lost append":            {ops: []Op{at(0, 1, a("x", 1)), at(2, 3, a("y", 2)), at(4, 5, get("x"))}, says: "79: 2 bytes was acknowledged and is lost"},
		"a lost append, lost":      {ops: []Op{at(0, 1, a("x", 1)), at(4, 5, none)}, says: "is lost"},
		"a doubled append":         {ops: []Op{at(0, 1, a("x", 1)), at(2, 3, get("xx"))}, says: "there 2 times"},
		"doubled without answer":   {ops: []Op{open(0, a("x", 0)), at(2, 3, get("xx"))}, says: "there 2 times"},
		"a stale read":             {ops: []Op{at(0, 1, a("x", 1)), at(2, 3, none), at(4, 5, get("x"))}, says: "no order"},
		"the future":               {ops: []Op{at(0, 1, get("x")), at(2, 3, a("x", 1))}, says: "no order"},
		"set twice from nothing":   {ops: []Op{at(0, 5, cas(Text{}, "x", true)), at(0, 5, cas(Text{}, "y", true))}, says: "no order"},
		"a length twice":           {ops: []Op{at(0, 5, a("x", 1)), at(0, 5, a("y", 1))}, says: "no order"},
		"an index that goes back":  {ops: []Op{at(0, 1, index(7, a("x", 1))), at(2, 3, index(6, a("y", 2)))}, says: "has index 6"},
		"the same index":           {ops: []Op{at(0, 1, index(7, a("x", 1))), at(2, 3, index(7, a("y", 2)))}},
		"indexes side by side":     {ops: []Op{at(0, 5, index(7, a("x", 2))), at(2, 3, index(6, a("y", 1)))}},
		"an index of another key":  {ops: []Op{at(0, 1, index(7, a("x", 1))), at(2, 3, index(6, Op{Kind: Put, Key: "l"}))}, says: "has index 6"},
		"a piece across two":       {ops: []Op{at(0, 1, a("ab", 2)), at(2, 3, a("cb", 4)), open(4, a("bc", 0)), at(5, 6, get("abcb"))}},
		"read beside the append":   {ops: []Op{at(0, 9, a("x", 1)), at(3, 4, none)}},
		"answers of other lengths": {ops: []Op{at(0, 1, a("x", 3))}, says: "no order"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Check(c.ops, time.Minute)
			all := strings.Join(r.Problems, "\n")
			if r.OK() != (c.says == "") || !strings.Contains(all, c.says) {
				t.Fatalf("%+v\nwant %q", r, c.says)
			}
			drawn, err := r.Draw(&bytes.Buffer{})
			if err != nil || drawn != strings.Contains(all, "no order") {
				t.Fatalf("drawn: %v, %v", drawn, err)
			}
		})
	}
}

// TestCheckCounts: losses and doublings are counted apart, each append once.
func TestCheckCounts(t *testing.T) {
	ops := []Op{
		at(0, 1, Op{Kind: Append, Key: "k", Value: "aa", Length: 2}), at(2, 3, Op{Kind: Append, Key: "k", Value: "bb", Length: 4}),
		at(4, 5, Op{Kind: Append, Key: "k", Value: "cc", Length: 6}), at(6, 7, Op{Kind: Get, Key: "k", Found: text("aacccc")}),
		open(8, Op{Kind: Append, Key: "l", Value: "dd"}),
	}
	r := Check(ops, time.Minute)
	if r.Ops != 5 || r.Answered != 4 || r.Lost != 1 || r.Doubled != 1 || r.Unknown != 0 {
		t.Fatalf("%+v", r)
	}
}

// TestCheckGivesUp: a search that is not over in time is not called right.
func TestCheckGivesUp(t *testing.T) {
	var ops []Op
	for i := range 40 { // all side by side, and no length that fits: every order is tried
		ops = append(ops, at(0, 1, Op{Client: i, Kind: Append, Key: "k", Value: string(rune('a' + i)), Length: 1000}))
		ops = append(ops, open(0, Op{Client: 100 + i, Kind: Append, Key: "k", Value: string(rune('A' + i))}))
	}
	if r := Check(ops, 50*time.Millisecond); r.OK() || r.Unknown != 1 {
		t.Fatalf("%+v", r)
	}
}

// TestCheckAgainstAMap: whatever a single map answered is right, and one changed
// answer is not.
func TestCheckAgainstAMap(t *testing.T) {
	for seed := range uint64(20) {
		ops := played(seed)
		if r := Check(ops, time.Minute); !r.OK() {
			t.Fatalf("seed %d: %v", seed, r.Problems)
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		i := rng.IntN(len(ops))
		for ops[i].Kind != Append {
			i = rng.IntN(len(ops))
		}
		ops[i].Length++
		if r := Check(ops, time.Minute); r.OK() {
			t.Fatalf("seed %d: a wrong length passes: %+v", seed, ops[i])
		}
	}
}

// played is a history that a map has answered, one operation at a time, while the
// calls around them overlap.
func played(seed uint64) (ops []Op) {
	rng := rand.New(rand.NewPCG(seed, 0))
	state := map[string]Text{}
	for i := range 400 {
		op := Op{Client: i, Kind: Append, Key: string(rune('a' + rng.IntN(8))), Value: string([]byte{byte(i >> 8), byte(i)})}
		if rng.IntN(3) == 0 {
			op.Kind = Get
		}
		have := state[op.Key]
		_, next := step(have, op, Op{})
		op.Length, op.Found = uint64(len(next.Value)), have
		state[op.Key] = next
		now := 10 * (i + 1)
		ops = append(ops, at(now-rng.IntN(30), now+1+rng.IntN(30), op))
	}
	return ops
}
