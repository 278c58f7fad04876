package api

import (
	"context"
	"io"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/pki"
)

// Commands replicates commands. Byte slices passed in belong to the callee,
// slices passed back to the caller.
//
// All interfaces in this file report failures as *client.Problem; any other
// error becomes client.CodeInternal, and an ended context becomes a timeout of
// unknown outcome (of none, for reads).
type Commands interface {
	// Command returns once the command is applied or ctx ends. After ctx has
	// ended it fails with CodeTimeout when nothing was appended, and with
	// CodeTimeoutUnknown and the index otherwise.
	Command(ctx context.Context, machine string, c client.Command) (client.CommandResult, error)
	// OpenSession registers a session in the machine's log.
	OpenSession(ctx context.Context, machine string) (client.SessionID, error)
}

// Queries reads machines.
type Queries interface {
	// Query answers by the consistency q asks for.
	Query(ctx context.Context, machine string, q client.Query) (client.QueryResult, error)
}

// Catalogue lists and changes modules and machines.
type Catalogue interface {
	// Machines lists all machines by name.
	Machines(ctx context.Context) ([]client.MachineInfo, error)
	// Machine shows one. With export it also fills ExportDigest, ExportIndex.
	Machine(ctx context.Context, name string, export bool) (client.MachineInfo, error)
	// PutModule stores a module under its digest, durably on a quorum. size is -1
	// when the client did not say. The body fails with CodeModuleTooLarge past
	// the limit; whether the bytes have the digest is the callee's to check.
	// created is false if the module was there.
	PutModule(ctx context.Context, digest client.Digest, body io.Reader, size int64) (info client.ModuleInfo, created bool, err error)
	// Deploy creates a machine, or upgrades one if the spec allows it. created is
	// false when there was one; the info says whether it was upgraded.
	Deploy(ctx context.Context, name string, spec client.DeploySpec) (info client.MachineInfo, created bool, err error)
}

// Upgrades changes what running machines run.
type Upgrades interface {
	// Activate upgrades a running machine and returns once its log has decided.
	// changed is false when it runs just that already.
	Activate(ctx context.Context, name string, spec client.ActivateSpec) (info client.MachineInfo, changed bool, err error)
	// Rollback upgrades a machine to what it ran before. by is who asks.
	Rollback(ctx context.Context, name, by string) (client.MachineInfo, error)
	// History lists a machine's upgrades, the newest first.
	History(ctx context.Context, name string) ([]client.UpgradeInfo, error)
}

// Snapshots writes down what machines are.
type Snapshots interface {
	// TakeSnapshot takes a snapshot of a machine on this node and returns once it is
	// durable.
	TakeSnapshot(ctx context.Context, name string) (client.SnapshotInfo, error)
}

// Emissions hands out what machines emit.
type Emissions interface {
	// Events begins to read a machine's events on this node behind a place, with nil
	// whatever is kept. CodeMachineStarting when the machine is not here, or not yet.
	Events(ctx context.Context, machine string, after *client.EventID) (EventReader, error)
}

// Logs hands out what machines log.
type Logs interface {
	// MachineLog begins to read what a machine logged on this node behind a place, with nil
	// whatever is kept: client.LogLine. CodeMachineStarting when the machine is not here.
	MachineLog(ctx context.Context, machine string, after *uint64) (Feed, error)
}

// Entries hands out what stands in the logs of groups.
type Entries interface {
	// LogEntries begins to read the entries of a group's log that this node has applied:
	// client.LogEntry, whose places are their indexes. q was checked. CodeMachineStarting when
	// the group is not here, or not yet; here and from the feed CodeEntriesGone.
	LogEntries(ctx context.Context, group client.GroupID, q client.LogEntryQuery) (Feed, error)
}

// Feed hands out items in their order, each once. It belongs to one goroutine and has nothing
// to close.
type Feed interface {
	// At is the place behind which it goes on.
	At() string
	// Read returns the next items without waiting, or none and a channel that is closed when
	// it is time to ask again.
	Read() (items []FeedItem, more <-chan struct{}, err error)
}

// FeedItem is one item.
type FeedItem struct {
	Place string
	Value any // in JSON
}

// EventReader reads events in the order of the log, each once. It belongs to one goroutine
// and has nothing to close.
type EventReader interface {
	// At is the place behind which it goes on.
	At() client.EventID
	// Read returns the next events without waiting, or none and a channel that is closed
	// when it is time to ask again. CodeEventsGone when the next one is not kept any more.
	Read() (events []client.Event, more <-chan struct{}, err error)
}

// Backups carries the states of machines away, and back.
type Backups interface {
	// Backup begins to write down a machine's state, linearizably; form is an image or an
	// export. The caller writes and closes it. CodeBackupForm may come from either.
	Backup(ctx context.Context, name string, form client.SnapshotMode) (client.BackupInfo, StateWriter, error)
	// Restore creates a machine and gives it a state. content fails as frames do.
	Restore(ctx context.Context, name string, info client.BackupInfo, content io.Reader) (client.RestoredMachine, error)
	// Module returns a stored module or artefact.
	Module(ctx context.Context, digest client.Digest) ([]byte, error)
	// PutArtefact stores what was made of a module that is stored.
	PutArtefact(ctx context.Context, digest, module client.Digest, body io.Reader) (client.ModuleInfo, error)
}

// StateWriter is a state that is being written down.
type StateWriter interface {
	io.WriterTo
	Close()
}

// Deletions ends machines.
type Deletions interface {
	// Delete deletes the machine of a name and group, or with group 0 whichever has the
	// name, for good, and returns once no command to it is acknowledged any more. One
	// that was deleted before is no error. by is who asks.
	Delete(ctx context.Context, name string, group client.GroupID, by string) (client.DeletedMachine, error)
	// Deleted lists deleted machines, the newest first.
	Deleted(ctx context.Context) ([]client.DeletedMachine, error)
}

// Members changes which nodes the cluster has.
type Members interface {
	// AddNode makes a node known, as a learner. created is false when it was.
	AddNode(ctx context.Context, spec client.NodeSpec) (info client.NodeInfo, created bool, err error)
	// ChangeNode has a node become what is asked for, or with DryRun tells the effect.
	ChangeNode(ctx context.Context, id client.NodeID, change client.NodeChange) (client.NodeChanged, error)
	// TransferLeader has another node lead a group and returns once it does.
	TransferLeader(ctx context.Context, t client.Transfer) (client.Transferred, error)
	// ChangeLeaders changes where leaders are to be, of a change that was checked, and returns
	// what holds then.
	ChangeLeaders(ctx context.Context, c client.LeaderChange) (client.LeaderPolicy, error)
}

// TokenFinder knows tokens.
type TokenFinder interface {
	// FindToken finds a token by its hash, also one that has expired; it asks nobody and
	// is called for every request that shows one. CodeBadToken: there is none; CodeNotReady:
	// this node cannot tell yet.
	FindToken(hash pki.TokenHash) (client.TokenInfo, error)
}

// Tokens are what clients show that have no certificate.
type Tokens interface {
	TokenFinder
	// CreateToken makes a token of a spec whose role and name were checked.
	CreateToken(ctx context.Context, hash pki.TokenHash, spec client.TokenSpec) (client.TokenInfo, error)
	// ListTokens lists all by name.
	ListTokens(ctx context.Context) ([]client.TokenInfo, error)
	// RevokeToken ends the token of an ID or a name.
	RevokeToken(ctx context.Context, idOrName string) (client.TokenInfo, error)
}

// Joins lets nodes in by tokens.
type Joins interface {
	// Invite makes of a token what a new node needs to know; CodeNoAuthorityKey where this
	// node issues no certificates.
	Invite(token string) (string, error)
	// Authorities are the certificates of whom this node trusts, in PEM.
	Authorities() ([]byte, error)
	// Join adds a node by a token and issues its certificate.
	Join(ctx context.Context, token pki.TokenHash, spec client.JoinSpec) (client.Joined, error)
}

// Audit tells who did what.
type Audit interface {
	// AuditRecords lists what was done, the newest first, as far back as it is kept.
	AuditRecords(ctx context.Context) ([]client.AuditRecord, error)
}

// Cluster tells how the cluster and this node are, and what all nodes must understand.
type Cluster interface {
	// ClusterInfo is what this node knows; it asks nobody.
	ClusterInfo(ctx context.Context) (client.ClusterInfo, error)
	// ClusterViews is what every node knows, each asked for its own; one that does not
	// answer in time is no error.
	ClusterViews(ctx context.Context) (client.ClusterViews, error)
	// MeasureLink measures the link from this node to another one.
	MeasureLink(ctx context.Context, to client.NodeID, spec client.LinkSpec) (client.LinkMeasure, error)
	// RaiseFeatureLevel raises the cluster's feature level, for good; to one that it
	// has reached is no error.
	RaiseFeatureLevel(ctx context.Context, level uint32) error
	// Checks runs this node's readiness checks; none may block for long.
	Checks(ctx context.Context) []client.Check
}
