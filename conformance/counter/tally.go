package counter

import "maps"

// tally is how often each count was answered. Why not a map alone: the counts of hours are
// millions, and nearly all were answered once, in about their order.
type tally struct {
	// through: every count from 1 to this was answered once.
	through uint64
	// more is how often counts were answered besides.
	more map[uint64]int
}

func (t *tally) add(count uint64) {
	if t.more == nil {
		t.more = map[uint64]int{}
	}
	t.more[count]++
	for next := t.through + 1; t.more[next] > 0; next++ {
		t.through = next
		if t.more[next]--; t.more[next] == 0 {
			delete(t.more, next)
		}
	}
}

// answers is how many there were.
func (t *tally) answers() int {
	n := int(t.through)
	for _, times := range t.more {
		n += times
	}
	return n
}

// times is how often a count was answered.
func (t *tally) times(count uint64) int {
	if count > 0 && count <= t.through {
		return 1 + t.more[count]
	}
	return t.more[count]
}

// beyond are the counts that were answered and are not among 1 to count, unordered.
func (t *tally) beyond(count uint64) (out []uint64) {
	for value := range t.more {
		if value == 0 || value > max(count, t.through) {
			out = append(out, value)
		}
	}
	for value := count + 1; value <= t.through; value++ {
		out = append(out, value)
	}
	return out
}

// doubled are the counts that were answered more than once, unordered.
func (t *tally) doubled() (out []uint64) {
	for value := range t.more {
		if t.times(value) > 1 {
			out = append(out, value)
		}
	}
	return out
}

// clone is a copy of its own.
func (t *tally) clone() tally { return tally{t.through, maps.Clone(t.more)} }
