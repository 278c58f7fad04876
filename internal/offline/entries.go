package offline

import (
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/storage"
)

// Entry is one entry of a log.
type Entry struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	Type  string `json:"type"` // noop, command or config
	Bytes int    `json:"bytes"`
	// Time is how long the term's leader had led, WallTime its wall clock; of entries
	// with commands.
	Time     time.Duration `json:"time_ns,omitempty"`
	WallTime time.Time     `json:"wall_time,omitzero"`
	Commands []Command     `json:"commands,omitempty"`
	// Configuration is that of a config entry, in words.
	Configuration string `json:"configuration,omitempty"`
	// Unreadable says why the data is nothing that this release knows.
	Unreadable string `json:"unreadable,omitempty"`
}

// Command is one command of an entry.
type Command struct {
	Kind     string `json:"kind"` // call, session, upgrade, export or restore
	Session  uint64 `json:"session,omitempty"`
	Key      string `json:"key,omitempty"`
	Sequence uint64 `json:"sequence,omitempty"`
	// Data is what the machine gets, or an order for the host.
	Data []byte `json:"data"`
}

// errEnough ends a walk before the end of the log.
var errEnough = errors.New("offline: enough entries")

// Entries reads up to limit entries of a group from index from on, or from the
// first one when that lies behind; more reports whether the log goes on. An error
// is a *client.Problem; entries in front of damage come with it.
func (d *Directory) Entries(g client.GroupID, from uint64, limit int) (out []Entry, more bool, err error) {
	log, err := d.log(g)
	if err != nil {
		return nil, false, err
	}
	err = d.inspector.Entries(raft.GroupID(g), raft.Index(max(from, log.First)), raft.Index(log.Last)+2, func(e raft.Entry) error {
		if len(out) == limit {
			return errEnough
		}
		out = append(out, read(e))
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

// read makes an entry readable.
func read(e raft.Entry) Entry {
	out := Entry{Index: uint64(e.Index), Term: uint64(e.Term), Type: e.Type.String(), Bytes: len(e.Data)}
	switch e.Type {
	case raft.EntryConfig:
		c, err := confchange.Decode(e.Data)
		if err != nil {
			out.Unreadable = err.Error()
			break
		}
		out.Configuration = configurationWords(c)
	case raft.EntryCommand:
		b, err := node.DecodeBatch(e.Data)
		if err != nil {
			out.Unreadable = err.Error()
			break
		}
		out.Time, out.WallTime = time.Duration(b.Elapsed), time.Unix(0, b.Wall).UTC()
		for _, c := range b.Commands {
			out.Commands = append(out.Commands, commandOf(c))
		}
	}
	return out
}

func commandOf(c node.Command) Command {
	out := Command{Kind: kindWord(c.Kind), Session: uint64(c.Session), Sequence: c.Sequence, Data: c.Data}
	if c.Kind == node.CommandKeyed {
		if key, call, ok := node.SplitKeyed(c.Data); ok {
			out.Key, out.Data = key, call
		}
	}
	return out
}

func kindWord(k node.CommandKind) string {
	switch k {
	case node.CommandCall:
		return "call"
	case node.CommandKeyed:
		return "keyed-call"
	case node.CommandOpenSession, node.CommandTimedSession:
		return "session"
	case node.CommandUpgrade:
		return "upgrade"
	case node.CommandExport:
		return "export"
	case node.CommandRestore:
		return "restore"
	}
	return fmt.Sprintf("kind %d", k)
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
		s.add(read(e))
		return nil
	})
	if err != nil && !errors.Is(err, storage.ErrDamaged) {
		return s, problem(d.path, err)
	}
	return s, nil
}

func (s *Stats) add(e Entry) {
	if e.Bytes > s.LargestBytes {
		s.LargestBytes, s.LargestIndex = e.Bytes, e.Index
	}
	if e.Unreadable != "" {
		s.Unreadable++
	}
	for _, c := range e.Commands {
		s.Commands[c.Kind]++
		s.CommandBytes += uint64(len(c.Data))
	}
	if len(e.Commands) == 0 {
		return
	}
	if s.Begin.IsZero() {
		s.Begin = e.WallTime
	}
	s.End = e.WallTime
}
