package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// flow is a TCP connection that sends as much as it can.
type flow struct {
	received   atomic.Int64
	conns      [2]net.Conn
	goroutines sync.WaitGroup
}

// startTCP begins to send from one end to the other, with the congestion control of
// their namespaces.
func startTCP(ctx context.Context, from, to End) (*flow, error) {
	f := &flow{}
	var l net.Listener
	err := within(to.Namespace, func() (err error) {
		l, err = new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort(to.ip().String(), "0"))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("stream: tcp: %w", err)
	}
	defer l.Close()
	err = within(from.Namespace, func() (err error) {
		f.conns[0], err = new(net.Dialer).DialContext(ctx, "tcp4", l.Addr().String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("stream: tcp: %w", err)
	}
	if f.conns[1], err = l.Accept(); err != nil {
		return nil, errors.Join(fmt.Errorf("stream: tcp: %w", err), f.conns[0].Close())
	}
	f.goroutines.Go(f.send)
	f.goroutines.Go(f.receive)
	return f, nil
}

func (f *flow) send() {
	for b := make([]byte, 64<<10); ; {
		if _, err := f.conns[0].Write(b); err != nil {
			return // the flow was closed
		}
	}
}

func (f *flow) receive() {
	for b := make([]byte, 64<<10); ; {
		n, err := f.conns[1].Read(b)
		f.received.Add(int64(n))
		if err != nil {
			return
		}
	}
}

func (f *flow) close() error {
	err := errors.Join(f.conns[0].Close(), f.conns[1].Close())
	f.goroutines.Wait()
	return err
}
