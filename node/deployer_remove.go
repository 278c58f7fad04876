package node

import (
	"maps"
	"slices"

	"github.com/wraft/wraft/raft"
)

// Found says that a group has something on this node's disk since before the start,
// its log or only files. Should the catalogue say that its machine is deleted, that goes too: a crash may
// have cut its removal off, or the machine was deleted while this node was down.
func (d *Deployer) Found(g raft.GroupID, log bool) {
	if g != MetaGroup {
		d.found[g] = d.found[g] || log
	}
}

// Current says that the catalogue now holds everything that was committed before
// this node started. No log is begun before that: a catalogue that is being replayed
// shows machines that are deleted, and their votes are forgotten here.
func (d *Deployer) Current() { d.current = true }

// Live says in which life this node takes part. It comes before any catalogue: a log that is
// replayed may tell of an earlier life that left, and what the disk has is not of that one.
func (d *Deployer) Live(life raft.Incarnation) { d.life = life }

// removeDeleted plans the removal of what the catalogue says is deleted.
func (d *Deployer) removeDeleted(c *Catalogue) {
	for _, g := range slices.Sorted(maps.Keys(d.machines)) {
		if m := d.machines[g]; !m.gone && c.Deleted(g) {
			d.remove(m)
		}
	}
	for _, g := range slices.Sorted(maps.Keys(d.found)) {
		if d.machines[g] == nil && c.Deleted(g) {
			m := &deployment{record: MachineRecord{Group: g}}
			d.machines[g] = m
			d.remove(m)
		}
	}
}

// letGo plans the removal of replicas for which a node that leaves has no seat any more,
// and reports whether this one leaves. Such a node begins no log either: a group's leader that is
// behind may take it in again, and a replica that is begun anew in the same life has forgotten its
// votes. So it has none, and is never counted.
func (d *Deployer) letGo(c *Catalogue) bool {
	if r, known := c.Node(d.self); !known || r.State < NodeLeaving || r.Lives < d.life {
		return false
	}
	for _, record := range c.Machines {
		m := d.machines[record.Group]
		switch {
		case m == nil && d.found[record.Group] && !record.on(d.self):
			m = &deployment{record: record}
			d.machines[record.Group] = m
			d.remove(m)
		case m == nil || m.gone:
		case m.phase == PhaseGroup && !m.busy && !d.found[record.Group]:
			delete(d.machines, record.Group)
			d.changes++
		case !record.on(d.self):
			d.remove(m)
		}
	}
	return true
}

func (d *Deployer) remove(m *deployment) {
	d.changes++
	m.gone, m.cause, m.retryAt = true, nil, 0
	if m.phase == PhaseGroup && m.busy {
		return // it is being created: GroupCreated goes on
	}
	m.phase, m.busy = PhaseRemoving, false
}

// GroupRemoved says what came of RemoveGroup.
func (d *Deployer) GroupRemoved(g raft.GroupID, err error) {
	m := d.machines[g]
	if m == nil || m.phase != PhaseRemoving {
		return
	}
	d.changes++
	if err != nil {
		m.busy, m.cause = false, err
		m.tries++
		m.retryAt = d.now + min(fetchRetryMin<<min(m.tries, 10), fetchRetryMax)
		return
	}
	delete(d.machines, g)
	delete(d.found, g)
	d.readmit()
}

// readmit looks again at machines that had no room here, the oldest first.
func (d *Deployer) readmit() {
	for _, g := range slices.Sorted(maps.Keys(d.machines)) {
		m := d.machines[g]
		if m.refused == nil || m.gone {
			continue
		}
		if m.refused = d.refuse(m.record); m.refused == nil && m.phase == PhaseFailed {
			m.phase, m.cause = PhaseModule, nil
		}
	}
}
