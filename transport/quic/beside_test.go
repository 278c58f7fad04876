package quic

import (
	"context"
	"io"
	"math"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport/fec"
)

// cubic is a TCP flow without an end (RFC 9438, with fast convergence and the region that is
// fair to Reno; RFC 6582 for one reduction in a round trip; no slow start again after the first)
// over a bottleneck, in the direction of one sender's. Its acknowledgements take the other
// direction, where they wait for nobody.
type cubic struct {
	b    *bottleneck
	from raft.NodeID

	window, most, reno float64 // in segments
	epoch              time.Time
	slow               bool         // slow start
	recovered          time.Time    // losses of what was sent before count as one
	flight             []segment    // in the order they are known of
	delivered          atomic.Int64 // bytes
}

// segment is one that was sent, and when the sender knows what came of it.
type segment struct {
	sent, known time.Time
	lost        bool
}

const (
	segmentBytes = 1500
	cubicC       = 0.4
	cubicBeta    = 0.7
)

// run sends until ctx ends.
func (c *cubic) run(ctx context.Context) {
	c.window, c.slow = 10, true
	for ctx.Err() == nil {
		for len(c.flight) < int(c.window) {
			c.flight = append(c.flight, c.send())
		}
		first := c.flight[0]
		time.Sleep(max(time.Until(first.known), 0)) // virtual
		c.flight = c.flight[1:]
		c.learn(first)
	}
}

// send puts a segment before the bottleneck. What finds no room is known of when a segment
// behind it would be.
func (c *cubic) send() segment {
	got, free := c.b.carry(c.from, segmentBytes)
	return segment{time.Now(), free.Add(2 * c.b.delay), !got}
}

// learn changes the window for what came of a segment.
func (c *cubic) learn(s segment) {
	switch now := time.Now(); {
	case !s.lost:
		c.delivered.Add(segmentBytes)
		c.grow(now)
	case s.sent.After(c.recovered):
		fast := c.window < c.most && !c.slow // what is below the last most makes room
		c.recovered, c.most = now, c.window
		if fast {
			c.most *= (1 + cubicBeta) / 2
		}
		c.window = max(2, c.window*cubicBeta)
		c.reno, c.epoch, c.slow = c.window, now, false
	}
}

// grow is what one acknowledgement does.
func (c *cubic) grow(now time.Time) {
	if c.slow {
		c.window++
		return
	}
	c.reno += 3 * (1 - cubicBeta) / (1 + cubicBeta) / c.window
	rtt := 2 * c.b.delay.Seconds()
	k := math.Cbrt(c.most * (1 - cubicBeta) / cubicC)
	target := cubicC*math.Pow(now.Sub(c.epoch).Seconds()+rtt-k, 3) + c.most
	target = min(max(target, c.window), 1.5*c.window)
	c.window = max(c.window+(target-c.window)/c.window, c.reno)
}

// sharing is what came over a bottleneck that a file and a TCP flow want, as shares of what it
// carries, and the share of parity among the packets with the file.
type sharing struct{ file, tcp, parity float64 }

// besideTCP fetches a file without an end beside a TCP flow, and measures for d after a warm-up.
func besideTCP(t *testing.T, mode fec.Mode, b *bottleneck, warmup, d time.Duration) (s sharing) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		w.sim.whole = true
		w.beyond(b)
		to, from := w.node(1, withRepair(mode)), w.node(2, withRepair(mode))
		w.connect(to, from)
		const size = 1 << 40
		from.rec.serve("f", func() (io.ReadSeekCloser, int64, error) {
			return zeros{io.NewSectionReader(zeroAt{}, 0, size)}, size, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		flow, done := &cubic{b: b, from: 2}, make(chan struct{})
		go func() {
			defer close(done)
			flow.run(ctx)
		}()
		f, _, err := to.net.OpenFile(ctx, 2, "f", 0)
		if err != nil {
			t.Fatal(err)
		}
		readFor(t, f, warmup)
		tcp, before := flow.delivered.Load(), from.net.Links()[0]
		file := readFor(t, f, d)
		after, capacity := from.net.Links()[0], float64(b.rate)*d.Seconds()
		s.file, s.tcp = float64(file)/capacity, float64(flow.delivered.Load()-tcp)/capacity
		s.parity = float64(after.ParityPackets-before.ParityPackets) / float64(after.SentPackets-before.SentPackets)
		cancel()
		<-done
		_ = f.Close() // it was not read to its end
	})
	return s
}

// readFor reads for so long and returns how many bytes came.
func readFor(t *testing.T, f io.Reader, d time.Duration) (bytes int64) {
	t.Helper()
	buf := make([]byte, 4<<10)
	for end := time.Now().Add(d); time.Now().Before(end); {
		n, err := f.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		bytes += int64(n)
	}
	return bytes
}

// TestBubbleAFileBesideTCP: on a slow link with a queue of 20 ms a file leaves a TCP flow its
// part, and what falls from the queue is not repaired. Where packets are late by chance as well
// both is a matter of luck, more of it from 3 ms on: WRAFT_WAN=full measures that, and demands
// nothing (docs/BENCHMARKS.md).
func TestBubbleAFileBesideTCP(t *testing.T) {
	jitters := []time.Duration{0}
	if os.Getenv("WRAFT_WAN") == "full" {
		for _, ms := range []time.Duration{1, 2, 3, 4, 8} {
			jitters = append(jitters, ms*time.Millisecond)
		}
	}
	for _, jitter := range jitters {
		for _, mode := range []fec.Mode{fec.ModeOff, fec.ModeAuto} {
			s := besideTCP(t, mode, &bottleneck{rate: 10e6 / 8, queue: 25e3, delay: 40 * time.Millisecond, jitter: jitter}, 15*time.Second, 40*time.Second)
			t.Logf("jitter %v, fec %v: file %.2f, tcp %.2f, parity %.3f", jitter, mode, s.file, s.tcp, s.parity)
			if jitter == 0 && (s.tcp < 0.3 || s.file < 0.1 || s.parity > 0.05) {
				t.Errorf("jitter %v, fec %v: %+v", jitter, mode, s)
			}
		}
	}
}
