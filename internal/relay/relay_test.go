package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

const patience = 2 * time.Minute

// echo answers every datagram with itself and notes who sent it, and what.
type echo struct {
	conn  *net.UDPConn
	done  sync.WaitGroup
	mu    sync.Mutex // guards the rest
	from  []netip.AddrPort
	texts map[string]bool
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	e := &echo{conn: listen(t), texts: map[string]bool{}}
	e.done.Go(func() {
		buffer := make([]byte, datagramBytesMax)
		for {
			n, from, err := e.conn.ReadFromUDPAddrPort(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			e.mu.Lock()
			e.from = append(e.from, from)
			e.texts[string(buffer[:n])] = true
			e.mu.Unlock()
			_, _ = e.conn.WriteToUDPAddrPort(buffer[:n], from)
		}
	})
	t.Cleanup(func() { e.conn.Close(); e.done.Wait() })
	return e
}

// senders are the addresses the target saw, each once.
func (e *echo) senders() map[netip.AddrPort]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := map[netip.AddrPort]bool{}
	for _, from := range e.from {
		seen[from] = true
	}
	return seen
}

func (e *echo) heard(text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.texts[text]
}

func listen(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func start(t *testing.T, cfg Config) *Relay {
	t.Helper()
	r, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func dial(t *testing.T, r *Relay) *net.UDPConn {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// exchange sends text again and again until it comes back.
func exchange(t *testing.T, conn *net.UDPConn, text string) {
	t.Helper()
	buffer := make([]byte, datagramBytesMax)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if _, err := conn.Write([]byte(text)); err != nil {
			continue
		}
		_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				break
			}
			if string(buffer[:n]) == text {
				return
			}
		}
	}
	t.Fatalf("%q never came back", text)
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	end := time.After(patience)
	for !holds() {
		select {
		case <-ticker.C:
		case <-end:
			t.Fatal(what)
		}
	}
}

func TestCarriesBothWays(t *testing.T) {
	target := newEcho(t)
	r := start(t, Config{Target: target.conn.LocalAddr().String()})
	a, b := dial(t, r), dial(t, r)
	for i := range 10 {
		exchange(t, a, fmt.Sprint("a", i))
		exchange(t, b, fmt.Sprint("b", i))
	}
	if got := target.senders(); len(got) != 2 {
		t.Errorf("the target saw %v, want one address for each client", got)
	}
	if f, b := r.Counters(Forward), r.Counters(Back); f.Delivered < 20 || b.Delivered < 20 || f.Lost+f.Cut != 0 {
		t.Errorf("counted %+v and %+v", f, b)
	}
}

func TestEachDirectionIsCutAlone(t *testing.T) {
	for _, d := range []Direction{Forward, Back} {
		target := newEcho(t)
		r := start(t, Config{Target: target.conn.LocalAddr().String()})
		conn := dial(t, r)
		exchange(t, conn, "before")
		if err := r.Set(d, Conditions{Cut: true}); err != nil {
			t.Fatal(err)
		}
		until(t, "nothing is cut, or the other direction is", func() bool {
			_, _ = conn.Write([]byte("meanwhile"))
			return r.Counters(d).Cut >= 5 && (d == Forward || target.heard("meanwhile"))
		})
		// Why by what they say: "before" may be on its way still, sent more than once.
		if d == Forward && target.heard("meanwhile") {
			t.Error("datagrams reach the target though the way there is cut")
		}
		if err := r.Set(d, Conditions{}); err != nil {
			t.Fatal(err)
		}
		exchange(t, conn, "after")
	}
}

func TestRebindShowsANewPort(t *testing.T) {
	target := newEcho(t)
	r := start(t, Config{Target: target.conn.LocalAddr().String()})
	conn := dial(t, r)
	exchange(t, conn, "before")
	if err := r.Rebind(); err != nil {
		t.Fatal(err)
	}
	exchange(t, conn, "after")
	if got := target.senders(); len(got) != 2 {
		t.Errorf("the target saw %v, want two addresses", got)
	}
}

func TestClientsAreBounded(t *testing.T) {
	target := newEcho(t)
	r := start(t, Config{Target: target.conn.LocalAddr().String(), FlowsMax: 3})
	first := dial(t, r)
	exchange(t, first, "first")
	for i := range 6 {
		exchange(t, dial(t, r), fmt.Sprint(i))
	}
	r.mu.Lock()
	flows := len(r.flows)
	r.mu.Unlock()
	if flows != 3 {
		t.Errorf("%d flows, want 3", flows)
	}
	exchange(t, first, "again")
}

func TestSurvivesATargetThatIsAway(t *testing.T) {
	away := listen(t)
	at := away.LocalAddr().String()
	away.Close()
	r := start(t, Config{Target: at})
	conn := dial(t, r)
	until(t, "nothing is carried", func() bool {
		_, _ = conn.Write([]byte("anybody?"))
		return r.Counters(Forward).Delivered >= 10
	})
	addr, err := net.ResolveUDPAddr("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.ListenUDP("udp", addr)
	if err != nil {
		t.Skip("the target's port was taken meanwhile: ", err)
	}
	defer back.Close()
	buffer := make([]byte, 64)
	until(t, "the target hears nothing", func() bool {
		_, _ = conn.Write([]byte("anybody?"))
		_ = back.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, _, err := back.ReadFromUDPAddrPort(buffer)
		return err == nil
	})
}

func TestMistakesAreRefused(t *testing.T) {
	target := newEcho(t).conn.LocalAddr().String()
	for name, cfg := range map[string]Config{
		"no target":       {},
		"no port":         {Target: "127.0.0.1"},
		"target":          {Target: "nowhere"},
		"listen":          {Target: target, Listen: "256.0.0.1:0"},
		"listening twice": {Target: target, Listen: target},
		"forward":         {Target: target, Forward: Conditions{Loss: 2}},
		"back":            {Target: target, Back: Conditions{Delay: -1}},
	} {
		if r, err := Start(cfg); err == nil {
			t.Errorf("%s: no error", name)
			r.Close()
		}
	}
	r := start(t, Config{Target: target})
	if err := r.Set(Forward, Conditions{Loss: 7}); err == nil {
		t.Error("a bad condition is taken")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Rebind(); err == nil {
		t.Error("a closed relay rebinds")
	}
}
