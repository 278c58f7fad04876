package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Blocks lie between these ports.
const (
	portMin = 12000
	portMax = 32000 // Linux gives those from 32768 on, others later ones
	// blockPorts are those of a block, of which the first is held and not given.
	blockPorts = 200
)

// block is that of this process.
var block struct {
	sync.Mutex
	held  net.Listener // at the first port; nil: there is none yet
	first int
	given int // how many ports were tried so far
}

// Addresses are n addresses of loopback, as host:port, whose ports are free for TCP and UDP.
// They are not given again before all others of the block were.
func Addresses(n int) ([]string, error) {
	block.Lock()
	defer block.Unlock()
	if err := claim(); err != nil {
		return nil, err
	}
	var out []string
	for tries := 0; len(out) < n; tries++ {
		if tries == blockPorts-1 {
			return nil, fmt.Errorf("ports: %d of %d free ports were found from %d on", len(out), n, block.first)
		}
		a := address(block.first + 1 + block.given%(blockPorts-1))
		if block.given++; free(a) {
			out = append(out, a)
		}
	}
	return out, nil
}

// Row is the first of n ports that follow each other and are free, as those of Addresses.
func Row(n int) (first int, err error) {
	block.Lock()
	defer block.Unlock()
	if err := claim(); err != nil {
		return 0, err
	}
	for range blockPorts - 1 {
		at := block.given % (blockPorts - 1)
		block.given++
		whole := at+n < blockPorts
		for i := 0; whole && i < n; i++ {
			whole = free(address(block.first + 1 + at + i))
		}
		if whole {
			block.given += n - 1
			return block.first + 1 + at, nil
		}
	}
	return 0, fmt.Errorf("ports: there are no %d free ports in a row from %d on", n, block.first)
}

// claim takes a block that no other process has. The lock is held.
func claim() error {
	if block.held != nil {
		return nil
	}
	const blocks = (portMax - portMin) / blockPorts
	for i, from := 0, rand.IntN(blocks); i < blocks; i++ {
		first := portMin + (from+i)%blocks*blockPorts
		if l, err := net.Listen("tcp", address(first)); err == nil {
			block.held, block.first = l, first
			return nil
		}
	}
	return fmt.Errorf("ports: all %d blocks from %d on are taken", blocks, portMin)
}

// free reports whether nobody uses an address now.
func free(address string) bool {
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	_ = udp.Close()
	return true
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
