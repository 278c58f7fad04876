package fec

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

// bounded reports what an endpoint holds beyond its bounds.
func (e *endpoint) bounded(t testing.TB) {
	t.Helper()
	r, s := e.recv, e.send
	for what, n := range map[string][2]int{
		"blocks":       {len(r.blocks), blocksMax},
		"block order":  {len(r.order), blocksMax},
		"spare blocks": {len(r.spare), blocksMax + 1},
		"waiting":      {len(r.waiting), blocksMax * dataShardsMax},
		"rebuilt":      {len(r.rebuilt), rebuiltMax},
		"buffers":      {len(r.free), blocksMax * parityShardsMax},
		"pending":      {len(s.pending), pendingMax},
		"free":         {len(s.free), pendingMax + parityShardsMax},
		"misses":       {len(r.misses.waiting), missesMax},
	} {
		if n[0] > n[1] {
			t.Fatalf("%d %s, at most %d were promised", n[0], what, n[1])
		}
	}
	if r.ring != nil && len(r.ring.index) > ringPackets {
		t.Fatalf("%d names in the ring", len(r.ring.index))
	}
}

// hear makes a receiver listen, so that it has something to lose.
func hear(t testing.TB, e *endpoint, from *direction) {
	t.Helper()
	b := beacon{header: header{kind: kindBeacon, id: from.id, epoch: 1, number: 1}}
	if !e.onPacket(0, 0, from.seal(b.append(nil))) {
		t.Fatal("a beacon is refused")
	}
}

// Whoever has the key may send what he likes: it costs a bounded amount.
func TestHostilePeerIsBounded(t *testing.T) {
	chance := rand.New(rand.NewPCG(3, 3))
	e, err := newEndpoint(Config{}.withDefaults(), material(), false, 0)
	if err != nil {
		t.Fatal(err)
	}
	from, _ := pair(t)
	hear(t, e, from)
	for i := range 20000 {
		now := time.Duration(i) * 50 * time.Microsecond
		k := 1 + chance.IntN(dataShardsMax)
		p, _ := sampleParity(k, lengthBytes+dataBytesMin+chance.IntN(1300))
		p.id, p.epoch, p.number, p.sent = from.id, uint8(1+chance.IntN(1000)/999), chance.Uint32N(200), chance.Uint32()
		p.m, p.stride = uint8(1+chance.IntN(parityShardsMax)), uint8(1+chance.IntN(widthMax))
		p.pos = uint8(chance.IntN(int(p.m)))
		for j := range p.names {
			p.names[j] = byte(chance.Uint32N(4))
		}
		for j := range min(8, len(p.shard)) {
			p.shard[j] = byte(chance.Uint32())
		}
		e.onPacket(now, 0, from.seal(append(append(p.append(nil), p.names...), p.shard...)))
		if i%3 == 0 {
			data := make([]byte, dataBytesMin+chance.IntN(1400))
			data[0] = 0x40
			for j := 1; j <= nameBytes; j++ {
				data[len(data)-j] = byte(chance.Uint32N(4))
			}
			e.onArrived(now, data)
		}
		r := report{header: header{kind: kindReport, id: from.id}, sent: chance.Uint32(), received: chance.Uint32(), congested: chance.Uint32(), runs: chance.Uint32(), runLost: chance.Uint32()}
		e.onPacket(now, 0, from.seal(r.append(nil)))
		e.bounded(t)
		for _, p := range e.rebuilt() {
			if len(p.packet) > DataBytesMax || !Protected(p.packet) {
				t.Fatalf("%d bytes, first %#x, go up", len(p.packet), p.packet[0])
			}
		}
		for p := e.next(now, nil); p != nil; p = e.next(now, nil) {
			if len(p) > datagramBytesMax {
				t.Fatalf("a packet of %d bytes", len(p))
			}
		}
	}
}

// Packets that are repeated, of another link or with a wrong MAC change nothing.
func TestReplaysAndForeignPackets(t *testing.T) {
	w := newWorldOf(t, 12, Config{Mode: ModeOn}, testRTT)
	w.paths[0].lose = w.chanceOf(0.05)
	var taken [][]byte
	stop := w.stream(500, 200)
	e := w.ends[1]
	w.tap = func(from int, packet []byte) {
		if from == 0 {
			taken = append(taken, packet)
		}
	}
	w.run(2 * time.Second)
	stop()
	w.run(time.Second)
	e.rebuilt()
	before, foreign := *e.recv, e.foreign
	for range 3 {
		for _, p := range taken {
			e.onPacket(w.now, 0, p)
		}
	}
	if got := e.rebuilt(); len(got) != 0 || e.foreign != foreign {
		t.Errorf("replays: %d packets rebuilt again", len(got))
	}
	r := e.recv
	if r.received != before.received || r.congested != before.congested || r.missed != before.missed || r.repaired != before.repaired {
		t.Error("replays were counted")
	}
	other, err := newEndpoint(Config{Mode: ModeOn}.withDefaults(), append(material()[1:], 0), true, 0)
	if err != nil {
		t.Fatal(err)
	}
	if e.onPacket(w.now, 0, other.next(0, nil)) {
		t.Error("a packet of another link is taken")
	}
	if len(taken) < 50 {
		t.Errorf("only %d packets: the test shows little", len(taken))
	}
}

// FuzzEndpoint feeds bytes as the bodies of packets with a right MAC, and as data.
func FuzzEndpoint(f *testing.F) {
	_, p := sampleParity(4, 60)
	f.Add(p)
	f.Add(beacon{header: header{kind: kindBeacon, epoch: 2}, sent: 9}.append(nil))
	f.Add(report{header: header{kind: kindReport}, sent: 9, received: 1}.append(nil))
	f.Add(bytes.Repeat([]byte{0x40}, 100))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := newEndpoint(Config{Mode: ModeOn}.withDefaults(), material(), false, 0)
		if err != nil {
			t.Fatal(err)
		}
		from, _ := pair(t)
		hear(t, e, from)
		now := time.Duration(0)
		for len(data) > 0 {
			n := min(len(data), 1+int(data[0])*6)
			body := data[:n]
			data = data[n:]
			now += time.Duration(n) * time.Millisecond
			e.onPacket(now, 0, from.seal(bytes.Clone(body)))
			e.onPacket(now, 0, bytes.Clone(body))
			if Protected(body) {
				e.onArrived(now, body)
				e.onSent(now, body, ECN(n&3))
			}
			for p := e.next(now, nil); p != nil; p = e.next(now, nil) {
				if len(p) > datagramBytesMax || !Ours(p) {
					t.Fatalf("a packet of %d bytes, first %#x", len(p), p[0])
				}
			}
			e.rebuilt()
			e.bounded(t)
		}
	})
}

// A whole burst of an authenticated peer's packets costs no memory once the
// buffers are there.
func TestSteadyStateAllocatesLittle(t *testing.T) {
	w := newWorldOf(t, 13, Config{Mode: ModeOn}, testRTT)
	a, b := w.ends[0], w.ends[1]
	packet, buf := make([]byte, 1200), make([]byte, 0, datagramBytesMax)
	packet[0] = 0x40
	now, n := time.Duration(0), byte(0)
	step := func() {
		now += 500 * time.Microsecond
		n++
		packet[1199], packet[1198] = n, n*7
		a.onSent(now, packet, ECT0)
		b.onArrived(now, packet)
		for p := a.next(now, buf); p != nil; p = a.next(now, buf) {
			b.onPacket(now, 0, p)
		}
		for p := b.next(now, buf); p != nil; p = b.next(now, buf) {
			a.onPacket(now, 0, p)
		}
	}
	for range 20000 {
		step()
	}
	if got := testing.AllocsPerRun(5000, step); got > 0.2 {
		t.Errorf("%v allocations per packet", got)
	}
}
