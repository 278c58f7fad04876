package client

import (
	"context"
	"testing"
	"time"

	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/internal/tracecontext"
)

// TestThePlaceInATraceGoesAlong: to nodes that know what it is, and not to those of the release
// before, which would refuse it.
func TestThePlaceInATraceGoesAlong(t *testing.T) {
	const place, state = "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01", "a=1"
	for protocol, want := range map[string][2]string{wire.ALPN1: {}, wire.ALPN2: {place, state}} {
		socket, trust, arrived := silentNode(t, protocol)
		c, err := New(Config{Endpoints: []string{socket.LocalAddr().String()}, TLS: trust, Protocol: ProtocolNative, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(tracecontext.Join(t.Context(), place, state))
		failed := make(chan error, 1)
		go func() {
			_, err := c.Command(ctx, "m", []byte("x"))
			failed <- err
		}()
		if r := <-arrived; r == nil || r.TraceParent != want[0] || r.TraceState != want[1] {
			t.Errorf("%s: %+v", protocol, r)
		}
		cancel()
		if err := <-failed; err == nil {
			t.Errorf("%s: a node that is silent has answered", protocol)
		}
		c.Close()
	}
}
