package server

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

const (
	// listenPatience is how long an address may be in use by somebody else. Why any: who dials
	// over UDP holds a port for a moment that the system chose, and at a restart it may be
	// just the one.
	listenPatience = 3 * time.Second
	listenPause    = 50 * time.Millisecond
)

// listenUDP opens a socket, and waits a little for an address that is in use.
func listenUDP(ctx context.Context, address string) (net.PacketConn, error) {
	ctx, cancel := context.WithTimeout(ctx, listenPatience)
	defer cancel()
	for {
		conn, err := net.ListenPacket("udp", address)
		if !errors.Is(err, syscall.EADDRINUSE) {
			return conn, err
		}
		select {
		case <-time.After(listenPause):
		case <-ctx.Done():
			return nil, err
		}
	}
}
