package node

import (
	"testing"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// TestATokenLetsOneNodeIn: one key once, under an ID that is no living node's.
func TestATokenLetsOneNodeIn(t *testing.T) {
	l := newMetaLog(t, Level2, Level2)
	l.apply(AddNodeCommand(NodeRecord{ID: 9, PeerAddress: "h:9"}))
	for n, grant := range map[int]JoinGrant{1: {}, 2: {Node: 7, Learner: true}, 3: {}, 4: {Node: 9}} {
		record := TokenRecord{Hash: tokenHash(n), Role: "join", Join: &grant}
		if n == 3 {
			record.Expires = 1
		}
		l.addToken(record)
	}
	l.addToken(TokenRecord{Hash: tokenHash(5), Role: "admin"})
	join := func(token, key int, r NodeRecord) plugins.Result {
		t.Helper()
		return l.later(laterCommand{Join: &joinCommand{Token: tokenHash(token), Key: tokenHash(key), Node: r}})
	}
	for i, step := range []struct {
		token, key int
		node       NodeRecord
		want       int32
		id         raft.NodeID
	}{
		{1, 1, NodeRecord{ID: 1, PeerAddress: ""}, metaConflict, 0},
		{1, 1, NodeRecord{ID: 9, PeerAddress: "h:9"}, metaConflict, 0}, // nobody said that it is for that one
		{1, 1, NodeRecord{PeerAddress: "h:9"}, metaConflict, 0},
		{1, 1, NodeRecord{PeerAddress: "h:10"}, metaOK, 10},
		{1, 1, NodeRecord{PeerAddress: "h:10"}, metaExists, 10}, // the first answer did not arrive
		{1, 2, NodeRecord{PeerAddress: "h:11"}, metaTokenUsed, 0},
		{2, 2, NodeRecord{ID: 8, PeerAddress: "h:8"}, metaConflict, 0},
		{2, 2, NodeRecord{PeerAddress: "h:7"}, metaOK, 7},
		{3, 3, NodeRecord{PeerAddress: "h:3"}, metaUnknownToken, 0},
		{4, 4, NodeRecord{PeerAddress: "h:9"}, metaOK, 9}, // it was added before, and never up
		{5, 5, NodeRecord{PeerAddress: "h:5"}, metaUnknownToken, 0},
		{6, 6, NodeRecord{PeerAddress: "h:6"}, metaUnknownToken, 0},
	} {
		r := join(step.token, step.key, step.node)
		if r.Status != step.want || step.id != 0 && decodeNodeID(r.Data) != step.id {
			t.Errorf("step %d: status %d, %s, want %d and %v", i, r.Status, r.Data, step.want, step.id)
		}
	}
	for id, want := range map[raft.NodeID]NodeState{10: NodeVoter, 7: NodeLearner, 9: NodeVoter} {
		if n, ok := l.catalogue.Node(id); !ok || n.State != want || n.Incarnation != 0 {
			t.Errorf("%v is %+v, want a %v", id, n, want)
		}
	}
	if r := l.catalogue.Audit[len(l.catalogue.Audit)-3]; r.Action != "join-node" || r.Subject != "n10" || r.Detail != "h:10" {
		t.Errorf("the audit says %+v", r)
	}
}
