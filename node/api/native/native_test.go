package native_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/node/api/native"
)

// echo answers commands with themselves.
func echo(_ context.Context, c client.Command) (client.CommandResult, error) {
	return client.CommandResult{Data: c.Data, Index: 1, Term: 1}, nil
}

// held answers commands when the test lets it: it says which arrived.
type held struct {
	arrived chan string
	release chan struct{} // a token for each
}

func newHeld() *held { return &held{arrived: make(chan string, 1000), release: make(chan struct{})} }

func (h *held) command(ctx context.Context, c client.Command) (client.CommandResult, error) {
	h.arrived <- string(c.Data[:min(len(c.Data), 10)])
	select {
	case <-h.release:
		return echo(ctx, c)
	case <-ctx.Done():
		return client.CommandResult{}, ctx.Err()
	}
}

func TestMalformedFramesCloseTheConnection(t *testing.T) {
	n := serve(t, native.Config{}, backend{command: echo})
	good := n.dial(t)
	for name, data := range map[string]string{
		"no CBOR": "\x00\x00\x00\x03abc", "length 0": "\x00\x00\x00\x00", "length above all": "\xff\xff\xff\xff",
		"another kind": "\x00\x00\x00\x05\xa2\x01\x01\x02\x09",
	} {
		t.Run(name, func(t *testing.T) {
			c := n.dial(t)
			c.write([]byte(data))
			c.wantClosed(wire.CloseMalformed)
		})
	}
	t.Run("end within a frame", func(t *testing.T) {
		c := n.dial(t)
		c.write([]byte("\x00\x00\x00\x05\xa2\x01"))
		if err := c.stream.Close(); err != nil {
			t.Fatal(err)
		}
		c.wantClosed(wire.CloseMalformed)
	})
	if got := n.closed(t, "malformed"); got != 5 {
		t.Errorf("%v connections were counted, want 5", got)
	}
	good.send(command(1, "still here"))
	if a := good.receive(); string(a.Data) != "still here" || a.ID != 1 {
		t.Errorf("%+v", a)
	}
}

func TestAnswersComeInAnyOrder(t *testing.T) {
	h := newHeld()
	n := serve(t, native.Config{}, backend{command: func(ctx context.Context, c client.Command) (client.CommandResult, error) {
		if string(c.Data) == "slow" {
			return h.command(ctx, c)
		}
		return echo(ctx, c)
	}})
	c := n.dial(t)
	c.send(command(7, "slow"), command(8, "fast"))
	if a := c.receive(); a.ID != 8 || string(a.Data) != "fast" {
		t.Errorf("%+v", a)
	}
	h.release <- struct{}{}
	if a := c.receive(); a.ID != 7 || string(a.Data) != "slow" {
		t.Errorf("%+v", a)
	}
	c.send(command(7, "fast")) // an ID may be used again
	if a := c.receive(); a.ID != 7 {
		t.Errorf("%+v", a)
	}
	c.send(command(9, "slow"), command(9, "slow"))
	c.wantClosed(wire.CloseMalformed)
}

// TestAFullConnectionIsNotRead: its client waits, and nothing is lost.
func TestAFullConnectionIsNotRead(t *testing.T) {
	const most, all = 4, 50
	h := newHeld()
	var now, peak atomic.Int64
	n := serve(t, native.Config{InflightMax: most}, backend{command: func(ctx context.Context, c client.Command) (client.CommandResult, error) {
		peak.Store(max(peak.Load(), now.Add(1)))
		defer now.Add(-1)
		return h.command(ctx, c)
	}})
	c, other := n.dial(t), n.dial(t)
	for id := range uint64(all) {
		c.send(command(id+1, "x"))
	}
	for range most {
		<-h.arrived
	}
	// Another connection has room of its own, so what is under way there came later.
	other.send(command(1, "other"))
	if got := <-h.arrived; got != "other" {
		t.Errorf("%q is under way beside %d others", got, most)
	}
	for range all + 1 {
		h.release <- struct{}{}
	}
	seen := map[uint64]bool{}
	for range all {
		seen[c.receive().ID] = true
	}
	if len(seen) != all || peak.Load() > most+1 {
		t.Errorf("%d requests were answered, at most %d at once", len(seen), peak.Load())
	}
}

func TestBytesUnderWayAreBounded(t *testing.T) {
	h := newHeld()
	n := serve(t, native.Config{CommandBytesMax: wire.DataBytesMax, InflightBytesMax: 4 * wire.RequestBytesMax}, backend{command: h.command})
	c, other := n.dial(t), n.dial(t)
	large := strings.Repeat("large", wire.DataBytesMax/5)
	var frames bytes.Buffer
	for id := uint64(1); id <= 2; id++ {
		if err := wire.Append(&frames, command(id, large)); err != nil {
			t.Fatal(err)
		}
	}
	written := make(chan error, 1)
	go func() { // the second gets through when the first is answered
		_, err := c.stream.Write(frames.Bytes())
		written <- err
	}()
	<-h.arrived
	other.send(command(1, "other"))
	if got := <-h.arrived; got != "other" {
		t.Errorf("%q is under way beside all that the connection may hold", got)
	}
	h.release <- struct{}{}
	h.release <- struct{}{}
	if a := other.receive(); string(a.Data) != "other" {
		t.Errorf("%d bytes", len(a.Data))
	}
	if a := c.receive(); len(a.Data) != len(large) {
		t.Errorf("%d bytes", len(a.Data))
	}
	<-h.arrived
	h.release <- struct{}{}
	if a := c.receive(); a.ID != 2 {
		t.Errorf("%d", a.ID)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestRequestsEndInTime(t *testing.T) {
	h := newHeld()
	n := serve(t, native.Config{}, backend{command: h.command})
	c := n.dial(t)
	brief := command(1, "brief")
	brief.TimeoutMillis = 1
	c.send(brief)
	wantCode(t, c.receive(), client.CodeTimeoutUnknown)
	endless := command(2, "endless")
	endless.TimeoutMillis = 1 << 63
	c.send(endless)
	wantCode(t, c.receive(), client.CodeBadRequest)
	c.send(command(3, "cancelled"))
	<-h.arrived
	<-h.arrived
	c.send(&wire.Request{ID: 3, Kind: wire.KindCancel})
	wantCode(t, c.receive(), client.CodeTimeoutUnknown)
}

func TestAStalledFrameEndsTheConnection(t *testing.T) {
	n := serve(t, native.Config{StallTimeout: time.Millisecond}, backend{command: echo})
	c := n.dial(t)
	c.write(append(binary.BigEndian.AppendUint32(nil, 1000), "only the beginning"...))
	c.wantClosed(wire.CloseStalled)
	if n.closed(t, "stalled") != 1 {
		t.Error("it was not counted")
	}
}

func TestAnswersThatNobodyReadsEndTheConnection(t *testing.T) {
	n := serve(t, native.Config{StallTimeout: time.Second}, backend{command: func(context.Context, client.Command) (client.CommandResult, error) {
		return client.CommandResult{Data: make([]byte, 1<<20)}, nil
	}})
	c := n.dial(t)
	c.send(command(1, "x"))
	c.wantClosed(wire.CloseStalled)
}

func TestConnectionsAreBounded(t *testing.T) {
	n := serve(t, native.Config{ConnectionsMax: 2}, backend{command: echo})
	first, second := n.dial(t), n.dial(t)
	if conn, err := n.tryDial(t); err == nil {
		t.Fatalf("%v is one too many", conn.LocalAddr())
	}
	if n.closed(t, "too-many") == 0 {
		t.Error("it was not counted")
	}
	if err := first.conn.CloseWithError(0, ""); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; {
		if _, err := n.tryDial(t); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	second.send(command(1, "x"))
	second.receive()
}

func TestShutdownAnswersWhatIsUnderWay(t *testing.T) {
	h := newHeld()
	n := serve(t, native.Config{}, backend{command: h.command})
	c := n.dial(t)
	c.send(command(1, "begun"))
	<-h.arrived
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { ended <- n.Shutdown(ctx) }()
	bye := c.receive()
	if wantCode(t, bye, client.CodeShuttingDown); bye.ID != wire.AnswerOfConnection {
		t.Errorf("%+v", bye)
	}
	c.send(command(2, "too late"))
	late := c.receive()
	if wantCode(t, late, client.CodeShuttingDown); late.ID != 2 {
		t.Errorf("%+v", late)
	}
	select {
	case err := <-ended:
		t.Fatalf("shut down before the request was answered: %v", err)
	default:
	}
	h.release <- struct{}{}
	if a := c.receive(); a.ID != 1 || string(a.Data) != "begun" {
		t.Errorf("%+v", a)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	c.wantClosed(wire.CloseEnded)
}

func TestShutdownCutsWhenItsTimeIsUp(t *testing.T) {
	h := newHeld()
	n := serve(t, native.Config{}, backend{command: h.command})
	c := n.dial(t)
	c.send(command(1, "begun"))
	<-h.arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	c.wantClosed(wire.CloseEnded)
}

func TestConfigIsChecked(t *testing.T) {
	err := native.Config{CommandBytesMax: wire.DataBytesMax + 1, InflightBytesMax: 1, ConnectionsMax: -1, ClientAuth: true}.Validate()
	for _, part := range []string{"Conn, Bounds, Metrics and Log", "TLS", "CommandBytesMax", "InflightBytesMax", "negative"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s is not named in %v", part, err)
		}
	}
}
