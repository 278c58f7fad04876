package fec

import (
	"testing"
	"time"
)

// TestMissesWait: what is missed counts when it did not come for long, with its cause, and
// what was only late or early counts never.
func TestMissesWait(t *testing.T) {
	const ms = lateMax / 100
	type counted struct {
		at   time.Duration
		fell int64
		why  cause
	}
	for _, row := range []struct {
		name  string
		notes []miss
		want  []counted
	}{
		{"lost", []miss{{at: 0, sent: 9, fell: 2}, {at: 50 * ms, sent: 9}}, []counted{{100 * ms, 2, byChance}}},
		{"late", []miss{{at: 0, sent: 9, fell: 2}, {at: 50 * ms, sent: 9, fell: -2}}, nil},
		{"early", []miss{{at: 0, sent: 9, fell: -3}, {at: 50 * ms, sent: 9, fell: 3}}, nil},
		{"too late", []miss{{at: 0, sent: 9, fell: 2}, {at: 150 * ms, sent: 9, fell: -2}}, []counted{{100 * ms, 2, byChance}, {250 * ms, -2, byChance}}},
		{"late beside lost", []miss{{at: 0, sent: 9, fell: 2, why: byQueue}, {at: 20 * ms, sent: 9, fell: 3}, {at: 50 * ms, sent: 9, fell: -4}}, []counted{{100 * ms, 1, byQueue}}},
		{"noted together", []miss{{at: 0, sent: 9, fell: 1}, {at: ms, sent: 9, fell: 1}, {at: 2 * ms, sent: 9, fell: 1, why: byQueue}}, []counted{{100 * ms, 2, byChance}, {102 * ms, 1, byQueue}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var m misses
			var got []counted
			sent, noted := uint32(0), uint32(0)
			for now := time.Duration(0); now <= 10*lateMax; now += ms {
				if len(row.notes) > 0 && row.notes[0].at == now {
					noted += row.notes[0].sent
					m.add(row.notes[0])
					row.notes = row.notes[1:]
				}
				for out, ok := m.settled(now); ok; out, ok = m.settled(now) {
					sent += out.sent
					if out.fell != 0 {
						got = append(got, counted{now, out.fell, out.why})
					}
				}
			}
			if len(got) != len(row.want) || sent != noted {
				t.Fatalf("%v of %d packets, want %v of %d", got, sent, row.want, noted)
			}
			for i := range got {
				if got[i] != row.want[i] {
					t.Errorf("%v, want %v", got, row.want)
				}
			}
		})
	}
}

// TestMissesAreBounded: however often the cause changes.
func TestMissesAreBounded(t *testing.T) {
	var m misses
	fell := int64(0)
	for i := range 10 * missesMax {
		m.add(miss{at: time.Duration(i) * time.Microsecond, sent: 1, fell: 1, why: cause(i % 3)})
	}
	if len(m.waiting) > missesMax {
		t.Errorf("%d notes", len(m.waiting))
	}
	for out, ok := m.settled(time.Second); ok; out, ok = m.settled(time.Second) {
		fell += out.fell
	}
	if fell != 10*missesMax {
		t.Errorf("%d packets fell, want %d", fell, 10*missesMax)
	}
}
