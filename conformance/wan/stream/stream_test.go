package stream

import (
	"testing"
	"time"

	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/fec"
)

// TestAFileCrosses: on loopback all of a file comes, and beside it what a TCP flow sends.
func TestAFileCrosses(t *testing.T) {
	r, err := Run(t.Context(), Config{Size: 3 << 20, LinkBits: 1e9, Mode: fec.ModeOff})
	if err != nil || r.Bytes != 3<<20 || r.Took <= 0 || r.Link.SentPackets < 2000 {
		t.Errorf("%v, %+v", err, r)
	}
	for d := 50 * time.Millisecond; ; d *= 4 { // Why again: a busy machine may not get to the flow at once
		r, err = Run(t.Context(), Config{Duration: d, LinkBits: 1e9, TCP: true})
		if err == nil && r.Bytes > 0 && r.TCPData > 0 {
			break
		}
		if err != nil || r.Bytes == 0 || d > 10*time.Second {
			t.Fatalf("%v, %v", err, r)
		}
	}
}

func TestBadConfigs(t *testing.T) {
	good := Config{Size: 1, LinkBits: 1}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"no size":          func(c *Config) { c.Size = 0 },
		"no rate":          func(c *Config) { c.LinkBits = 0 },
		"tcp without time": func(c *Config) { c.TCP = true },
		"negative warm-up": func(c *Config) { c.Warmup = -1 },
		"mode":             func(c *Config) { c.Mode = "maybe" },
	} {
		c := good
		spoil(&c)
		if _, err := Run(t.Context(), c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := Run(t.Context(), Config{Size: 1, LinkBits: 1, From: End{Namespace: "there is none"}}); err == nil {
		t.Error("a namespace that is not there was entered")
	}
}

func TestLine(t *testing.T) {
	before := moment{at: time.Unix(100, 0), bytes: 5, link: transport.LinkStats{SentPackets: 100, ParityPackets: 7}}
	after := moment{at: time.Unix(108, 0), bytes: 5 + 60<<20, tcp: 30 << 20, link: transport.LinkStats{
		SentPackets: 1000, ParityPackets: 107, PathLostPackets: 9, RepairedPackets: 8, LostPackets: 1}}
	r := after.since(before, Config{LinkBits: 100e6, TCP: true})
	want := "wan-snapshot: size=60MiB mbit=62.9 used=63% parity=10.0% fell=9 repaired=8 quic_lost=1 tcp_mbit=31.5 tcp=31%"
	if got := r.String(); got != want {
		t.Errorf("%q", got)
	}
}
