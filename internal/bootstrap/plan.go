package bootstrap

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
)

// Plan is a cluster that is to be.
type Plan struct {
	// Cluster is its name.
	Cluster string
	// Nodes are all initial nodes.
	Nodes []nodeconfig.Node
}

// LocalNodesMax bounds LocalNodes: more nodes on one machine help nobody.
const LocalNodesMax = 9

// localStep is the distance between the ports of two nodes on one machine.
const localStep = 10

// LocalNodes are n nodes on one host: the first has basePort for its API and the
// next port for its peers, each further one ports 10 higher.
func LocalNodes(n int, host string, basePort int) ([]nodeconfig.Node, error) {
	if n < 1 || n > LocalNodesMax {
		return nil, fmt.Errorf("bootstrap: %d nodes: want 1 to %d", n, LocalNodesMax)
	}
	if last := basePort + (n-1)*localStep + 1; basePort < 1 || last > 65535 {
		return nil, fmt.Errorf("bootstrap: base port %d: the ports of %d nodes must lie between 1 and 65535", basePort, n)
	}
	nodes := make([]nodeconfig.Node, n)
	for i := range nodes {
		port := basePort + i*localStep
		nodes[i] = nodeconfig.Node{
			ID:   client.NodeID(i + 1),
			API:  net.JoinHostPort(host, strconv.Itoa(port)),
			Peer: net.JoinHostPort(host, strconv.Itoa(port+1)),
		}
	}
	return nodes, nil
}

// ParseNode reads "ID=PEER/API" or "ID=PEER/API/REGION", where PEER and API are
// host:port.
func ParseNode(text string) (nodeconfig.Node, error) {
	wrong := func(why string) (nodeconfig.Node, error) {
		return nodeconfig.Node{}, fmt.Errorf("bootstrap: node %.120q: %s; want ID=PEER/API, as in 1=10.0.0.1:7444/10.0.0.1:7443", text, why)
	}
	id, addresses, ok := strings.Cut(text, "=")
	if !ok {
		return wrong("there is no =")
	}
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil || n == 0 {
		return wrong("the ID is not a number above 0")
	}
	parts := strings.Split(addresses, "/")
	if len(parts) < 2 || len(parts) > 3 {
		return wrong("there must be two addresses")
	}
	node := nodeconfig.Node{ID: client.NodeID(n), Peer: parts[0], API: parts[1]}
	if len(parts) == 3 {
		node.Region = parts[2]
	}
	return node, nil
}

// Validate joins all problems of the plan.
func (p Plan) Validate() error {
	problems := []error{pki.CheckName("cluster", p.Cluster)}
	if len(p.Nodes) == 0 {
		return errors.Join(append(problems, errors.New("bootstrap: no nodes"))...)
	}
	// Why through a node's configuration: what init accepts, run has to accept.
	c := p.config(p.Nodes[0])
	c.Cluster = "checked-above"
	return errors.Join(append(problems, c.WithDefaults().Validate())...)
}

// config is the configuration that is written for a node, file names relative to
// its folder.
func (p Plan) config(n nodeconfig.Node) nodeconfig.Config {
	return nodeconfig.Config{
		Cluster: p.Cluster, Node: n.ID, DataDir: dataDir, Nodes: p.Nodes,
		TLS: nodeconfig.TLSFiles{CA: pki.AuthorityCertFile, Cert: nodeName + ".crt", Key: nodeName + ".key"},
	}
}
