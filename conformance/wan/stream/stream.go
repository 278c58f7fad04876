package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/fec"
)

// Config says what to measure.
type Config struct {
	// From serves the file, To fetches it.
	From, To End
	// Size is that of the file in bytes. With a Duration the file is as long as need be.
	Size int64
	// Duration is measured after Warmup. 0: until the whole file is there, without warm-up.
	Duration, Warmup time.Duration
	// LinkBits is the rate of the link in bits a second, which shares are of.
	LinkBits float64
	// TCP has a flow of the kernel's compete; it needs a Duration.
	TCP bool
	// Mode says whether losses are repaired.
	Mode fec.Mode
	// Log takes a line a second of what came meanwhile; nil: none.
	Log func(format string, args ...any)
}

// Validate joins all problems of the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.Size <= 0 && c.Duration <= 0 {
		errs = append(errs, errors.New("stream: give a size or a duration"))
	}
	if c.Duration < 0 || c.Warmup < 0 || c.TCP && c.Duration == 0 {
		errs = append(errs, errors.New("stream: a TCP flow needs a duration, and times must not be negative"))
	}
	if c.LinkBits <= 0 {
		errs = append(errs, errors.New("stream: the rate of the link must be above 0"))
	}
	return errors.Join(append(errs, fec.Config{Mode: c.Mode}.Validate())...)
}

// Result is what was measured.
type Result struct {
	Config  Config
	Took    time.Duration
	Bytes   int64 // of the file that came meanwhile
	TCPData int64 // bytes of the TCP flow that came meanwhile
	Link    transport.LinkStats
}

func (r Result) bits(n int64) float64 { return 8 * float64(n) / r.Took.Seconds() }

// Used is the share of the link that the file's bytes filled, TCP that of the flow's.
func (r Result) Used() float64 { return r.bits(r.Bytes) / r.Config.LinkBits }

// TCP is the share of the link that the TCP flow's bytes filled.
func (r Result) TCP() float64 { return r.bits(r.TCPData) / r.Config.LinkBits }

// Parity is the share of packets that were parity.
func (r Result) Parity() float64 {
	return float64(r.Link.ParityPackets) / float64(max(1, r.Link.SentPackets+r.Link.ParityPackets))
}

// String is the stable line of make wan-snapshot.
func (r Result) String() string {
	line := fmt.Sprintf("wan-snapshot: size=%dMiB mbit=%.1f used=%.0f%% parity=%.1f%% fell=%d repaired=%d quic_lost=%d",
		r.Bytes>>20, r.bits(r.Bytes)/1e6, 100*r.Used(), 100*r.Parity(), r.Link.PathLostPackets, r.Link.RepairedPackets, r.Link.LostPackets)
	if r.Config.TCP {
		line += fmt.Sprintf(" tcp_mbit=%.1f tcp=%.0f%%", r.bits(r.TCPData)/1e6, 100*r.TCP())
	}
	return line
}

// endless is longer than any file that is fetched within a duration.
const endless = 1 << 50

// Run measures once.
func Run(ctx context.Context, cfg Config) (r Result, err error) {
	if err := cfg.Validate(); err != nil {
		return r, err
	}
	size := cfg.Size
	if cfg.Duration > 0 {
		size = endless
	}
	p, err := connect(ctx, cfg, size)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if cfg.TCP {
		flow, err := startTCP(ctx, cfg.From, cfg.To)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, flow.close()) }()
		p.tcp = flow
	}
	first := p.look(0) // Why here: the file begins to come before its first byte is read
	f, _, err := p.to.net.OpenFile(ctx, fromID, fileName, 0)
	if err != nil {
		return r, fmt.Errorf("stream: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return p.measure(ctx, cfg, f, first)
}

// moment is what had come at a time.
type moment struct {
	at    time.Time
	bytes int64
	tcp   int64
	link  transport.LinkStats
}

func (p *pair) look(bytes int64) moment {
	m := moment{at: time.Now(), bytes: bytes, link: p.from.net.Links()[0]}
	if p.tcp != nil {
		m.tcp = p.tcp.received.Load()
	}
	return m
}

// since is what came between two moments.
func (m moment) since(b moment, cfg Config) Result {
	r := Result{Config: cfg, Took: m.at.Sub(b.at), Bytes: m.bytes - b.bytes, TCPData: m.tcp - b.tcp, Link: m.link}
	r.Link.SentPackets -= b.link.SentPackets
	r.Link.LostPackets -= b.link.LostPackets
	r.Link.ParityPackets -= b.link.ParityPackets
	r.Link.PathLostPackets -= b.link.PathLostPackets
	r.Link.RepairedPackets -= b.link.RepairedPackets
	return r
}

// measure reads the file to its end, or for the time that is measured. first is how it was
// before the file was opened.
func (p *pair) measure(ctx context.Context, cfg Config, f io.Reader, first moment) (Result, error) {
	buf := make([]byte, 256<<10)
	began, last, n := first, first, int64(0)
	warm := cfg.Duration == 0 || cfg.Warmup == 0
	for ctx.Err() == nil {
		m, err := f.Read(buf)
		n += int64(m)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return Result{}, fmt.Errorf("stream: after %d bytes: %w", n, err)
		}
		if now := time.Now(); now.Sub(last.at) >= time.Second {
			next := p.look(n)
			if cfg.Log != nil {
				cfg.Log("%4.0fs %v rtt=%v", next.at.Sub(first.at).Seconds(), next.since(last, cfg), next.link.RTT.Round(time.Millisecond))
			}
			last = next
		}
		if !warm && time.Since(first.at) >= cfg.Warmup {
			warm, began = true, p.look(n)
		}
		if cfg.Duration > 0 && time.Since(first.at) >= cfg.Warmup+cfg.Duration {
			break
		}
	}
	return p.look(n).since(began, cfg), ctx.Err()
}
