package cluster

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are chosen between these. Why not those that the kernel gives: it may give the same to
// a client's connection meanwhile, or while a node that was killed does not run.
const (
	portMin = 12000
	portMax = 32000 // Linux gives those from 32768 on, others later ones
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
	var taken error
	for tries := 0; len(out) < n; tries++ {
		if tries > 20*n {
			return nil, fmt.Errorf("cluster: no free port found after %d tries: %w", tries, taken)
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(portMin+rand.IntN(portMax-portMin)))
		tcp, err := net.Listen("tcp", address)
		if err != nil {
			taken = err
			continue
		}
		held = append(held, tcp)
		udp, err := net.ListenPacket("udp", address)
		if err != nil {
			taken = err
			continue
		}
		held = append(held, udp)
		out = append(out, address)
	}
	return out, nil
}
