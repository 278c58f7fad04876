package api_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

const (
	openMetric   = "wraft_api_connections"
	closedMetric = "wraft_api_closed_total"
)

// bubble serves on pipes, with time of its own.
func bubble(t *testing.T, o apitest.Options, test func(t *testing.T, p *pipes, s *apitest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes(t)
		b := apitest.New(nil)
		b.AddMachine("counter")
		o.Listener = p
		test(t, p, apitest.Start(t, b, o))
	})
}

// TestConnectionsAreBounded: those above the bound are closed at once, those that are held go
// on, and others come in when some have ended.
func TestConnectionsAreBounded(t *testing.T) {
	const most = 8
	var log said
	o := apitest.Options{ConnectionsMax: most, Log: slog.New(slog.NewTextHandler(&log, nil))}
	bubble(t, o, func(t *testing.T, p *pipes, s *apitest.Server) {
		held := make([]*caller, most)
		conns := make([]net.Conn, most)
		for i := range most {
			held[i], conns[i] = p.speak(t, s, fmt.Sprintf("10.0.0.%d", i+1), []string{"h2", "http/1.1"}[i%2])
		}
		for i := range most {
			if !refused(p.dial(t, fmt.Sprintf("10.0.1.%d", i))) {
				t.Fatalf("connection %d above the bound was not refused", i)
			}
		}
		for i, c := range held {
			if r := c.do(t, "POST", commands, strings.NewReader("incr")); r.status != 200 {
				t.Errorf("held connection %d: %+v", i, r)
			}
		}
		if open, shut := counted(t, s, openMetric, ""), counted(t, s, closedMetric, "too-many"); open != most || shut != most {
			t.Errorf("%v are open and %v were refused, want %d and %d", open, shut, most, most)
		}
		const line = "connections of clients are refused"
		synctest.Wait()
		if text := log.String(); strings.Count(text, line) != 1 || !strings.Contains(text, "reason=too-many network=10.0.1.0/32 held=8 suppressed=0") {
			t.Errorf("the log says %s", text)
		}
		time.Sleep(time.Minute) // the bubble's
		if !refused(p.dial(t, "10.0.1.1")) {
			t.Error("a minute later one was not refused")
		}
		synctest.Wait()
		if text := log.String(); strings.Count(text, line) != 2 || !strings.Contains(text, "held=8 suppressed=7") {
			t.Errorf("a minute later the log says %s", text)
		}
		for i := range most / 2 {
			_ = conns[i].Close()
		}
		synctest.Wait()
		for i := range most / 2 {
			if c, _ := p.speak(t, s, fmt.Sprintf("10.0.2.%d", i), "h2"); c.do(t, "GET", "/livez", nil).status != 200 {
				t.Errorf("connection %d in the place of one that ended was not served", i)
			}
		}
		if !refused(p.dial(t, "10.0.1.1")) {
			t.Error("there are more places than before")
		}
	})
}

// TestOneNetworkLeavesRoom for others when more than half of the places are taken.
func TestOneNetworkLeavesRoom(t *testing.T) {
	bubble(t, apitest.Options{ConnectionsMax: 16}, func(t *testing.T, p *pipes, s *apitest.Server) {
		taken := func(address func(i int) string) (n int) {
			for i := range 16 {
				shut := counted(t, s, closedMetric, "share") + counted(t, s, closedMetric, "too-many")
				conn := p.dial(t, address(i))
				synctest.Wait()
				if counted(t, s, closedMetric, "share")+counted(t, s, closedMetric, "too-many") == shut {
					n++
				} else if !refused(conn) {
					t.Error("one that is counted as refused is open")
				}
			}
			return n
		}
		for _, row := range []struct {
			what    string
			address func(i int) string
			want    int
		}{
			{"one address", func(int) string { return "10.0.0.1" }, 8},
			{"one network of IPv6", func(i int) string { return fmt.Sprintf("2001:db8::%d", i+1) }, 4},
			{"many addresses", func(i int) string { return fmt.Sprintf("10.0.1.%d", i) }, 4},
		} {
			if n := taken(row.address); n != row.want {
				t.Errorf("%s got %d places, want %d", row.what, n, row.want)
			}
		}
		if share, full := counted(t, s, closedMetric, "share"), counted(t, s, closedMetric, "too-many"); share != 8+12 || full != 12 {
			t.Errorf("%v were refused for the share and %v for want of places, want 20 and 12", share, full)
		}
	})
}

// talk writes a text and reads what comes. Why in a goroutine: what one end of a pipe writes
// waits for the other one to read it.
func talk(conn net.Conn, text string) {
	_, _ = io.WriteString(conn, text)
	_, _ = io.Copy(io.Discard, conn)
}

// TestEveryEndGivesThePlaceBack, whoever ends the connection and however.
func TestEveryEndGivesThePlaceBack(t *testing.T) {
	const long = 10 * time.Minute // longer than anything idle lasts
	request := func(protocol string) func(t *testing.T, p *pipes, s *apitest.Server) net.Conn {
		return func(t *testing.T, p *pipes, s *apitest.Server) net.Conn {
			c, conn := p.speak(t, s, "10.0.0.1", protocol)
			if r := c.do(t, "POST", commands, strings.NewReader("incr")); r.status != 200 {
				t.Errorf("got %+v", r)
			}
			return conn
		}
	}
	sends := func(text string) func(t *testing.T, p *pipes, _ *apitest.Server) net.Conn {
		return func(t *testing.T, p *pipes, _ *apitest.Server) net.Conn {
			conn := p.dial(t, "10.0.0.1")
			go talk(conn, text)
			return conn
		}
	}
	greets := func(protocol, text string) func(t *testing.T, p *pipes, s *apitest.Server) net.Conn {
		return func(t *testing.T, p *pipes, s *apitest.Server) net.Conn {
			_, conn := p.speak(t, s, "10.0.0.1", protocol)
			go talk(conn, text)
			return conn
		}
	}
	for name, row := range map[string]struct {
		open    func(t *testing.T, p *pipes, s *apitest.Server) net.Conn
		wait    time.Duration // 0: the client closes it
		stalled float64
	}{
		"left before the handshake":     {open: sends("")},
		"left in the handshake":         {open: sends("\x16\x03\x01\x02\x00\x01")},
		"left behind the handshake":     {open: greets("http/1.1", "")},
		"left behind a request":         {open: request("http/1.1")},
		"left behind a request, HTTP/2": {open: request("h2")},
		"no TLS":                        {open: sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n")},
		"nonsense":                      {open: sends(strings.Repeat("x", 64))},
		"nonsense behind the handshake": {open: greets("h2", strings.Repeat("x", 64))},
		"idle":                          {open: request("http/1.1"), wait: long},
		"idle, HTTP/2":                  {open: request("h2"), wait: long},
		"says nothing":                  {open: sends(""), wait: 10 * time.Second, stalled: 1},
		"stops in the handshake":        {open: sends("\x16\x03\x01\x02\x00\x01"), wait: 10 * time.Second, stalled: 1},
		"stops behind the handshake":    {open: greets("http/1.1", ""), wait: 10 * time.Second, stalled: 1},
		"stops in the headers":          {open: greets("http/1.1", "GET /livez HTTP/1.1\r\nHost:"), wait: 10 * time.Second, stalled: 1},
		"stops before HTTP/2's preface": {open: greets("h2", ""), wait: 10 * time.Second, stalled: 1},
		"asks for nothing, in HTTP/2":   {open: greets("h2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"), wait: long, stalled: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, apitest.Options{}, func(t *testing.T, p *pipes, s *apitest.Server) {
				conn := row.open(t, p, s)
				if row.wait == 0 {
					_ = conn.Close()
				} else {
					time.Sleep(row.wait) // the bubble's
				}
				synctest.Wait()
				if open := counted(t, s, openMetric, ""); open != 0 {
					t.Errorf("%v connections have a place", open)
				}
				if stalled := counted(t, s, closedMetric, "stalled"); stalled != row.stalled {
					t.Errorf("%v connections are counted as stalled, want %v", stalled, row.stalled)
				}
			})
		})
	}
}

// TestShutdownGivesPlacesBack, those of connections that are cut too.
func TestShutdownGivesPlacesBack(t *testing.T) {
	bubble(t, apitest.Options{}, func(t *testing.T, p *pipes, s *apitest.Server) {
		c, _ := p.speak(t, s, "10.0.0.1", "h2")
		c.open(t, eventsPath)
		p.dial(t, "10.0.0.2")
		synctest.Wait()
		if open := counted(t, s, openMetric, ""); open != 2 {
			t.Errorf("%v connections have a place, want 2", open)
		}
		if err := s.API.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if open := counted(t, s, openMetric, ""); open != 0 {
			t.Errorf("%v connections have a place", open)
		}
	})
}

// TestRefusedClient: over TCP itself, it learns that nothing has happened, and may come again.
func TestRefusedClient(t *testing.T) {
	b := apitest.New(nil)
	b.AddMachine("counter")
	s := apitest.Start(t, b, apitest.Options{ConnectionsMax: 1})
	conf := s.ClientTLS(t)
	holder, err := tls.Dial("tcp", s.Address, conf)
	if err != nil {
		t.Fatal(err)
	}
	try := func() error {
		c, err := client.New(client.Config{Endpoints: []string{s.Address}, EndpointsOnly: true, TLS: conf, AttemptsMax: 1, Protocol: client.ProtocolHTTP})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Command(t.Context(), "counter", []byte("incr"))
		return err
	}
	var p *client.Problem
	if err := try(); !errors.As(err, &p) || p.Code != client.CodeUnreachable || p.Outcome != client.NotApplied {
		t.Errorf("a refused client is told %v", err)
	}
	_ = holder.Close()
	for deadline := time.Now().Add(time.Minute); counted(t, s, openMetric, "") != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the place of a connection that was closed is not given back")
		}
	}
	if err := try(); err != nil {
		t.Errorf("when there was a place: %v", err)
	}
	if b.State("counter") != "1" {
		t.Errorf("the state is %s, want 1", b.State("counter"))
	}
}
