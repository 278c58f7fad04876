package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/metric"
)

// lagEntriesMax is how many entries a follower or a machine may trail: some seconds of a
// loaded cluster.
const lagEntriesMax = 10_000

// lossMax is the share of packets that a path may lose before it is worth a note.
const lossMax = 0.05

// nodes finds nodes that do not answer, or say that they are not ready.
func nodes(f Facts) (out []Finding) {
	for _, n := range f.Nodes {
		switch {
		case n.Err != nil:
			found := ofProblem(nodeName(n.ID), n.Err)
			found.What += reasons(f, n.ID)
			out = append(out, found)
		case n.NotReady != nil:
			out = append(out, ofProblem(nodeName(n.ID), n.NotReady))
		}
	}
	return out
}

// reasons says why others have no connection to a node.
func reasons(f Facts, id client.NodeID) string {
	var words []string
	for _, n := range f.answering() {
		for _, to := range n.Info.Nodes {
			if to.ID == id && to.Down != "" {
				words = append(words, fmt.Sprintf("to node %d it is %s", n.ID, to.Down))
			}
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// quorum counts the votes that may still be lost.
func quorum(f Facts) []Finding {
	voters, there := 0, 0
	for _, n := range f.Nodes {
		if n.State == client.NodeVoter {
			voters++
			if n.Err == nil {
				there++
			}
		}
	}
	need := voters/2 + 1
	const place = "growing-and-shrinking"
	switch {
	case there < need:
		return []Finding{wrong("cluster", string(client.CodeNoLeader), "Start the nodes that do not answer.",
			"%d of %d voters answer here, %d are needed for anything to be written", there, voters, need)}
	case there == need && voters > 2:
		return []Finding{wrong("cluster", operations(place), "Start the nodes that do not answer, or replace them: wraftd nodes list",
			"%d of %d voters answer here; one more failure stops all writes", there, voters)}
	case voters <= 2:
		return []Finding{note("cluster", operations(place), "Add nodes: wraftd nodes add; three survive one failure.",
			"%d voters survive no failure", voters)}
	case voters%2 == 0:
		return []Finding{note("cluster", operations(place), "Add a node, or demote one.",
			"%d voters survive no more failures than %d would", voters, voters-1)}
	}
	return nil
}

// groups finds groups without a leader and replicas that do not run.
func groups(f Facts) (out []Finding) {
	led, names := map[client.GroupID]bool{}, map[client.GroupID]string{}
	for _, n := range f.answering() {
		for _, g := range n.Info.Groups {
			names[g.Group] = machineName(g)
			led[g.Group] = led[g.Group] || g.Leader != 0
			on := fmt.Sprintf("%s on node %d", machineName(g), n.ID)
			switch g.State {
			case client.MachineHalted:
				out = append(out, wrong(on, string(client.CodeMachineHalted), "See docs/OPERATIONS.md, and the log of that node.", "halted: %s", g.StateReason))
			case client.MachineRestoring:
				out = append(out, note(on, string(client.CodeRestoring), "Finish it: wraftd backup restore FILE --only "+g.Machine, "waits for its state from a backup"))
			case client.MachineStarting:
				out = append(out, note(on, string(client.CodeMachineStarting), "Wait; if it lasts, see the log of that node.", "is starting: %s", g.StateReason))
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(led)) {
		if !led[id] {
			out = append(out, wrong(names[id], string(client.CodeNoLeader), "Ask again; if it lasts, start nodes that are down and see the links.", "no node knows a leader"))
		}
	}
	return out
}

// machineName is a group as the subject of a finding.
func machineName(g client.GroupInfo) string {
	if g.Machine == "" {
		return "the meta group"
	}
	return "machine " + g.Machine
}

// remedies say what to do about a link, by the reason why it does not stand.
var remedies = map[string]string{
	"silent":  "Check that the host is up, and that UDP passes to and from the peer port, both ways.",
	"absent":  "Start the node; check its peer address.",
	"narrow":  "Raise the MTU of the tunnel or link on the way: QUIC needs UDP payloads of 1,200 bytes.",
	"busy":    "See whether that node, or the path to it, is overloaded.",
	"refused": "Read the logs of both nodes: certificates, cluster name, versions.",
	"address": "Correct the name of the address, or DNS.",
}

// links finds connections that do not stand, between nodes that both answer here.
func links(f Facts) (out []Finding) {
	for _, n := range f.answering() {
		for _, to := range n.Info.Nodes {
			if to.ID == n.ID || to.State == client.NodeRemoved || f.silent(to.ID) {
				continue
			}
			subject := fmt.Sprintf("node %d to %d", n.ID, to.ID)
			const place = "links-that-do-not-stand"
			switch do, known := remedies[to.Down]; {
			case !to.Up && known:
				out = append(out, wrong(subject, operations(place), do, "no connection: %s", to.Down))
			case !to.Up:
				out = append(out, wrong(subject, operations(place), "Ask again in some seconds; then the reason is known.", "no connection, and no reason yet"))
			case to.Loss > lossMax:
				out = append(out, note(subject, operations("links-that-lose-packets"), "Find out whether the path is full or broken.",
					"the path loses %.1f%% of the packets, before repair", 100*to.Loss))
			}
		}
	}
	return out
}

// lag finds followers that trail their leaders, and machines that trail their logs.
func lag(f Facts) (out []Finding) {
	const do = "See whether its disk or its link is slow; wraftd top shows whether it catches up."
	for _, n := range f.answering() {
		for _, s := range n.Metrics.Named(metric.RaftFollowerLagEntries) {
			if s.Value > lagEntriesMax && !isSilent(f, s.Labels["peer"]) {
				out = append(out, wrong("node "+s.Labels["peer"], operations("see-how-it-is"), do,
					"trails the leader of group %s by %.0f entries", s.Labels["group"], s.Value))
			}
		}
		for _, g := range n.Info.Groups {
			if g.Commit > g.Applied && g.Commit-g.Applied > lagEntriesMax && g.State == client.MachineRunning {
				out = append(out, wrong(fmt.Sprintf("%s on node %d", machineName(g), n.ID), operations("see-how-it-is"), do,
					"has %d committed entries to apply", g.Commit-g.Applied))
			}
		}
	}
	return out
}

// isSilent is Facts.silent for a node as metrics name it.
func isSilent(f Facts, peer string) bool {
	return slices.ContainsFunc(f.Nodes, func(n Node) bool { return n.ID.String() == strings.TrimPrefix(peer, "n") && n.Err != nil })
}
