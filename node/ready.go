package node

import "fmt"

// fetchTriesMax is how often a node that starts tries in vain to get a machine's module, in
// about half a minute, before it is ready without: then nobody has it.
const fetchTriesMax = 10

// A machine keeps a node from being ready for one reason only: it is older than the node's
// start, and the node still brings it back to where it was. What is deployed later, what
// halts, and what is opened again to mend it is noted, since others serve it, or nobody can.

// comesBack reports whether a machine is older than this start and has not been brought back
// by it yet. Once it has, or has halted here, the start is over for it.
func (n *Node) comesBack(m MachineRecord) bool {
	if n.Current() && uint64(m.Group) >= n.startedTo.Load() {
		return false
	}
	if g := n.group(m.Group); g != nil && g.caughtUp.Load() {
		return false
	}
	s := (*n.deploys.states.Load())[m.Group]
	return s.Phase <= PhaseRunning && s.Tries < fetchTriesMax
}

// machineCheck says whether the machines that are older than this start were opened by it,
// and notes one that does not run here for another reason.
func (n *Node) machineCheck() Check {
	c := Check{Name: "machines", OK: true, Detail: "all machines run here"}
	machines, resting, first := n.catalogue.Load().Machines, 0, ""
	for _, m := range machines {
		phase, cause := n.phase(m.Group)
		if phase == PhaseRunning {
			continue
		}
		words := fmt.Sprintf("machine %q is %v", m.Name, phase)
		if cause != nil {
			words += ": " + cause.Error()
		}
		if n.comesBack(m) {
			c.OK, c.Detail = false, words
			return c
		}
		if resting++; resting == 1 {
			first = words
		}
	}
	if resting > 0 {
		c.Detail = fmt.Sprintf("%d of %d do not run here, and the others do: %s", resting, len(machines), first)
	}
	return c
}

// tailCheck says whether all that was committed before this start is applied here. Machines
// that do not run are the affair of another check.
func (n *Node) tailCheck() Check {
	c := Check{Name: "log-tail", OK: true, Detail: "what was committed before the start is applied"}
	if !n.Current() {
		c.OK, c.Detail = false, "the catalogue here is older than this start"
		return c
	}
	for _, m := range n.catalogue.Load().Machines {
		phase, _ := n.phase(m.Group)
		if g := n.group(m.Group); g != nil && phase == PhaseRunning && n.comesBack(m) {
			c.OK, c.Detail = false, fmt.Sprintf("machine %q has applied its log up to %d, and not yet all that was committed before the start", m.Name, g.applier.applied.Load())
			return c
		}
	}
	return c
}
