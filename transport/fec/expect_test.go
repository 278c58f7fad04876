package fec

import (
	"testing"
	"time"
)

// expecting is a world in which the first end is about to send much over a path of which
// nothing is known but its round trip.
func expecting(t *testing.T, cfg Config, rtt time.Duration) *world {
	t.Helper()
	w := newWorldOf(t, 11, cfg, rtt)
	w.run(time.Second) // QUIC has told of the path
	w.ends[0].send.expect(w.now)
	return w
}

// TestTheFirstPacketsAreRepaired before anybody can know that any fall.
func TestTheFirstPacketsAreRepaired(t *testing.T) {
	w := expecting(t, Config{}, testRTT)
	w.paths[0].lose = w.chanceOf(0.02)
	stop := w.stream(4000, 1200)
	w.run(lateMax / 2) // so soon nothing counts as lost
	stop()
	w.run(testRTT)
	if f := w.figures(); f.fell < 3 || f.left() > 0.4 {
		t.Errorf("%d of %d were not repaired", f.unrepaired, f.fell)
	}
}

// TestExpectationsEnd: a path that loses nothing gets parity for little more than the packets
// that it takes to know it, be they many or few, and one that is short or full, or nobody is to
// repair, none.
func TestExpectationsEnd(t *testing.T) {
	for name, rate := range map[string]float64{"many": 5000, "few": 50} {
		w := expecting(t, Config{}, testRTT)
		w.stream(rate, 1200)
		w.run(trialFor + time.Second)
		f := w.figures()
		if most := min(2*trialPackets, int(rate*(trialFor+time.Second).Seconds())); f.parity == 0 || f.parity > most/2 {
			t.Errorf("%s: %d packets of parity", name, f.parity)
		}
		w.run(time.Minute)
		if f := w.figures(); f.parity != 0 || w.ends[0].send.active {
			t.Errorf("%s: %d packets of parity after that, active: %t", name, f.parity, w.ends[0].send.active)
		}
	}
	for name, w := range map[string]*world{
		"short": expecting(t, Config{}, rttWorth/2), "off": expecting(t, Config{Mode: ModeOff}, testRTT),
	} {
		w.stream(1000, 1200)
		w.run(5 * time.Second)
		if f := w.figures(); f.parity != 0 {
			t.Errorf("%s: %d packets of parity", name, f.parity)
		}
	}
	w := expecting(t, Config{}, testRTT)
	w.paths[0].rate, w.paths[0].queue = 100_000, 5_000
	w.stream(500, 1200) // six times what it carries
	w.run(time.Second)
	w.figures()
	w.run(trialFor)
	if f := w.figures(); f.share() > 0.02 {
		t.Errorf("parity is %.2f of what is sent into a full queue", f.share())
	}
}

// TestWhatIsKnownIsNotExpected: a path that is known by its losses goes on as it is.
func TestWhatIsKnownIsNotExpected(t *testing.T) {
	w := newWorldOf(t, 12, Config{}, testRTT)
	w.paths[0].lose = w.chanceOf(0.01)
	w.settled(500, 10*time.Second)
	s := w.ends[0].send
	was := s.plan
	s.expect(w.now)
	if s.trial > 0 || s.plan != was {
		t.Errorf("%+v, %d to be tried; before %+v", s.plan, s.trial, was)
	}
}
