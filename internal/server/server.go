package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/internal/compileworker"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/node/api"
	"github.com/wraft/wraft/node/api/native"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/fec"
	"github.com/wraft/wraft/transport/quic"
)

// idleElections is how many election timeouts a silent connection to a peer lives.
const idleElections = 3

// Server is one running wraftd node.
type Server struct {
	log      *slog.Logger
	disk     vfs.FS // nil: the operating system's
	store    *storage.Store
	life     node.Life // what the store says of it
	engine   *plugins.Engine
	network  *quic.Network
	renewal  *renewal
	node     *node.Node
	api      *api.Server
	native   *native.Server // nil: not served
	listener net.Listener
	served   chan error // what serving clients ended with, once for each protocol
	undo     []func() error
}

// Start opens the data directory, the network and the API of one node and begins
// to run. Errors are *client.Problem where the operator can mend them: a wrong
// configuration or certificate, a data directory of another cluster or in use, an
// address in use.
func Start(ctx context.Context, cfg Config, log *slog.Logger) (*Server, error) {
	return startOn(ctx, disk(cfg), cfg, log)
}

// startOn is Start on a file system, nil for the operating system's.
func startOn(ctx context.Context, disk vfs.FS, cfg Config, log *slog.Logger) (*Server, error) {
	s := &Server{log: log, disk: disk, served: make(chan error, 2)}
	s.adopt(cfg)
	cfg = cfg.WithDefaults()
	if cfg.Limits.NodeMemory == 0 {
		cfg.Limits.NodeMemory = NodeMemoryDefault(1)
	}
	if err := cfg.Validate(); err != nil {
		return nil, errors.Join(err, s.unwind())
	}
	if err := s.start(ctx, cfg); err != nil {
		return nil, errors.Join(err, s.unwind())
	}
	return s, nil
}

// APIAddr is the host:port the API listens on.
func (s *Server) APIAddr() string { return s.listener.Addr().String() }

// Wait returns when the node ends by itself: with the reason, or nil after Close.
func (s *Server) Wait() error {
	select {
	case <-s.node.Failed():
		return failedProblem(s.node.Cause())
	case err := <-s.served:
		s.served <- err
		return err
	}
}

// Close stops the node gracefully: running requests are answered within ctx, then
// the node, the network and the store are closed.
func (s *Server) Close(ctx context.Context) error {
	err := s.shutdownClients(ctx)
	return errors.Join(err, s.unwind())
}

// adopt takes over the sockets that the caller opened: they are closed whatever
// becomes of the start.
func (s *Server) adopt(cfg Config) {
	if cfg.APIListener != nil {
		s.undo = append(s.undo, cfg.APIListener.Close)
	}
	if cfg.APIConn != nil {
		s.undo = append(s.undo, cfg.APIConn.Close)
	}
	if cfg.PeerConn != nil {
		s.undo = append(s.undo, cfg.PeerConn.Close)
	}
}

func (s *Server) start(ctx context.Context, cfg Config) error {
	identity, err := loadIdentity(cfg)
	if err != nil {
		return err
	}
	if err := s.openStore(ctx, cfg); err != nil {
		return err
	}
	if err := s.openEngine(cfg); err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	tracer, err := s.openTraces(cfg, registry)
	if err != nil {
		return err
	}
	if err := s.openNode(ctx, cfg, identity, tracer); err != nil {
		return err
	}
	return s.openAPI(ctx, cfg, identity, registry, tracer)
}

func (s *Server) openStore(ctx context.Context, cfg Config) error {
	store, err := s.awaitStore(ctx, cfg)
	if err != nil {
		return storageProblem(cfg.DataDir, err)
	}
	s.store = store
	s.undo = append(s.undo, store.Close)
	digest, err := bootstrapDigest(cfg)
	if err != nil {
		return err
	}
	have, settled := store.Identity()
	s.life = node.Life{Incarnation: have.Incarnation, Past: store.Bereft(), Recovered: store.Recovered(), Settle: func(life raft.Incarnation) error {
		return store.Bootstrap(storage.Identity{Cluster: cfg.Cluster, Node: raft.NodeID(cfg.Node), Incarnation: life}, digest)
	}}
	if settled { // Why again: a directory of another node or cluster is refused here
		if err := s.life.Settle(have.Incarnation); err != nil {
			return storageProblem(cfg.DataDir, err)
		}
	}
	return nil
}

const (
	// roomPause is how long a start on a full disk waits before it looks again.
	roomPause = time.Second
	// roomSaid is how often it says so.
	roomSaid = time.Minute

	// memTableMost bounds a table in memory, memTableShare the share of the low-water mark
	// that one may be: a few of them have to be written out when the disk is full.
	memTableMost  = 16 * nodeconfig.MiB
	memTableShare = 16
)

// awaitStore opens the store. On a full disk it waits for room instead of ending, only
// to be started again by whoever supervises it.
func (s *Server) awaitStore(ctx context.Context, cfg Config) (*storage.Store, error) {
	for waited := time.Duration(0); ; waited += roomPause {
		store, err := storage.Open(cfg.DataDir, storage.Options{
			FS: s.disk, Logger: s.log, SetAside: len(cfg.Nodes) > 1, MinFreeBytes: uint64(cfg.Disk.MinFree), BallastBytes: uint64(cfg.Disk.Ballast),
			MemTableBytes: uint64(min(memTableMost, cfg.Disk.MinFree/memTableShare)),
		})
		if !errors.Is(err, storage.ErrDiskFull) {
			return store, err
		}
		if waited%roomSaid == 0 {
			s.log.Error("the disk is full, this node waits for room before it starts", "err", err)
		}
		select {
		case <-time.After(roomPause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// compileLasts is how many times its processor time a compiling process may last: it
// gets what others leave.
const compileLasts = 5

// compiler starts a process for each module.
func compiler(cfg Config) *compileworker.Runner {
	time := cfg.Limits.CompileTime
	limits := compileworker.Limits{CPU: time, Wall: compileLasts * time, MemoryBytes: int64(cfg.Limits.CompileMemory)}
	return &compileworker.Runner{Command: cfg.CompileWorker, Name: cfg.CompileWorkerName, Limits: limits}
}

func (s *Server) openEngine(cfg Config) error {
	cache := cfg.CacheDir
	if cache == "" {
		cache = filepath.Join(cfg.DataDir, "cache")
	}
	c := plugins.Config{Limits: plugins.Limits{ModuleBytesMax: int(cfg.Limits.ModuleBytes)}, Logger: s.log}
	if len(cfg.CompileWorker) > 0 {
		c.Compiler = compiler(cfg)
	}
	engine, release, err := engines.acquire(cache, c)
	if err != nil {
		return err
	}
	s.engine = engine
	s.undo = append(s.undo, release)
	return nil
}

func (s *Server) openNode(ctx context.Context, cfg Config, id *identity, tracer trace.Tracer) error {
	conn := cfg.PeerConn
	if conn == nil {
		var err error
		if conn, err = listenUDP(ctx, cfg.ListenPeer); err != nil {
			return listenProblem("peers (UDP)", cfg.ListenPeer, err)
		}
		s.undo = append(s.undo, conn.Close)
	}
	seed, err := randomSeed()
	if err != nil {
		return err
	}
	n, err := node.Start(nodeConfig(cfg, seed), node.Parts{
		Store: s.store, Snapshots: s.store.Snapshots(), Modules: node.NewStoredModules(s.store.Modules()), Opener: node.NewWASM(s.engine),
		Clock: clock.System(), Wall: time.Now, Logger: s.log, Tracer: tracer, Space: s.store.Space(), Life: &s.life,
		Network: func(h transport.Handler) (transport.Network, error) {
			network, err := quic.New(quic.Config{
				Node: raft.NodeID(cfg.Node), Incarnation: s.life.Incarnation, Boot: s.store.Boot(), Cluster: cfg.Cluster, Conn: conn,
				Certificate: id.certificate, Trust: id.trust, Logger: s.log, Seed: seed,
				IdleTimeout: idleElections * cfg.Raft.ElectionTimeout, FileBytesPerSecond: int(cfg.Snapshots.SendRate),
				Repair: fec.Config{Mode: fec.Mode(cfg.FEC)},
				Probe:  quic.ProbeUDP, ProbeInterval: cfg.Raft.Heartbeat / 2,
			}, h)
			s.network = network
			return network, err
		},
	})
	if err != nil {
		return storageProblem(cfg.DataDir, err)
	}
	s.node = n
	s.undo = append(s.undo, n.Close)
	if len(cfg.Nodes) > 1 {
		s.background(newLonely(n, cfg, id, s.log).run)
	}
	s.renewal = &renewal{id: id, recheck: s.network.Recheck, log: s.log, pause: renewalPause}
	s.background(s.renewal.run)
	return nil
}

// background runs something until the server is closed.
func (s *Server) background(run func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx)
	}()
	s.undo = append(s.undo, func() error {
		cancel()
		<-ended
		return nil
	})
}

func (s *Server) openAPI(ctx context.Context, cfg Config, id *identity, registry *prometheus.Registry, tracer trace.Tracer) error {
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newCollector(s.node, s.store), newIdentityCollector(s.network, s.renewal))
	b := backend{node: s.node, id: id, cluster: cfg.Cluster, version: Version()}
	s.node.ServeView(b.view)
	listener, conn, err := s.listenClients(ctx, cfg)
	if err != nil {
		return err
	}
	s.listener = listener
	offer := ""
	if conn != nil {
		offer = altSvc(cfg, listener.Addr())
	}
	s.api, err = api.New(api.Config{
		Node: cfg.Node, Cluster: cfg.Cluster, TLS: api.ServerTLS(id.certificate), Trust: id.trust, ClientAuth: cfg.TLS.ClientAuth == ClientAuthRequire, Asked: asked,
		CommandBytesMax: int64(cfg.Limits.CommandBytes), ModuleBytesMax: int64(cfg.Limits.ModuleBytes), ConnectionsMax: cfg.Limits.Connections,
		AltSvc: offer, Metrics: registry, Log: s.log, Tracer: tracer,
	}, api.Backend{Commands: b, Queries: b, Catalogue: b, Upgrades: b, Snapshots: b, Emissions: b, Logs: b, Entries: b, Backups: b, Deletions: b, Members: b, Tokens: b, Joins: b, Audit: b, Cluster: b})
	if err != nil {
		return err
	}
	if conn != nil {
		if err := s.openNative(cfg, id, conn, b, registry, tracer); err != nil {
			return err
		}
	}
	s.serveClients()
	s.log.Info("node is up", "node", uint64(cfg.Node), "api", s.listener.Addr().String(), "peers", cfg.ListenPeer)
	return nil
}

// unwind undoes the steps of start, the last one first.
func (s *Server) unwind() error {
	var problems []error
	for i := len(s.undo) - 1; i >= 0; i-- {
		if err := s.undo[i](); err != nil && !errors.Is(err, net.ErrClosed) {
			problems = append(problems, err)
		}
	}
	s.undo = nil
	return errors.Join(problems...)
}

func nodeConfig(cfg Config, seed uint64) node.Config {
	c := node.Config{
		Cluster: cfg.Cluster, Self: raft.NodeID(cfg.Node), Seed: seed, Via: map[raft.NodeID]string{},
		Heartbeat: cfg.Raft.Heartbeat, ElectionTimeout: cfg.Raft.ElectionTimeout, LeaseReads: cfg.Reads.Lease == nodeconfig.LeaseOn,
		CommandBytesMax: uint64(cfg.Limits.CommandBytes), ModuleBytesMax: uint64(cfg.Limits.ModuleBytes),
		DiskStallTimeout: cfg.Disk.StallTimeout, ModuleGrace: cfg.Disk.KeepModules, ScrubInterval: cfg.Disk.ScrubInterval, ScrubBytesPerSecond: uint64(cfg.Disk.ScrubRate),
		MachineMemoryMax: uint64(cfg.Limits.MachineMemory), MemoryBudget: uint64(cfg.Limits.NodeMemory),
		SnapshotLogBytes: int64(cfg.Snapshots.LogBytes), SnapshotInterval: cfg.Snapshots.Interval,
		RemoveDeadAfter: cfg.Members.RemoveDeadAfter, MinVoters: cfg.Members.MinVoters,
		SnapshotsKept: cfg.Snapshots.Keep, LogTailBytes: uint64(cfg.Snapshots.TailBytes),
	}
	for _, n := range cfg.Nodes {
		r := node.NodeRecord{ID: raft.NodeID(n.ID), Incarnation: 1, Region: n.Region, PeerAddress: n.Peer, APIAddress: n.API}
		if cfg.Join && n.ID == cfg.Node {
			r.Incarnation, r.State = 0, node.NodeLearner
		}
		c.Nodes = append(c.Nodes, r)
		if n.Via != "" {
			c.Via[raft.NodeID(n.ID)] = n.Via
		}
	}
	return c
}

// bootstrapDigest stands for the initial cluster: a node whose configuration later
// describes another one is refused. Addresses and regions may change; of a node that
// joined, the list too.
func bootstrapDigest(cfg Config) (string, error) {
	ids := make([]client.NodeID, 0, len(cfg.Nodes))
	for _, n := range cfg.Nodes {
		if !cfg.Join {
			ids = append(ids, n.ID)
		}
	}
	text, err := json.Marshal(struct {
		Cluster string
		Nodes   []client.NodeID
	}{cfg.Cluster, ids})
	if err != nil {
		return "", fmt.Errorf("server: describe bootstrap: %w", err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text)), nil
}

func randomSeed() (uint64, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("server: read entropy: %w", err)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}
