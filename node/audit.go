package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

const (
	// AuditMax bounds the records of who did what that the catalogue keeps; the oldest go first.
	AuditMax = 1024
	// ByBytesMax bounds the name of who asks for something.
	ByBytesMax = UpgradeByBytesMax
)

// AuditRecord says who did what. It stands behind what it tells of in the same entry, so that
// neither is there without the other.
type AuditRecord struct {
	Index raft.Index `cbor:"1,keyasint"` // of the entry, in the meta group's log
	At    int64      `cbor:"2,keyasint"` // Unix ns, by the clock of the node that was asked
	By    string     `cbor:"3,keyasint"`
	// Action is one word, or some with hyphens: deploy, remove-node.
	Action string `cbor:"4,keyasint"`
	// Subject is what it was done to: a machine, node, token or level. Detail may be empty.
	Subject string `cbor:"5,keyasint"`
	Detail  string `cbor:"6,keyasint,omitempty"`
}

// transferredCommand tells of leadership that was handed over; it is in no other command.
type transferredCommand struct {
	Machine string      `cbor:"1,keyasint,omitempty"` // "" for the meta group
	To      raft.NodeID `cbor:"2,keyasint"`
}

// note keeps who asked for a command that was obeyed.
func (m *MetaMachine) note(index raft.Index, c laterCommand, result plugins.Result) {
	record := c.audited()
	if c.Join != nil { // Why from the answer: as a rule nobody asked for this ID
		record.Subject = decodeNodeID(result.Data).String()
	}
	if record.Action == "" {
		return
	}
	record.Index, record.At, record.By = index, c.At, c.By[:min(len(c.By), ByBytesMax)]
	next := *m.catalogue
	next.Index = record.Index
	kept := next.Audit[max(0, len(next.Audit)+1-AuditMax):]
	next.Audit = append(slices.Clip(slices.Clone(kept)), record)
	m.catalogue = &next
}

// audited is what a command does, in the words of the audit.
func (c laterCommand) audited() AuditRecord {
	switch {
	case c.First != nil:
		return c.First.audited()
	case c.AddToken != nil:
		return AuditRecord{Action: "create-token", Subject: c.AddToken.Token.name(), Detail: c.AddToken.Token.Role}
	case c.RevokeToken != nil:
		return AuditRecord{Action: "revoke-token", Subject: c.RevokeToken.Name}
	case c.Join != nil:
		return AuditRecord{Action: "join-node", Detail: c.Join.Node.PeerAddress}
	case c.RemoveDead != nil:
		return AuditRecord{Action: "remove-dead-node", Subject: c.RemoveDead.Node.String(), Detail: fmt.Sprintf("nobody reached it for %v", c.RemoveDead.Silent.Round(time.Second))}
	case c.Leaders != nil:
		return AuditRecord{Action: "place-leaders", Detail: c.Leaders.Change.describe()}
	case c.Transferred != nil:
		return AuditRecord{Action: "transfer-leader", Subject: c.Transferred.Machine, Detail: fmt.Sprintf("to %v", c.Transferred.To)}
	}
	return AuditRecord{}
}

// audited is the same of a command of the first release; nothing for what nodes do by
// themselves.
func (c metaCommand) audited() AuditRecord {
	switch {
	case c.Create != nil && c.Create.Restore:
		return AuditRecord{Action: "restore", Subject: c.Create.Name, Detail: c.Create.Run.Module.String()}
	case c.Create != nil:
		return AuditRecord{Action: "deploy", Subject: c.Create.Name, Detail: c.Create.Run.Module.String()}
	case c.Begin != nil && c.Begin.Rollback:
		return AuditRecord{Action: "rollback", Subject: c.Begin.Name}
	case c.Begin != nil:
		return AuditRecord{Action: "upgrade", Subject: c.Begin.Name, Detail: c.Begin.To.Module.String()}
	case c.Delete != nil:
		return AuditRecord{Action: "delete", Subject: c.Delete.Name, Detail: fmt.Sprintf("group %d", c.Delete.Group)}
	case c.AddNode != nil:
		return AuditRecord{Action: "add-node", Subject: c.AddNode.Node.ID.String(), Detail: c.AddNode.Node.PeerAddress}
	case c.MoveNode != nil:
		words := map[NodeState]string{NodeVoter: "promote-node", NodeLearner: "demote-node", NodeLeaving: "remove-node"}
		return AuditRecord{Action: words[c.MoveNode.To], Subject: c.MoveNode.Node.String()}
	case c.Raise != nil:
		return AuditRecord{Action: "raise-level", Subject: fmt.Sprint(c.Raise.Level)}
	}
	return AuditRecord{}
}

// asker is who asks for something, and when.
type asker struct {
	by string
	at int64 // Unix ns
}

// askerKey finds the asker in a context.
type askerKey struct{}

// AskedBy returns a context under which changes of the catalogue are noted as somebody's, with
// the time. Why in the context: it is not what is done, and passes through all that lies between.
func AskedBy(ctx context.Context, name string, at time.Time) context.Context {
	return context.WithValue(ctx, askerKey{}, asker{by: name[:min(len(name), ByBytesMax)], at: at.UnixNano()})
}

// askedBy is who asks; asked is false for what a node does by itself.
func askedBy(ctx context.Context) (a asker, asked bool) {
	a, asked = ctx.Value(askerKey{}).(asker)
	return a, asked
}

// NoteTransfer notes in the audit that leadership went over as somebody asked, of a machine
// or with "" of the meta group. It is not done with the transfer, which is in no log.
func (n *Node) NoteTransfer(ctx context.Context, machine string, to raft.NodeID) error {
	if n.catalogue.Load().Level < Level2 {
		return nil
	}
	_, err := n.replicateLater(ctx, laterCommand{Transferred: &transferredCommand{Machine: machine, To: to}})
	return err
}

// replicateMeta replicates a command of the first release with the name of who asks, where
// the cluster's level knows it. To obey it twice does no harm.
func (n *Node) replicateMeta(ctx context.Context, data []byte) (reply, error) {
	if a, asked := askedBy(ctx); asked && n.catalogue.Load().Level >= Level2 {
		var first metaCommand
		if err := batchDecoding.Unmarshal(data, &first); err != nil {
			return reply{}, fmt.Errorf("node: own meta command: %w", err)
		}
		signed, err := laterCommand{By: a.by, At: a.at, First: &first}.encode()
		if err != nil {
			return reply{}, err
		}
		data = signed
	}
	return n.replicateIdempotent(ctx, MetaGroup, Command{Kind: CommandCall, Data: data})
}
