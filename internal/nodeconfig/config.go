package nodeconfig

import (
	"net"
	"slices"
	"time"

	"github.com/wraft/wraft/client"
)

// Config is the configuration of one node, as a file, WRAFT_ variables and flags
// give it. File paths are absolute or relative to the working directory; the
// loader resolves those of a file against that file's directory.
type Config struct {
	// Cluster is the name all nodes and certificates of the cluster carry. Required.
	Cluster string `koanf:"cluster"`
	// Node is this node's ID and names its line in Nodes. Required.
	Node client.NodeID `koanf:"node"`
	// DataDir holds everything the node must not lose. Required.
	DataDir string `koanf:"data-dir"`
	// ListenAPI (TCP, and UDP with Native) and ListenPeer (UDP) are host:port; default:
	// the node's own addresses in Nodes.
	ListenAPI  string `koanf:"listen-api"`
	ListenPeer string `koanf:"listen-peer"`
	// Nodes are the initial nodes of the cluster, this one included, alike on all
	// of them. Required.
	Nodes []Node `koanf:"nodes"`
	// Join says that this node was added to a running cluster: then Nodes are itself and
	// some of the others, whom it asks for its life, and may change.
	Join bool `koanf:"join"`
	// Native says whether clients may use the native protocol, over UDP at ListenAPI:
	// NativeOn (default) or NativeOff.
	Native string `koanf:"native"`
	// HTTP3 says whether clients may use HTTP/3, over UDP at ListenAPI: as Native.
	HTTP3 string `koanf:"http3"`
	// FEC says whether losses on the way to other nodes are repaired by forward error
	// correction: FECAuto (default: where there are losses), FECOff or FECOn (always).
	FEC       string       `koanf:"fec"`
	TLS       TLSFiles     `koanf:"tls"`
	Raft      RaftTiming   `koanf:"raft"`
	Reads     Reads        `koanf:"reads"`
	Limits    Limits       `koanf:"limits"`
	Snapshots Snapshots    `koanf:"snapshots"`
	Disk      Disk         `koanf:"disk"`
	Members   Members      `koanf:"members"`
	Traces    Traces       `koanf:"traces"`
	Log       LogSelection `koanf:"log"`

	// APIListener and PeerConn, when set, are used instead of opening ListenAPI
	// and ListenPeer; the server closes them. They let the caller choose a free
	// port before it writes down the addresses. APIConn has the port of APIListener and
	// carries the native protocol; an APIListener without one does without.
	APIListener net.Listener   `koanf:"-"`
	APIConn     net.PacketConn `koanf:"-"`
	PeerConn    net.PacketConn `koanf:"-"`
	// CacheDir holds compiled modules and may be deleted; default: cache in DataDir.
	// Nodes of one process share it, so that a module is compiled once.
	CacheDir string `koanf:"-"`
	// CompileWorker is the program and the arguments that compile a module in a
	// process of their own (package compileworker), CompileWorkerName what it sees
	// as its own name. Empty: modules are compiled in this process.
	CompileWorker     []string `koanf:"-"`
	CompileWorkerName string   `koanf:"-"`
}

// Node says where a node of the cluster is found.
type Node struct {
	// ID is not 0 and used once.
	ID client.NodeID `koanf:"id"`
	// Peer (UDP) and API (TCP) are the host:port that others dial.
	Peer string `koanf:"peer"`
	API  string `koanf:"api"`
	// Via is where this node reaches the other one's peer address, when that is not at the
	// address itself: the near end of a tunnel, a proxy or a translated address, as host:port
	// (UDP). Empty: at the address. It is this node's own matter and told to nobody.
	Via string `koanf:"via"`
	// Region is a label for placement and tables; may be empty.
	Region string `koanf:"region"`
}

// TLSFiles are the files of the node's identity, in PEM.
type TLSFiles struct {
	// CA is the cluster's authority; Cert and Key are this node's. Required.
	CA   string `koanf:"ca"`
	Cert string `koanf:"cert"`
	Key  string `koanf:"key"`
	// Revoked is a file of lists of certificates that its authorities took back, in PEM;
	// optional.
	Revoked string `koanf:"revoked"`
	// AuthorityKey is the key of an authority in CA; with it the node issues certificates to
	// nodes that join by token. Optional, and seldom wanted on more than one node.
	AuthorityKey string `koanf:"authority-key"`
	// ClientAuth says whether API clients must show a certificate of the
	// authority: ClientAuthRequire (default) or ClientAuthNone.
	ClientAuth string `koanf:"client-auth"`
}

// The values of TLSFiles.ClientAuth.
const (
	ClientAuthRequire = "require"
	ClientAuthNone    = "none"
)

// The values of Config.Native and Config.HTTP3.
const (
	NativeOn  = "on"
	NativeOff = "off"
)

// The values of Reads.Lease.
const (
	LeaseOn  = "on"
	LeaseOff = "off"
)

// The values of Config.FEC.
const (
	FECAuto = "auto"
	FECOff  = "off"
	FECOn   = "on"
)

// RaftTiming are the times of elections. Alike on all nodes.
type RaftTiming struct {
	// Heartbeat is the interval of a leader's heartbeats; default 100ms.
	Heartbeat time.Duration `koanf:"heartbeat"`
	// ElectionTimeout is how long a follower hears nothing before it stands for
	// election, plus a random part up to as much again; default 1s.
	ElectionTimeout time.Duration `koanf:"election-timeout"`
}

// Reads say how machines may be read.
type Reads struct {
	// Lease says whether reads by lease are answered, which rest on the clocks of the
	// nodes: LeaseOn or LeaseOff (default). Alike on all nodes, and raft.election-timeout
	// too where it is on.
	Lease string `koanf:"lease"`
}

// Limits bound what clients and modules may use. Alike on all nodes.
type Limits struct {
	// CommandBytes is the longest command or query; default 1MiB.
	CommandBytes Size `koanf:"command-bytes"`
	// ModuleBytes is the largest module; default 64MiB.
	ModuleBytes Size `koanf:"module-bytes"`
	// MachineMemory is the most linear memory of one machine; default 256MiB.
	MachineMemory Size `koanf:"machine-memory"`
	// NodeMemory is what the machines of this node may count for, each with twice
	// its memory limit; default: half of the memory that the process may use, as
	// physical memory and control groups say. May differ from node to node.
	NodeMemory Size `koanf:"node-memory"`
	// CompileMemory is the resident memory of a process that compiles a module, and
	// CompileTime its processor time, in whole seconds, rounded up; it may last five
	// times as long. Defaults 1GiB and 1m. May differ from node to node.
	CompileMemory Size          `koanf:"compile-memory"`
	CompileTime   time.Duration `koanf:"compile-time"`
	// Connections is how many connections clients may hold over TCP, and how many over UDP;
	// default 4096. May differ from node to node.
	Connections int `koanf:"connections"`
}

// LogSelection says what is logged and how.
type LogSelection struct {
	// Level is debug, info (default), warn or error.
	Level string `koanf:"level"`
	// Format is auto (default: text on a terminal, json otherwise), text or json.
	Format string `koanf:"format"`
}

// Defaults and bounds of the configuration.
const (
	heartbeatDefault       = 100 * time.Millisecond
	electionTimeoutDefault = time.Second
	heartbeatMin           = 10 * time.Millisecond
	electionTimeoutMax     = time.Minute
	electionHeartbeatsMin  = 3

	commandBytesDefault  = 1 * MiB
	moduleBytesDefault   = 64 * MiB
	machineMemoryDefault = 256 * MiB
	commandBytesMax      = 8 * MiB // node.CommandBytesCeiling; a test holds them together
	moduleBytesMax       = 1 * GiB
	machineMemoryMin     = 1 * MiB
	machineMemoryMax     = 4 * GiB
	nodeMemoryMin        = 2 * MiB
	nodeMemoryMax        = 1 << 20 * GiB
	compileMemoryDefault = 1 * GiB
	compileMemoryMin     = 256 * MiB // what any accepted module may take
	compileMemoryMax     = 64 * GiB
	compileTimeDefault   = time.Minute
	compileTimeMin       = 10 * time.Second
	compileTimeMax       = time.Hour
	connectionsDefault   = 4096
	connectionsMin       = 64 // so that the other nodes, operators and a scrape have room
	connectionsMax       = 1 << 20

	nodesMax = 32
)

// WithDefaults is a copy of c in which every empty field has its default.
func (c Config) WithDefaults() Config {
	if self, ok := c.Self(); ok {
		setDefault(&c.ListenAPI, self.API)
		setDefault(&c.ListenPeer, self.Peer)
	}
	setDefault(&c.TLS.ClientAuth, ClientAuthRequire)
	setDefault(&c.Native, NativeOn)
	setDefault(&c.HTTP3, NativeOn)
	setDefault(&c.FEC, FECAuto)
	setDefault(&c.Reads.Lease, LeaseOff)
	setDefault(&c.Raft.Heartbeat, heartbeatDefault)
	setDefault(&c.Raft.ElectionTimeout, electionTimeoutDefault)
	setDefault(&c.Limits.CommandBytes, commandBytesDefault)
	setDefault(&c.Limits.ModuleBytes, moduleBytesDefault)
	setDefault(&c.Limits.MachineMemory, machineMemoryDefault)
	setDefault(&c.Limits.CompileMemory, compileMemoryDefault)
	setDefault(&c.Limits.CompileTime, compileTimeDefault)
	setDefault(&c.Limits.Connections, connectionsDefault)
	c.Snapshots = c.Snapshots.withDefaults()
	c.Disk = c.Disk.withDefaults()
	c.Members = c.Members.withDefaults()
	c.Traces = c.Traces.withDefaults()
	setDefault(&c.Log.Level, "info")
	setDefault(&c.Log.Format, "auto")
	return c
}

// Self is this node's own line in Nodes.
func (c Config) Self() (Node, bool) {
	for _, n := range c.Nodes {
		if n.ID == c.Node {
			return n, true
		}
	}
	return Node{}, false
}

// setDefault fills an empty field.
func setDefault[T comparable](field *T, value T) {
	var empty T
	if *field == empty {
		*field = value
	}
}

// Hosts are the names under which a node is dialled.
func (n Node) Hosts() []string {
	var out []string
	for _, address := range []string{n.API, n.Peer, "localhost:0", "127.0.0.1:0", "[::1]:0"} {
		host, _, err := net.SplitHostPort(address)
		if err == nil && host != "" && !slices.Contains(out, host) {
			out = append(out, host)
		}
	}
	return out
}
