package offline

import (
	"cmp"
	"slices"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/entries"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// Snapshot is a snapshot file of a group.
type Snapshot struct {
	Group client.GroupID `json:"group"`
	Index uint64         `json:"index"`
	Term  uint64         `json:"term,omitempty"`
	// Kind is what the content is: "image/1" or "state/1".
	Kind   string `json:"kind,omitempty"`
	Digest string `json:"digest"`
	// Base is the digest of the file that this one is an increment on; empty for one
	// that is whole.
	Base          string `json:"base,omitempty"`
	Bytes         int64  `json:"bytes"`
	Configuration string `json:"configuration,omitempty"`
	// Damage says what is wrong with it; empty when what was looked at is sound.
	Damage string `json:"damage,omitempty"`
}

// Snapshots lists the snapshot files of a group, ascending by index, those that were put
// away included. With verify each is read to its end, else only its beginning.
func (d *Directory) Snapshots(g client.GroupID, verify bool) ([]Snapshot, error) {
	files := d.inspector.Snapshots()
	list, err := files.List(raft.GroupID(g))
	if err != nil {
		return nil, err
	}
	away, err := files.Condemned(raft.GroupID(g))
	if err != nil {
		return nil, err
	}
	var out []Snapshot
	for _, f := range list {
		out = append(out, d.snapshot(f, verify))
	}
	for _, f := range away {
		out = append(out, Snapshot{Group: g, Index: uint64(f.Index), Digest: f.Digest.String(), Bytes: f.Size, Damage: "it was put away as damaged"})
	}
	slices.SortStableFunc(out, func(a, b Snapshot) int { return cmp.Compare(a.Index, b.Index) })
	return out, nil
}

// snapshot looks at one file, and at those it rests on.
func (d *Directory) snapshot(f storage.SnapshotFile, verify bool) Snapshot {
	files := d.inspector.Snapshots()
	out := Snapshot{Group: client.GroupID(f.Group), Index: uint64(f.Index), Digest: f.Digest.String(), Bytes: f.Size}
	look := files.Header
	if verify {
		look = files.Verify
	}
	h, err := look(f)
	if err == nil {
		out.Term, out.Kind, out.Configuration = uint64(h.Meta.Term), h.Kind, entries.Configuration(h.Meta.Configuration)
		if h.Base != (storage.Digest{}) {
			out.Base = h.Base.String()
		}
		_, err = files.Chain(f)
	}
	if err != nil {
		out.Damage = err.Error()
	}
	return out
}
