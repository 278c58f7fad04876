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
	api  []net.Listener
	peer []net.PacketConn
}

// loopback is where throw-away clusters live.
const loopback = "127.0.0.1"

// openSockets opens n pairs; firstPort 0 takes any free ports for the API.
func openSockets(n, firstPort int) (*sockets, error) {
	s := new(sockets)
	for i := range n {
		port := 0
		if firstPort != 0 {
			port = firstPort + i
		}
		api, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if err != nil {
			s.close()
			return nil, client.NewProblem(client.CodeAddressInUse, "%v", err).
				WithHint("Stop what listens there, or choose another port with --api-port.").WithCause(err)
		}
		s.api = append(s.api, api)
		peer, err := net.ListenPacket("udp", net.JoinHostPort(loopback, "0"))
		if err != nil {
			s.close()
			return nil, client.NewProblem(client.CodeAddressInUse, "%v", err).WithCause(err)
		}
		s.peer = append(s.peer, peer)
	}
	return s, nil
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
	for _, c := range s.peer {
		c.Close()
	}
}
