package node

import (
	"encoding/binary"
	"fmt"

	"github.com/wraft/wraft/internal/sumhash"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// CheckEvery is how many entries lie between two comparisons of the replicas'
// states. All nodes have to agree on it: they compare at its multiples.
const CheckEvery = 256

// StateHasher is a machine that can name its whole state: equal on replicas that
// applied the same entries. An error says that the state is damaged.
type StateHasher interface {
	StateHash() (plugins.StateHash, error)
}

// check notes the state at every multiple of CheckEvery.
func (a *Applier) check() error {
	if a.applied%CheckEvery != 0 {
		return nil
	}
	machine, ok := a.machine.(StateHasher)
	if !ok {
		return nil
	}
	hash, err := machine.StateHash()
	if err != nil {
		return fmt.Errorf("node: state of group %d behind %d: %w", a.group, a.applied, err)
	}
	a.checks = append(a.checks, StateCheck{Index: a.applied, Hash: a.replicaHash(hash)})
	return nil
}

// replicaHash names everything that the log has led to, from the machine's part.
func (a *Applier) replicaHash(machine plugins.StateHash) [16]byte {
	b := append([]byte("wraft replica v1"), machine[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(a.term))
	b = binary.LittleEndian.AppendUint64(b, uint64(a.termBase))
	b = binary.LittleEndian.AppendUint64(b, uint64(a.logTime))
	b = binary.LittleEndian.AppendUint64(b, uint64(a.upgrades.running.Since))
	b = binary.LittleEndian.AppendUint64(b, a.restored.Ahead)
	return sumhash.Bytes(sumhash.Of(a.keys.AppendHash(a.sessions.AppendHash(b))))
}

// TakeChecks returns the checks noted since the last call, ascending.
func (a *Applier) TakeChecks() []StateCheck {
	out := a.checks
	a.checks = nil
	return out
}

// forwardedState is a StateCheck on its way to the other replicas.
type forwardedState struct {
	_     struct{} `cbor:",toarray"`
	Check StateCheck
}

// tellState sends a check of a group to the other nodes with a replica.
// It may be lost: the next one says as much.
func (n *Node) tellState(g raft.GroupID, members []raft.NodeID, check StateCheck) {
	for _, to := range members {
		if to == n.cfg.Self {
			continue
		}
		if err := n.tell(to, g, forwardState, forwardedState{Check: check}); err != nil {
			n.log.Debug("a state check could not be sent", "peer", uint64(to), "group", g, "err", err)
		}
	}
}
