package native

import (
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/client/wire"
)

// errStrange is that of a client that asked before it showed who it is.
var errStrange = errors.New("native: a client that is not known")

// allow returns nil when the client may ask that, by what is trusted now.
func (c *conn) allow(r *wire.Request) error {
	if !c.s.config.ClientAuth {
		return nil
	}
	switch r.Kind {
	case wire.KindQuery, wire.KindMachine, wire.KindEvents:
		return c.peer.MayRead(c.s.config.Trust(), r.Machine)
	}
	return c.peer.MayWrite(c.s.config.Trust(), r.Machine)
}

// greet looks at the certificate. A client without a good one may show a token, where its
// version has them, or else is sent away.
//
// Why not request by request, as over HTTP, and later here: nothing of such a client is
// read but one short frame, and so nothing of it needs bounds. The code of the close says what
// HTTP would.
func (c *conn) greet() {
	if !c.s.config.ClientAuth {
		return
	}
	err := c.peer.Known(c.s.config.Trust())
	if err == nil {
		return
	}
	if !wire.KindToken.In(c.alpn) {
		c.fail(fmt.Errorf("%w: %w", errStrange, err))
		return
	}
	c.doubt(err)
}

// doubt lets the client do nothing but show a token, for a while.
func (c *conn) doubt(why error) {
	why = fmt.Errorf("%w: %w", errStrange, why)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.strange = why
	if c.late == nil {
		c.late = time.AfterFunc(c.s.config.TokenTimeout, func() {
			if err := c.doubted(); err != nil {
				c.fail(err)
			}
		})
	}
}

// doubted is why the client may ask nothing, or nil.
func (c *conn) doubted() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.strange
}

// admit lets the client ask what its role allows.
func (c *conn) admit() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.strange = nil; c.late != nil {
		c.late.Stop()
	}
}

// show looks at a token that the client shows. Why the client is a stranger with a bad one,
// whatever its certificate: who says to be less must not come to be more.
func (c *conn) show(r *wire.Request) (*wire.Answer, error) {
	if !c.s.config.ClientAuth {
		return new(wire.Answer), nil
	}
	if err := c.peer.ShowToken(c.s.backend, string(r.Data)); err != nil {
		c.doubt(err)
		return nil, err
	}
	c.admit()
	return new(wire.Answer), nil
}

// firstToken reports whether no token was shown before.
func (c *conn) firstToken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := !c.token
	c.token = true
	return first
}
