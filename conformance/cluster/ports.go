package cluster

import (
	"fmt"
	"net"
)

// freeAddresses picks n loopback addresses whose port is free for TCP and UDP.
// The ports are let go again, so another program may take one before it is used;
// holding all of them until the last is found keeps them apart from each other.
func freeAddresses(n int) ([]string, error) {
	var out []string
	var held []interface{ Close() error }
	defer func() {
		for _, h := range held {
			h.Close()
		}
	}()
	for tries := 0; len(out) < n; tries++ {
		if tries > 20*n {
			return nil, fmt.Errorf("cluster: no free port found after %d tries", tries)
		}
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("cluster: find a free port: %w", err)
		}
		held = append(held, tcp)
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err != nil {
			continue // taken for UDP: try the next
		}
		held = append(held, udp)
		out = append(out, tcp.Addr().String())
	}
	return out, nil
}
