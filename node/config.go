package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
	"github.com/wraft/wraft/transport"
)

// Config describes a node. The zero value of each optional field means its default.
type Config struct {
	Cluster string       // required
	Self    raft.NodeID  // required; one of Nodes
	Nodes   []NodeRecord // the initial nodes, alike on all of them, and this one as a learner if it joined later; required
	// Via are the addresses (host:port, UDP) at which this node reaches others whose peer
	// address leads it nowhere. No other node learns of them.
	Via  map[raft.NodeID]string
	Seed uint64 // of all chance in this node; from the system's entropy in production

	Heartbeat       time.Duration // default 100 ms
	ElectionTimeout time.Duration // default 1 s, randomised up to twice that
	// DiskStallTimeout is how long a write may take before this node hands leadership
	// over and does not campaign; default 5 s.
	DiskStallTimeout time.Duration

	// LeaseReads allows reads by lease of machines, see raft.Config.LeaseReads. They are
	// as good as the clocks, and as ElectionTimeout being alike on all nodes.
	LeaseReads bool

	RequestTimeout time.Duration // longest a request waits when its context has no end; default 30 s
	LeaderWait     time.Duration // longest a request waits for a leader to appear; default 3 s

	Shards           int    // event loops; default GOMAXPROCS, at most 4
	CommandBytesMax  uint64 // default 1 MiB, at most CommandBytesCeiling
	ModuleBytesMax   uint64 // default 64 MiB
	MachineMemoryMax uint64 // bytes of linear memory, default 256 MiB

	// MemoryBudget is how many bytes the machines of this node may count for, each
	// with twice its limit, or four times with snapshots by export. Default 0: without bound.
	MemoryBudget uint64
	// SnapshotLogBytes and SnapshotInterval say how much of a group's log, and how much
	// time that the log has seen, lie between two snapshots: see SnapshotPolicy. Alike on
	// all nodes, else replicas take theirs behind different entries. Default 64 MiB and
	// 30 minutes; less than 0 is "never".
	SnapshotLogBytes int64
	SnapshotInterval time.Duration
	// SnapshotsKept is how many snapshots of a group are kept: when the newest turns out to
	// be damaged, and the log leads on from the one before, that one serves. Default 2.
	SnapshotsKept int
	// LogTailEntries and LogTailBytes bound what is kept of a log behind a snapshot, and
	// LogPinnedBytes what a leader keeps besides for followers that need it. Default 10,000
	// entries, 64 MiB and 1 GiB.
	LogTailEntries int
	LogTailBytes   uint64
	LogPinnedBytes uint64
	// ScrubInterval is how often the disk is read over for rot, and ScrubBytesPerSecond how
	// fast. Default a day and 8 MiB; an interval below 0 is "never".
	ScrubInterval       time.Duration
	ScrubBytesPerSecond uint64
	// ModuleGrace is how long a module stays that nothing on this node names and nobody
	// asks for: see Retention. Default 1 hour, which a deploy behind an upload does not take;
	// at least ModuleGraceMin; less than 0 is "for ever".
	ModuleGrace time.Duration
	// RemoveDeadAfter is for how long nobody has reached a node that is removed for it, and
	// MinVoters how many others have to vote and answer: see RemovalPolicy. Default 0, which is
	// "never", and 3. Alike on all nodes.
	RemoveDeadAfter time.Duration
	MinVoters       int
	// Serves is the newest feature level of this node, default FeatureLevelMax. Only
	// tests set it.
	Serves FeatureLevel
}

// ModuleGraceMin is the shortest Config.ModuleGrace: no request takes as long between its
// upload of a module and the entry that names it.
const ModuleGraceMin = time.Minute

// CommandBytesCeiling is the largest command any configuration may allow: with
// its entry it has to fit into a frame between nodes.
const CommandBytesCeiling = 8 << 20

// entrySlackBytes is what the encoding of a batch may add to BatchBytesMax or to
// one large command.
const entrySlackBytes = 1 << 16

// LogStore is what a node needs of its log storage. All methods are safe for
// concurrent use.
type LogStore interface {
	EntryReader
	// Groups lists the groups that exist.
	Groups() ([]raft.GroupID, error)
	// CreateGroup makes a group durable; creating the same one again is fine.
	CreateGroup(g raft.GroupID, base raft.SnapshotMeta) error
	// DeleteGroup removes a group and its log, durably; one that does not exist is
	// removed already. No Commit of the group may be under way.
	DeleteGroup(g raft.GroupID) error
	// Restore reads what a core starts from.
	Restore(g raft.GroupID) (raft.Restored, error)
	// Commit makes writes durable with one sync. An error is final.
	Commit(writes []storage.GroupWrite) error
}

// ModuleStore keeps module binaries by digest.
type ModuleStore interface {
	// Put stores a binary durably; storing the same again is fine.
	Put(d Digest, binary []byte) error
	// Get returns a binary, or ErrNoModule.
	Get(d Digest) ([]byte, error)
	// Has reports whether a binary is here.
	Has(d Digest) bool
	// Size is the size of a binary in bytes, or ErrNoModule.
	Size(d Digest) (int64, error)
	// List returns the digests of all binaries, ascending.
	List() ([]Digest, error)
	// Remove deletes a binary; one that is not here is deleted already.
	Remove(d Digest) error
}

// MachineOpener makes artefacts of modules and machines of artefacts.
type MachineOpener interface {
	// Check refuses an uploaded module that could not be opened; see
	// plugins.RefusedError. It is the one place where a stranger's module is tried.
	Check(ctx context.Context, module []byte) error
	// Prepare makes the artefact of a module for a machine with these limits, a
	// function of both. Errors as of Check.
	Prepare(ctx context.Context, module []byte, l MachineLimits) (Prepared, error)
	// Verify checks that an artefact was made of a module, before it is kept for a
	// peer; see plugins.ErrArtefact and plugins.VersionError.
	Verify(ctx context.Context, artefact, module []byte) error
	// Open starts an instance of an artefact as it is.
	Open(ctx context.Context, artefact []byte, o OpenConfig) (Machine, error)
}

// MachineRestorer is a MachineOpener whose machines can begin in the state of images.
type MachineRestorer interface {
	// Restore starts an instance in the state of a whole image and the increments on
	// it, in order, instead of at its beginning. Errors: plugins.ErrImage; those of the
	// readers; trouble of this node.
	Restore(ctx context.Context, artefact []byte, o OpenConfig, images ...io.Reader) (Machine, error)
}

// Prepared is an artefact and the versions by which it was made.
type Prepared struct {
	Artefact   []byte
	Pass, Host uint32
}

// OpenConfig is what an instance is opened with.
type OpenConfig struct {
	Name   string
	Limits MachineLimits // in full
	Seed   [32]byte      // of all chance in the machine, alike on all replicas
	Logger *slog.Logger
	// Lines gets what the machine logs, see plugins.InstanceConfig; may be nil.
	Lines func(plugins.LogLine)
	// Created is the first moment of the instance; the zero value for a machine that
	// begins with its log.
	Created plugins.Moment
}

// Parts are the rooms a node is assembled from.
type Parts struct {
	Store LogStore
	// Life is what the disk knows of this node's life; nil: the first one, whatever the
	// caller knows it from.
	Life    *Life
	Modules ModuleStore
	// Snapshots keeps the snapshots of the groups; nil: none are taken, and every replica
	// begins with its log.
	Snapshots *storage.Snapshots
	Opener    MachineOpener
	// Space looks after the room on the disk; nil: nobody does.
	Space DiskSpace
	// Network opens the network that delivers to h.
	Network func(h transport.Handler) (transport.Network, error)
	Clock   clock.Clock
	// Wall tells the time of the day for those who read what this node did by itself;
	// nothing is decided by it. nil: it is not told.
	Wall   func() time.Time
	Logger *slog.Logger
	// Tracer makes the spans of what commands and queries come to whose context is that of a
	// sampled span; nil: none are made. Spans need Wall.
	Tracer trace.Tracer
}

// NetworkFile is how a peer names a module in Network.OpenFile.
func NetworkFile(d Digest) string { return "module/" + d.String() }

func (c Config) withDefaults() Config {
	setDefault(&c.Heartbeat, 100*time.Millisecond)
	setDefault(&c.ElectionTimeout, time.Second)
	setDefault(&c.DiskStallTimeout, 5*time.Second)
	setDefault(&c.RequestTimeout, 30*time.Second)
	setDefault(&c.LeaderWait, 3*time.Second)
	setDefault(&c.ScrubInterval, 24*time.Hour)
	setDefault(&c.ScrubBytesPerSecond, 8<<20)
	setDefault(&c.ModuleGrace, time.Hour)
	setDefault(&c.Shards, min(runtime.GOMAXPROCS(0), 4))
	setDefault(&c.CommandBytesMax, 1<<20)
	setDefault(&c.ModuleBytesMax, 64<<20)
	setDefault(&c.MachineMemoryMax, 256<<20)
	setDefault(&c.SnapshotLogBytes, 64<<20)
	setDefault(&c.SnapshotInterval, 30*time.Minute)
	setDefault(&c.SnapshotsKept, 2)
	setDefault(&c.MinVoters, 3)
	setDefault(&c.Serves, FeatureLevelMax)
	return c
}

// Validate joins everything that is wrong with c.
func (c Config) Validate() error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf("node: "+format, args...)) }
	if c.Cluster == "" {
		add("a cluster name is required")
	}
	if len(c.Nodes) == 0 {
		add("the list of initial nodes is empty")
	}
	seen, self := map[raft.NodeID]bool{}, false
	for _, n := range c.Nodes {
		if n.ID == 0 || seen[n.ID] {
			add("node ID %d is zero or repeated", uint64(n.ID))
		}
		seen[n.ID] = true
		self = self || n.ID == c.Self
	}
	if !self {
		add("node %v is not in the list of initial nodes", c.Self)
	}
	if c.CommandBytesMax > CommandBytesCeiling {
		add("commands of %d bytes: at most %d are possible", c.CommandBytesMax, CommandBytesCeiling)
	}
	if c.Shards < 0 || c.Shards > 64 {
		add("shards must be between 1 and 64, not %d", c.Shards)
	}
	if c.ModuleGrace > 0 && c.ModuleGrace < ModuleGraceMin {
		add("modules that stay for %v: at least %v, so that a request that needs one has ended", c.ModuleGrace, ModuleGraceMin)
	}
	if c.RemoveDeadAfter < 0 || c.MinVoters < 0 || c.RemoveDeadAfter > 0 && c.MinVoters > 0 && c.MinVoters < 3 {
		add("nodes are removed after %v of silence where %d voters stay: it takes 3 or more of them to tolerate a failure", c.RemoveDeadAfter, c.MinVoters)
	}
	if c.SnapshotsKept < 0 {
		add("%d snapshots kept: must not be negative", c.SnapshotsKept)
	}
	return errors.Join(problems...)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
