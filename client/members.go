package client

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
)

// NodeState is what the cluster wants of a node. Groups follow, one after the other.
type NodeState string

// The states of a node.
const (
	// NodeVoter: it votes in all groups.
	NodeVoter NodeState = "voter"
	// NodeLearner: it has a replica of all groups and votes in none.
	NodeLearner NodeState = "learner"
	// NodeLeaving: its replicas are being removed.
	NodeLeaving NodeState = "leaving"
	// NodeRemoved: no group has a replica on it any more.
	NodeRemoved NodeState = "removed"
)

// NodeSpec describes a node that is to be added.
type NodeSpec struct {
	// ID was never given to another node, or to this one, which was removed.
	ID NodeID `json:"id"`
	// Peer (UDP) and API (TCP) are the host:port that others dial.
	Peer string `json:"peer"`
	API  string `json:"api"`
	// Region is a label; may be empty.
	Region string `json:"region,omitempty"`
}

// NodeChange is what is asked of a node's state.
type NodeChange struct {
	// State is NodeVoter, NodeLearner or NodeLeaving.
	State NodeState `json:"state"`
	// AcceptQuorumLoss has a change recorded that leaves too few voters that answer. Groups
	// follow once enough of them do.
	AcceptQuorumLoss bool `json:"accept_quorum_loss,omitempty"`
	// DryRun only asks for the effect.
	DryRun bool `json:"dry_run,omitempty"`
}

// QuorumEffect is what a change does to the majority that every write needs.
type QuorumEffect struct {
	VotersBefore int `json:"voters_before"`
	VotersAfter  int `json:"voters_after"`
	// ToleratesBefore and ToleratesAfter are how many voters may fail.
	ToleratesBefore int `json:"tolerates_before"`
	ToleratesAfter  int `json:"tolerates_after"`
	// There counts the voters after the change that the answering node hears and that vote
	// in every group already.
	There int `json:"there"`
	// LosesQuorum says that those are no majority.
	LosesQuorum bool `json:"loses_quorum,omitempty"`
}

// NodeChanged answers a NodeChange.
type NodeChanged struct {
	// Node is as it is after the change; groups may have to follow yet.
	Node   NodeInfo     `json:"node"`
	Quorum QuorumEffect `json:"quorum"`
	DryRun bool         `json:"dry_run,omitempty"`
}

// Settled reports whether all groups have the node as its state says.
func (n NodeInfo) Settled() bool {
	switch n.State {
	case NodeVoter:
		return len(n.Votes) > 0 && len(n.Votes) == len(n.Holds) && len(n.Lacks) == 0
	case NodeLearner:
		return len(n.Learns) > 0 && len(n.Learns) == len(n.Holds) && len(n.Lacks) == 0
	}
	return n.State == NodeRemoved
}

// Over reports whether a life of the node has ended for good: the cluster removed the node
// in it, or the node is in a later one.
func (n NodeInfo) Over(life uint32) bool {
	return life <= n.Lives && (life != n.Incarnation || n.State == NodeRemoved)
}

const membersPath = "/v1/cluster/members"

// AddNode makes a node known to the cluster, as a learner. It gets its replicas when it
// starts. Adding the same one again is no error and created is false then;
// CodeNodeConflict when another one has the ID or the address.
func (c *Client) AddNode(ctx context.Context, spec NodeSpec) (info NodeInfo, created bool, err error) {
	a, err := c.changeMembers(ctx, http.MethodPost, membersPath, spec)
	if err != nil {
		return info, false, err
	}
	return info, a.status == http.StatusCreated, decode(a, &info)
}

// ChangeNode promotes a node, demotes it or has it leave for good, and returns once that
// is recorded: NodeInfo.Holds says which groups have to follow yet. The same again
// is no error. It fails with CodeQuorumLoss when too few voters would be left that answer.
func (c *Client) ChangeNode(ctx context.Context, id NodeID, change NodeChange) (NodeChanged, error) {
	var changed NodeChanged
	a, err := c.changeMembers(ctx, http.MethodPatch, membersPath+"/"+strconv.FormatUint(uint64(id), 10), change)
	if err != nil {
		return changed, err
	}
	return changed, decode(a, &changed)
}

func (c *Client) changeMembers(ctx context.Context, method, path string, body any) (answer, error) {
	ctx, cancel := c.bound(ctx, c.config.Timeout)
	defer cancel()
	data, err := json.Marshal(body)
	if err != nil {
		return answer{}, NewProblem(CodeBadRequest, "%v", err).WithCause(err)
	}
	return c.do(ctx, &call{
		method: method, path: path, header: http.Header{"Content-Type": {"application/json"}},
		body: bytesBody(data), size: int64(len(data)), repeatable: true,
	})
}
