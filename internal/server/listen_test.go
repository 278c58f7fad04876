package server

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// TestAnAddressInUseIsWaitedFor, but not for ever.
func TestAnAddressInUseIsWaitedFor(t *testing.T) {
	address := freeAddress(t)
	first, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	if conn, err := listenUDP(t.Context(), address); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("got %v, %v", conn, err)
	}
	closed := make(chan error, 1)
	go func() {
		<-time.After(4 * listenPause)
		closed <- first.Close()
	}()
	second, err := listenUDP(t.Context(), address)
	if err := errors.Join(err, <-closed); err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
}
