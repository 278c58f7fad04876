package fec

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// world carries packets between two endpoints in virtual time. Nothing in it
// depends on anything but its seed.
type world struct {
	t      *testing.T
	now    time.Duration
	chance *rand.Rand
	ends   [2]*endpoint
	paths  [2]*path // by sender
	events []event
	order  int
	tap    func(from int, packet []byte) // sees every packet of ours
}

// path is one direction: what happens to packets, and what became of them.
type path struct {
	delay  time.Duration
	jitter time.Duration // uniform, each packet its own, so that they overtake
	lose   func(now time.Duration) bool
	held   func(now time.Duration) time.Duration // of data packets alone; nil: none are
	// A bottleneck: bytes per second and the bytes that may wait; 0 is none.
	rate  int
	queue int
	freed time.Duration

	sent, ours, dropped int
	all, quicLost       uint64
	lost                map[uint64][]byte // data packets that fell, by name
	repaired            int
	withheld            int
	garbled             int             // rebuilt from a packet of the same name: QUIC would drop it
	late                []time.Duration // how late repairs came
	lostAt              map[uint64]time.Duration
	ever                map[uint64][]byte // all that ever fell, by name
}

type event struct {
	at    time.Duration
	order int
	do    func()
}

func newWorldOf(t *testing.T, seed uint64, cfg Config, rtt time.Duration) *world {
	t.Helper()
	w := &world{t: t, chance: rand.New(rand.NewPCG(seed, 7))}
	material := make([]byte, ExportBytes)
	for i := range material {
		material[i] = byte(w.chance.Uint32())
	}
	for i := range w.ends {
		e, err := newEndpoint(cfg.withDefaults(), material, i == 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.ends[i] = e
		w.paths[i] = &path{delay: rtt / 2, lost: map[uint64][]byte{}, lostAt: map[uint64]time.Duration{}, ever: map[uint64][]byte{}}
	}
	w.every(100*time.Millisecond, func() {
		for i, e := range w.ends {
			p := w.paths[i]
			standing := max(0, w.paths[0].freed-w.now) + max(0, w.paths[1].freed-w.now)
			e.onPath(w.now, Path{RTT: rtt + standing, RTTMin: rtt, Sent: p.all, Lost: p.quicLost})
		}
	})
	return w
}

func (w *world) at(at time.Duration, do func()) {
	w.order++
	e := event{at, w.order, do}
	i, _ := slices.BinarySearchFunc(w.events, e, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order))
	})
	w.events = slices.Insert(w.events, i, e)
}

func (w *world) every(pause time.Duration, do func()) {
	var again func()
	again = func() { do(); w.at(w.now+pause, again) }
	w.at(w.now+pause, again)
}

// run lets virtual time pass.
func (w *world) run(d time.Duration) {
	for end := w.now + d; ; {
		at := end
		if len(w.events) > 0 {
			at = min(at, w.events[0].at)
		}
		for _, e := range w.ends {
			if due, ok := e.due(); ok {
				at = min(at, max(due, w.now))
			}
		}
		w.now = at
		w.flush()
		if at == end {
			return
		}
		if len(w.events) > 0 && w.events[0].at <= at {
			do := w.events[0].do
			w.events = w.events[1:]
			do()
		}
	}
}

// flush sends what the endpoints have to send.
func (w *world) flush() {
	for i, e := range w.ends {
		for p := e.next(w.now, nil); p != nil; p = e.next(w.now, nil) {
			if len(p) > datagramBytesMax || !Ours(p) {
				w.t.Fatalf("a packet of %d bytes, first %#x", len(p), p[0])
			}
			w.paths[i].ours++
			if w.tap != nil {
				w.tap(i, bytes.Clone(p))
			}
			w.carry(i, bytes.Clone(p))
		}
	}
}

// data sends a data packet of so many bytes from one end.
func (w *world) data(from, size int) {
	packet := make([]byte, size+8)
	for i := 0; i < size; i += 8 {
		binary.BigEndian.PutUint64(packet[i:], w.chance.Uint64())
	}
	packet = packet[:size]
	packet[0] = 0x40 | packet[0]&0x3f
	w.paths[from].sent++
	w.paths[from].all++
	w.carry(from, packet)
	w.ends[from].onSent(w.now, packet, ECT0)
}

// carry loses, delays or delivers a packet.
func (w *world) carry(from int, packet []byte) {
	p := w.paths[from]
	at := w.now
	fell := p.lose != nil && p.lose(w.now)
	if p.rate > 0 {
		waiting := max(0, p.freed-w.now)
		if int(waiting.Seconds()*float64(p.rate))+len(packet) > p.queue {
			fell = true
			p.dropped++
		} else {
			p.freed = max(p.freed, w.now) + time.Duration(float64(len(packet))/float64(p.rate)*float64(time.Second))
			at = p.freed
		}
	}
	if fell {
		if !Ours(packet) {
			p.lost[keyOf(packet)], p.lostAt[keyOf(packet)], p.ever[keyOf(packet)] = packet, w.now, packet
			// QUIC notices what nobody repaired.
			w.at(w.now+2*p.delay+20*time.Millisecond, func() {
				if p.lost[keyOf(packet)] != nil {
					p.quicLost++
				}
			})
		}
		return
	}
	at += p.delay
	if p.held != nil && !Ours(packet) {
		at += p.held(w.now)
	}
	if p.jitter > 0 {
		at += time.Duration(w.chance.Int64N(int64(p.jitter)))
	}
	w.at(at, func() { w.arrive(1-from, packet) })
}

func (w *world) arrive(to int, packet []byte) {
	e := w.ends[to]
	if Ours(packet) {
		if !e.onPacket(w.now, 0, packet) {
			w.t.Fatal("an endpoint does not know its peer's packet")
		}
	} else {
		e.onArrived(w.now, packet)
	}
	p := w.paths[1-to]
	for _, r := range e.rebuilt() {
		was, fell := p.ever[keyOf(r.packet)]
		_, counts := p.lost[keyOf(r.packet)]
		switch {
		case !fell && p.jitter == 0, fell && !bytes.Equal(was, r.packet):
			p.garbled++
		case !counts:
		case r.ecn != ECT0:
			w.t.Fatalf("rebuilt with mark %d", r.ecn)
		case r.congested:
			p.withheld++
		default:
			p.repaired++
			p.late = append(p.late, w.now-p.lostAt[keyOf(r.packet)]-p.delay)
			delete(p.lost, keyOf(r.packet))
		}
	}
}

// keyOf names a packet for the tests, better than nameOf does.
func keyOf(packet []byte) uint64 { return binary.BigEndian.Uint64(packet[len(packet)-8:]) }

// stream sends packets a second, of a size, from end 0, as Poisson would, and so
// many a batch.
func (w *world) stream(perSecond float64, size int) (stop func()) {
	var again func()
	stopped := false
	again = func() {
		if stopped {
			return
		}
		w.data(0, size)
		w.at(w.now+time.Duration(w.chance.ExpFloat64()/perSecond*float64(time.Second)), again)
	}
	again()
	return func() { stopped = true }
}

func (w *world) chanceOf(p float64) func(time.Duration) bool {
	return func(time.Duration) bool { return w.chance.Float64() < p }
}

// figures of a path since the last call.
type figures struct {
	sent, parity, fell, repaired, unrepaired, withheld int
	latest                                             time.Duration // 99th of a hundred
}

func (w *world) figures() figures {
	p, s := w.paths[0], w.ends[0].send
	slices.Sort(p.late)
	f := figures{
		sent: p.sent, parity: int(s.stats.parity), repaired: p.repaired, withheld: p.withheld, unrepaired: len(p.lost),
		fell: p.repaired + len(p.lost),
	}
	if len(p.late) > 0 {
		f.latest = p.late[len(p.late)*99/100]
	}
	p.sent, p.repaired, p.withheld, p.late = 0, 0, 0, nil
	clear(p.lost)
	clear(p.lostAt)
	s.stats.parity = 0
	return f
}

func (f figures) share() float64 { return float64(f.parity) / float64(max(1, f.parity+f.sent)) }
func (f figures) left() float64  { return float64(f.unrepaired) / float64(max(1, f.fell)) }
