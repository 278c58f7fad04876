package node

import "github.com/wraft/wraft/raft"

// wait keeps work whose first entry upgrades to a module that is not here, and has
// the module fetched. Nothing is lost: what is committed meanwhile queues behind
// it, bounded by the core's apply budget, and queries see the old module's state.
func (l *applierLoop) wait(await *AwaitModuleError, rest ApplyWork) {
	l.waiting = true
	l.backlog = append([]ApplyWork{rest}, l.backlog...)
	l.serveWaiting()
	l.node.log.Warn("machine waits for the module of an upgrade", "group", l.group, "index", await.Index, "module", await.Module.String())
	l.node.upgrades.in.force(func(u *Upgrader) { u.Await(l.group, await.Module, await.Index) })
}

// resume tries the backlog again: its module has come.
func (l *applierLoop) resume() {
	l.in.force(func(l *applierLoop) {
		if l.waiting && l.halted == nil {
			l.waiting = false
			l.applyBacklog()
		}
	})
}

// overtake drops a machine that waits at an entry or before it: a snapshot behind that
// entry is here, from which another one is opened.
func (l *applierLoop) overtake(index raft.Index) {
	l.in.force(func(l *applierLoop) {
		if !l.waiting || l.halted != nil || l.applier == nil || l.applier.Applied() >= index {
			return
		}
		l.waiting = false
		l.drop()
		l.node.reopen(l.group, nil)
	})
}
