package offline

import (
	"errors"
	"math"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/entries"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// errEnough ends a walk before the end of the log.
var errEnough = errors.New("offline: enough entries")

// Entries reads up to limit entries of a group from index from on, or from the
// first one when that lies behind; more reports whether the log goes on. An error
// is a *client.Problem; entries in front of damage come with it.
func (d *Directory) Entries(g client.GroupID, from uint64, limit int) (out []client.LogEntry, more bool, err error) {
	log, err := d.log(g)
	if err != nil {
		return nil, false, err
	}
	err = d.inspector.Entries(raft.GroupID(g), raft.Index(max(from, log.First)), raft.Index(log.Last)+2, func(e raft.Entry) error {
		if len(out) == limit {
			return errEnough
		}
		out = append(out, entries.Read(e, math.MaxInt))
		return nil
	})
	if errors.Is(err, errEnough) {
		return out, true, nil
	}
	if err != nil {
		return out, false, damageProblem(d.path, err)
	}
	return out, false, nil
}

func (d *Directory) log(g client.GroupID) (Log, error) {
	for _, l := range d.report.Groups {
		if l.Group == g {
			return l, nil
		}
	}
	return Log{}, client.NewProblem(client.CodeBadRequest, "%s holds no group %v", d.path, g).
		WithHint("See its groups with: wraftd log stats --data-dir %s", d.path)
}

func damageProblem(path string, err error) error {
	if errors.Is(err, storage.ErrDamaged) {
		return client.NewProblem(client.CodeChecksFailed, "%s: %v", path, err).
			WithHint("The entries in front of it are sound. Keep the folder until the cluster is whole without it.").WithCause(err)
	}
	return problem(path, err)
}

// Stats is what a group's log is made of.
type Stats struct {
	Log
	// Commands counts those of all entries by kind, CommandBytes their data.
	Commands     map[string]uint64 `json:"commands"`
	CommandBytes uint64            `json:"command_bytes"`
	// LargestBytes is the longest data of an entry, at LargestIndex.
	LargestBytes int    `json:"largest_bytes"`
	LargestIndex uint64 `json:"largest_index"`
	// Terms is how many terms have entries, Unreadable how many entries are nothing
	// that this release knows.
	Terms      int    `json:"terms"`
	Unreadable uint64 `json:"unreadable"`
	// Begin and End are the leaders' wall clocks at the first and last command.
	Begin time.Time `json:"begin,omitzero"`
	End   time.Time `json:"end,omitzero"`
}

// Stats reads a whole log. Damage in it is part of what it says.
func (d *Directory) Stats(g client.GroupID) (Stats, error) {
	log, err := d.log(g)
	if err != nil {
		return Stats{}, err
	}
	s := Stats{Log: log, Commands: map[string]uint64{}}
	term := raft.Term(0)
	err = d.inspector.Entries(raft.GroupID(g), raft.Index(log.First), raft.Index(log.Last)+1, func(e raft.Entry) error {
		if e.Term != term {
			term = e.Term
			s.Terms++
		}
		s.add(entries.Read(e, 0))
		return nil
	})
	if err != nil && !errors.Is(err, storage.ErrDamaged) {
		return s, problem(d.path, err)
	}
	return s, nil
}

func (s *Stats) add(e client.LogEntry) {
	if e.Bytes > s.LargestBytes {
		s.LargestBytes, s.LargestIndex = e.Bytes, e.Index
	}
	if e.Unreadable != "" {
		s.Unreadable++
	}
	for _, c := range e.Commands {
		s.Commands[c.Kind]++
		s.CommandBytes += uint64(c.Bytes)
	}
	if len(e.Commands) == 0 {
		return
	}
	if s.Begin.IsZero() {
		s.Begin = e.WallTime
	}
	s.End = e.WallTime
}
