package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
)

// checkOrder sorts what was acknowledged by index and looks whether that is an
// order that clients could have seen: nothing that ended before something else
// began stands behind it, and replaying the log gives every answer.
func (h *history) checkOrder() error {
	sorted := slices.Clone(h.done)
	slices.SortStableFunc(sorted, func(a, b done) int {
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(order(a), order(b)))
	})
	if err := realTime(sorted); err != nil {
		return err
	}
	lengths := map[uint64]uint64{}
	next := raft.Index(1)
	for _, d := range sorted {
		for ; next <= d.index && int(next) <= len(h.records); next++ {
			if r := h.records[next-1]; r.verdict == verdictDone && r.key != noKey {
				lengths[r.key]++
			}
		}
		if lengths[d.key] != d.length {
			return fmt.Errorf("operation %d was told that list %d has %d values at %d, it has %d", d.number, d.key, d.length, d.index, lengths[d.key])
		}
	}
	return nil
}

// order lets a read follow the append it sees.
func order(d done) int {
	if d.read {
		return 1
	}
	return 0
}

// realTime checks sorted operations from the last to the first.
func realTime(sorted []done) error {
	earliest, by := time.Duration(1<<62), done{} // end of those behind
	for end := len(sorted); end > 0; {
		start := end - 1
		for start > 0 && sorted[start-1].index == sorted[end-1].index && sorted[start-1].read == sorted[end-1].read {
			start--
		}
		for _, d := range sorted[start:end] {
			if earliest < d.began {
				return fmt.Errorf("operation %d at %d ended before operation %d at %d began", by.number, by.index, d.number, d.index)
			}
		}
		for _, d := range sorted[start:end] {
			if d.ended < earliest {
				earliest, by = d.ended, d
			}
		}
		end = start
	}
	return nil
}
