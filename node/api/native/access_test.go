package native_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/node/api/native"
)

func showing(id uint64, token string) *wire.Request {
	return &wire.Request{ID: id, Kind: wire.KindToken, Data: []byte(token)}
}

// TestAStrangerMayShowATokenAndNothingElse: nothing of it is carried out before.
func TestAStrangerMayShowATokenAndNothingElse(t *testing.T) {
	token, hash := pki.NewToken()
	n := serve(t, native.Config{ClientAuth: true}, backend{command: echo, token: hash})
	for name, frames := range map[string][]*wire.Request{
		"a command":         {command(1, "x")},
		"a long frame":      {showing(1, string(bytes.Repeat([]byte("x"), wire.TokenBytesMax)))},
		"after a bad token": {showing(1, "nonsense"), command(2, "x")},
	} {
		t.Run(name, func(t *testing.T) {
			c := n.dial(t)
			c.send(frames...)
			c.wantClosed(wire.CloseNoCertificate)
		})
	}
	if got := n.closed(t, "no-certificate"); got != 3 {
		t.Errorf("%v were counted", got)
	}
	c := n.dial(t)
	c.send(showing(1, token), command(2, "x"))
	if a := c.receive(); a.ID != 1 || a.Problem != nil {
		t.Fatalf("%+v", a)
	}
	if a := c.receive(); a.ID != 2 || string(a.Data) != "x" {
		t.Fatalf("%+v", a)
	}
	c.send(showing(3, token))
	c.wantClosed(wire.CloseMalformed)
}

func TestABadTokenIsAnsweredBeforeTheConnectionEnds(t *testing.T) {
	n := serve(t, native.Config{ClientAuth: true, TokenTimeout: time.Second}, backend{command: echo})
	c := n.dial(t)
	other, _ := pki.NewToken()
	c.send(showing(1, other))
	wantCode(t, c.receive(), client.CodeBadToken)
	c.wantClosed(wire.CloseNoCertificate)
}

func TestAStrangerWhoShowsNothingIsSentAway(t *testing.T) {
	n := serve(t, native.Config{ClientAuth: true, TokenTimeout: time.Millisecond}, backend{command: echo})
	n.wantSentAway(t, wire.CloseNoCertificate)
}

// TestTheFirstVersion has neither tokens, nor batches, nor events.
func TestTheFirstVersion(t *testing.T) {
	n := serve(t, native.Config{}, backend{command: echo})
	c := n.dial(t, wire.ALPN1)
	c.send(command(1, "x"))
	if a := c.receive(); string(a.Data) != "x" {
		t.Errorf("%+v", a)
	}
	for _, kind := range []wire.Kind{wire.KindToken, wire.KindBatch, wire.KindEvents} {
		c := n.dial(t, wire.ALPN1)
		c.send(&wire.Request{ID: 1, Kind: kind, Machine: "m"})
		c.wantClosed(wire.CloseMalformed)
	}
	strict := serve(t, native.Config{ClientAuth: true, TokenTimeout: time.Hour}, backend{command: echo})
	strict.wantSentAway(t, wire.CloseNoCertificate, wire.ALPN1)
}
