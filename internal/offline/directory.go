package offline

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/entries"
	"github.com/wraft/wraft/storage"
)

// Directory is a data directory that is open for reading.
type Directory struct {
	path      string
	inspector *storage.Inspector
	report    Report
}

// Report is what a data directory says of itself.
type Report struct {
	Dir string `json:"dir"`
	// Cluster, Node and Incarnation are whose it is; Node is 0 when nobody's yet.
	Cluster     string        `json:"cluster"`
	Node        client.NodeID `json:"node"`
	Incarnation uint64        `json:"incarnation"`
	// Boot counts the starts of the node on it.
	Boot uint64 `json:"boot"`
	// Batch is the newest batch in the store, Acknowledged the newest that the mark
	// file says was acknowledged.
	Batch        uint64 `json:"batch"`
	Acknowledged uint64 `json:"acknowledged_batch"`
	// Modules and Snapshots count files, with their bytes.
	Modules   Files `json:"modules"`
	Snapshots Files `json:"snapshots"`
	Groups    []Log `json:"groups"`
	// Damage is everything that is not as it was written, that of the logs included.
	Damage []string `json:"damage"`
}

// Files are some of one kind.
type Files struct {
	Count int   `json:"count"`
	Bytes int64 `json:"bytes"`
}

func (f *Files) add(bytes int64) {
	f.Count++
	f.Bytes += bytes
}

// Log describes a group's log.
type Log struct {
	Group client.GroupID `json:"group"`
	// Term, Vote and Commit are those of the hard state; Vote 0 is nobody.
	Term   uint64        `json:"term"`
	Vote   client.NodeID `json:"vote"`
	Commit uint64        `json:"commit_index"`
	// First and Last are the indexes of the first and last sound entry; First is
	// above Last in an empty log. Snapshot is the index of the newest snapshot.
	First    uint64 `json:"first_index"`
	Last     uint64 `json:"last_index"`
	LastTerm uint64 `json:"last_term"`
	Snapshot uint64 `json:"snapshot_index"`
	Entries  uint64 `json:"entries"`
	Bytes    uint64 `json:"bytes"`
	// Configuration is the newest, in words.
	Configuration string `json:"configuration"`
	Damage        string `json:"damage,omitempty"`
}

// Open opens a data directory for reading; the caller closes it. The error is a
// *client.Problem that says what to do.
func Open(path string) (*Directory, error) {
	i, err := storage.Inspect(path, storage.Options{})
	if err != nil {
		return nil, problem(path, err)
	}
	d := &Directory{path: path, inspector: i}
	if err := d.look(); err != nil {
		return nil, errors.Join(problem(path, err), i.Close())
	}
	return d, nil
}

func problem(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return client.NewProblem(client.CodeLocalFile, "%s is no data directory: %v", path, err).
			WithHint("Name the folder that the node's configuration has as data-dir.").WithCause(err)
	case errors.Is(err, storage.ErrInUse):
		return client.NewProblem(client.CodeDataDirInUse, "%s: %v", path, err).WithCause(err)
	case errors.Is(err, storage.ErrDamaged):
		return client.NewProblem(client.CodeChecksFailed, "%s cannot be read: %v", path, err).
			WithHint("Start its node while a majority of the others is up: it gets everything from them (docs/OPERATIONS.md, A damaged disk). Without a majority see After the loss of a quorum there.").
			WithCause(err)
	}
	return client.NewProblem(client.CodeLocalFile, "%s: %v", path, err).WithCause(err)
}

// Close gives the directory free.
func (d *Directory) Close() error { return d.inspector.Close() }

// Report is what the directory says of itself.
func (d *Directory) Report() Report { return d.report }

func (d *Directory) look() error {
	o := d.inspector.Overview()
	r := Report{
		Dir: d.path, Cluster: o.Identity.Cluster, Node: client.NodeID(o.Identity.Node), Incarnation: uint64(o.Identity.Incarnation),
		Boot: o.Boot, Batch: o.Batch, Acknowledged: o.MarkedBatch, Groups: []Log{}, Damage: []string{},
	}
	for _, damage := range o.Damage {
		r.Damage = append(r.Damage, damage.Error())
	}
	for _, g := range o.Groups {
		l, err := d.inspector.Log(g)
		if err != nil {
			return err
		}
		log := describe(l)
		if log.Damage != "" {
			r.Damage = append(r.Damage, log.Damage)
		}
		r.Groups = append(r.Groups, log)
		files, err := d.inspector.Snapshots().List(g)
		if err != nil {
			r.Damage = append(r.Damage, err.Error())
		}
		for _, f := range files {
			r.Snapshots.add(f.Size)
		}
	}
	d.report = r
	return d.countModules()
}

// countModules looks at the sizes of all modules, not at their bytes.
func (d *Directory) countModules() error {
	modules := d.inspector.Modules()
	digests, err := modules.List()
	if err != nil {
		return err
	}
	for _, digest := range digests {
		f, size, err := modules.Open(digest)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("offline: %w", err)
		}
		d.report.Modules.add(size)
	}
	return nil
}

func describe(l storage.LogOverview) Log {
	out := Log{
		Group: client.GroupID(l.Group), Term: uint64(l.HardState.Term), Vote: client.NodeID(l.HardState.Vote), Commit: uint64(l.HardState.Commit),
		First: uint64(l.Purged) + 1, Last: uint64(l.Last), Snapshot: uint64(l.Snapshot.Index), Entries: l.Entries, Bytes: l.Bytes,
		LastTerm: uint64(l.Snapshot.Term), Configuration: entries.Configuration(l.Snapshot.Configuration),
	}
	if n := len(l.TermRuns); n > 0 {
		out.LastTerm = uint64(l.TermRuns[n-1].Term)
	}
	if n := len(l.Configurations); n > 0 {
		out.Configuration = entries.Configuration(l.Configurations[n-1].Configuration)
	}
	if l.Damage != nil {
		out.Damage = l.Damage.Error()
	}
	return out
}
