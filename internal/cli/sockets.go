package cli

import (
	"net"
	"strconv"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
)

// sockets are the open addresses of a throw-away cluster. They are opened before
// anything is written down, since a free port is only known once it is taken.
type sockets struct {
	api    []net.Listener
	native []net.PacketConn // of the same ports
	peer   []net.PacketConn
}

// loopback is where throw-away clusters live.
const loopback = "127.0.0.1"

// portTries is how many free ports of the API are tried, should they be taken over UDP.
const portTries = 20

// openSockets opens those of n nodes; firstPort 0 takes any free ports for the API.
func openSockets(n, firstPort int) (*sockets, error) {
	s := new(sockets)
	for i := range n {
		port := 0
		if firstPort != 0 {
			port = firstPort + i
		}
		if err := s.openAPI(port); err != nil {
			s.close()
			return nil, client.NewProblem(client.CodeAddressInUse, "%v", err).
				WithHint("Stop what listens there, or choose another port with --api-port.").WithCause(err)
		}
		peer, err := net.ListenPacket("udp", net.JoinHostPort(loopback, "0"))
		if err != nil {
			s.close()
			return nil, client.NewProblem(client.CodeAddressInUse, "%v", err).WithCause(err)
		}
		s.peer = append(s.peer, peer)
	}
	return s, nil
}

// openAPI opens a port for clients, over TCP and UDP.
func (s *sockets) openAPI(port int) error {
	for try := 1; ; try++ {
		api, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if err != nil {
			return err
		}
		native, err := net.ListenPacket("udp", api.Addr().String())
		if err == nil {
			s.api, s.native = append(s.api, api), append(s.native, native)
			return nil
		}
		defer api.Close() // Why not now: the next try is to find another port
		if port != 0 || try == portTries {
			return err
		}
	}
}

// nodes are the addresses as a configuration lists them.
func (s *sockets) nodes() []nodeconfig.Node {
	nodes := make([]nodeconfig.Node, len(s.api))
	for i := range nodes {
		nodes[i] = nodeconfig.Node{ID: client.NodeID(i + 1), API: s.api[i].Addr().String(), Peer: s.peer[i].LocalAddr().String()}
	}
	return nodes
}

// close closes what is open. A node closes its own pair too, which does no harm.
func (s *sockets) close() {
	for _, l := range s.api {
		l.Close()
	}
	for _, c := range append(s.native, s.peer...) {
		c.Close()
	}
}
