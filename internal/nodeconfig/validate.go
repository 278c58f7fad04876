package nodeconfig

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/wraft/wraft/client"
)

// Validate checks c as WithDefaults returned it. The error joins one line per
// problem; each begins with the key and says what to do. Nothing is opened.
func (c Config) Validate() error {
	var problems []error
	problems = append(problems, c.validateIdentity()...)
	problems = append(problems, validateNodes(c.Nodes)...)
	problems = append(problems, c.TLS.validate()...)
	problems = append(problems, c.Raft.validate()...)
	problems = append(problems, c.Limits.validate()...)
	problems = append(problems, c.Snapshots.validate()...)
	problems = append(problems, c.Disk.validate()...)
	problems = append(problems, c.Members.validate()...)
	problems = append(problems, c.Traces.validate()...)
	problems = append(problems,
		oneOf("native", c.Native, NativeOn, NativeOff),
		oneOf("http3", c.HTTP3, NativeOn, NativeOff),
		oneOf("reads.lease", c.Reads.Lease, LeaseOn, LeaseOff),
		oneOf("fec", c.FEC, FECAuto, FECOff, FECOn),
		oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error"),
		oneOf("log.format", c.Log.Format, "auto", "text", "json"))
	return errors.Join(problems...)
}

func (c Config) validateIdentity() []error {
	problems := []error{
		required("cluster", c.Cluster, "the name the cluster's certificates carry"),
		required("data-dir", c.DataDir, "a directory of this node's own"),
	}
	switch _, ok := c.Self(); {
	case c.Node == 0:
		problems = append(problems, errors.New("node: missing: set it to this node's ID, 1 or more"))
	case len(c.Nodes) > 0 && !ok:
		problems = append(problems, fmt.Errorf("node: %d is not among nodes: add its line there, or correct the ID", c.Node))
	case c.Join && len(c.Nodes) == 1:
		problems = append(problems, errors.New("nodes: with join, list a node of the running cluster besides this one"))
	}
	if c.ListenAPI != "" {
		problems = append(problems, hostPort("listen-api", c.ListenAPI))
	}
	if c.ListenPeer != "" {
		problems = append(problems, hostPort("listen-peer", c.ListenPeer))
	}
	if (c.Native == NativeOn || c.HTTP3 == NativeOn) && c.APIListener == nil && samePort(c.ListenAPI, c.ListenPeer) {
		problems = append(problems, fmt.Errorf("listen-peer: %s is also that of clients over UDP: choose another port, or set native and http3 to off", c.ListenPeer))
	}
	return problems
}

// samePort reports whether listening on a takes an address from b.
func samePort(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	everywhere := func(host string) bool { return host == "" || net.ParseIP(host).IsUnspecified() }
	return errA == nil && errB == nil && portA == portB && portA != "0" && (hostA == hostB || everywhere(hostA) || everywhere(hostB))
}

func validateNodes(nodes []Node) []error {
	if len(nodes) == 0 {
		return []error{errors.New("nodes: missing: list every initial node with its id, peer and api")}
	}
	var problems []error
	if len(nodes) > nodesMax {
		problems = append(problems, fmt.Errorf("nodes: %d nodes: the limit is %d", len(nodes), nodesMax))
	}
	ids := make(map[client.NodeID]int, len(nodes))
	addresses := make(map[string]string, 2*len(nodes))
	for i, n := range nodes {
		key := fmt.Sprintf("nodes[%d]", i)
		if n.ID == 0 {
			problems = append(problems, fmt.Errorf("%s.id: missing: IDs are 1 or more", key))
		} else if first, twice := ids[n.ID]; twice {
			problems = append(problems, fmt.Errorf("%s.id: %d is already nodes[%d]: give each node an ID of its own", key, n.ID, first))
		}
		ids[n.ID] = i
		problems = append(problems, hostPort(key+".peer", n.Peer), hostPort(key+".api", n.API))
		if n.Via != "" {
			problems = append(problems, hostPort(key+".via", n.Via))
		}
		for _, a := range []string{"udp " + n.Peer, "tcp " + n.API} {
			if owner, twice := addresses[a]; twice && !strings.HasSuffix(a, " ") {
				problems = append(problems, fmt.Errorf("%s: %s is already the address of %s: give each node its own", key, a[4:], owner))
			}
			addresses[a] = key
		}
	}
	return problems
}

func (t TLSFiles) validate() []error {
	return []error{
		required("tls.ca", t.CA, "the file with the authority's certificate"),
		required("tls.cert", t.Cert, "the file with this node's certificate"),
		required("tls.key", t.Key, "the file with this node's key"),
		oneOf("tls.client-auth", t.ClientAuth, ClientAuthRequire, ClientAuthNone),
	}
}

func (r RaftTiming) validate() []error {
	var problems []error
	if r.Heartbeat < heartbeatMin {
		problems = append(problems, fmt.Errorf("raft.heartbeat: %v is too short: use %v or more", r.Heartbeat, heartbeatMin))
	}
	if r.ElectionTimeout < electionHeartbeatsMin*r.Heartbeat {
		problems = append(problems, fmt.Errorf("raft.election-timeout: %v is less than %d heartbeats of %v: a late packet would end a leader; use %v or more",
			r.ElectionTimeout, electionHeartbeatsMin, r.Heartbeat, electionHeartbeatsMin*r.Heartbeat))
	}
	if r.ElectionTimeout > electionTimeoutMax {
		problems = append(problems, fmt.Errorf("raft.election-timeout: %v is too long: use %v or less", r.ElectionTimeout, electionTimeoutMax))
	}
	return problems
}

func (l Limits) validate() []error {
	problems := []error{
		sizeBetween("limits.command-bytes", l.CommandBytes, 1, commandBytesMax),
		sizeBetween("limits.module-bytes", l.ModuleBytes, 1, moduleBytesMax),
		sizeBetween("limits.machine-memory", l.MachineMemory, machineMemoryMin, machineMemoryMax),
		sizeBetween("limits.compile-memory", l.CompileMemory, compileMemoryMin, compileMemoryMax),
	}
	if l.CompileTime < compileTimeMin || l.CompileTime > compileTimeMax {
		problems = append(problems, fmt.Errorf("limits.compile-time: %v is out of range: use %v to %v", l.CompileTime, compileTimeMin, compileTimeMax))
	}
	if l.Connections < connectionsMin || l.Connections > connectionsMax {
		problems = append(problems, fmt.Errorf("limits.connections: %d is out of range: use %d to %d", l.Connections, connectionsMin, connectionsMax))
	}
	if l.NodeMemory != 0 { // 0 is the default, which only the server knows
		problems = append(problems, sizeBetween("limits.node-memory", l.NodeMemory, nodeMemoryMin, nodeMemoryMax))
	}
	return problems
}

func required(key, value, what string) error {
	if value == "" {
		return fmt.Errorf("%s: missing: set it to %s", key, what)
	}
	return nil
}

func oneOf(key, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s: %.40q is not known: use %s", key, value, strings.Join(allowed, ", "))
}

func sizeBetween(key string, s, low, high Size) error {
	if s < low || s > high {
		return fmt.Errorf("%s: %v is out of range: use %v to %v", key, s, low, high)
	}
	return nil
}

func hostPort(key, address string) error {
	if address == "" {
		return fmt.Errorf("%s: missing: set it to host:port", key)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%s: %.80q is not host:port", key, address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%s: port %.20q is not a number from 0 to 65535", key, port)
	}
	return nil
}
