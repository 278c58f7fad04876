package node

import (
	"slices"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// TombstonesMax bounds the deleted machines that the catalogue remembers by name; the
// oldest go first. That a group was deleted is known without them: see
// Catalogue.Deleted.
const TombstonesMax = 1024

// Tombstone is what is left of a deleted machine.
type Tombstone struct {
	_       struct{} `cbor:",toarray"`
	Name    string
	Group   raft.GroupID // is never given to another machine
	Module  Digest       // that it ran last
	Created raft.Index   // in the meta group's log
	Index   raft.Index   // of the deletion, in the meta group's log
	At      int64        // Unix ns at the node that was asked, for display
	By      string       // who asked
}

// deleteCommand deletes a machine for good.
type deleteCommand struct {
	_     struct{} `cbor:",toarray"`
	Name  string
	Group raft.GroupID // of the machine that is meant: a later one of that name stays
	By    string
	At    int64
}

// DeleteCommand is the data of the meta group's command that deletes a machine.
// Deleting the same one again changes nothing.
func DeleteCommand(r DeleteRequest) ([]byte, error) {
	return metaCommand{Delete: &deleteCommand{
		Name: r.Machine, Group: r.Group, By: r.By[:min(len(r.By), UpgradeByBytesMax)], At: r.At,
	}}.encode()
}

// deleteMachine leaves a tombstone in a machine's place. An upgrade that is under way
// ends with it.
func (m *MetaMachine) deleteMachine(index raft.Index, c deleteCommand) plugins.Result {
	if m.catalogue.Deleted(c.Group) {
		return plugins.Result{Status: metaExists}
	}
	at, found := slices.BinarySearchFunc(m.catalogue.Machines, c.Name, compareName)
	if !found || m.catalogue.Machines[at].Group != c.Group {
		return plugins.Result{Status: metaUnknownMachine}
	}
	was := m.catalogue.Machines[at]
	next := *m.catalogue
	next.Index = index
	next.Machines = slices.Delete(slices.Clone(next.Machines), at, at+1)
	kept := next.Tombstones[max(0, len(next.Tombstones)+1-TombstonesMax):]
	next.Tombstones = append(slices.Clip(slices.Clone(kept)), Tombstone{
		Name: was.Name, Group: was.Group, Module: was.Active.Run.Module, Created: was.Created, Index: index, At: c.At, By: c.By,
	})
	m.catalogue = &next
	return plugins.Result{}
}

// Deleted reports whether a group was a machine's that is deleted. Group numbers only
// rise, so one that was given out and belongs to no machine did.
func (c *Catalogue) Deleted(g raft.GroupID) bool {
	return g > MetaGroup && g < c.NextGroup && !slices.ContainsFunc(c.Machines, func(m MachineRecord) bool { return m.Group == g })
}

// Tombstone finds the newest tombstone of a name, or with a group that of the group.
func (c *Catalogue) Tombstone(name string, g raft.GroupID) (Tombstone, bool) {
	for i := len(c.Tombstones) - 1; i >= 0; i-- {
		if t := c.Tombstones[i]; g != 0 && t.Group == g || g == 0 && t.Name == name {
			return t, true
		}
	}
	return Tombstone{}, false
}
