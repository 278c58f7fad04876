package rafttest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/wraft/wraft/raft"
)

// kinds are the changes of configuration by the words of scripts.
var kinds = map[string]raft.Change{
	"add-learner": {Kind: raft.AddLearner, Incarnation: 1},
	"promote":     {Kind: raft.Promote},
	"demote":      {Kind: raft.Demote},
	"remove":      {Kind: raft.Remove},
}

// runChange asks for a change; without "expected", of the configuration in force,
// and without "as", under the name "change".
func (e *Environment) runChange(args []string) error {
	n, err := e.running(args)
	if err != nil || len(args)%2 == 0 {
		return errors.Join(err, errors.New("a node and pairs of words are needed"))
	}
	r := raft.ChangeRequest{Expected: n.Core.Status().Configuration.Index}
	name := "change"
	for i := 1; i < len(args); i += 2 {
		word, value := args[i], args[i+1]
		if word == "as" {
			name = value
			continue
		}
		v, err := strconv.ParseUint(value, 10, 62)
		if err != nil {
			return err
		}
		ch, known := kinds[word]
		switch {
		case known:
			ch.Node = raft.NodeID(v)
			r.Changes = append(r.Changes, ch)
		case word == "expected":
			r.Expected = raft.Index(v)
		default:
			return fmt.Errorf("%q is no change", word)
		}
	}
	r.ID = raft.ProposalID(e.name(name))
	delete(e.outcomes, uint64(r.ID))
	n.Core.ChangeConfig(r)
	return e.pump(n)
}

// runTransfer shows a refusal; it is no error of the script.
func (e *Environment) runTransfer(args []string) error {
	n, err := e.running(args)
	if err != nil {
		return err
	}
	to, err := number(args, 1)
	if err != nil {
		return err
	}
	if err := n.Core.TransferTo(raft.NodeID(to)); err != nil {
		e.printf("  %v refuses: %v", n.ID, err)
	}
	return e.pump(n)
}

func (e *Environment) expectConfig(args []string) error {
	n, err := e.running(args)
	if err != nil {
		return err
	}
	got := DescribeConfiguration(n.Core.Status().Configuration.Configuration)
	if want := strings.Join(args[1:], " "); got != want {
		return fmt.Errorf("%v has %s", n.ID, got)
	}
	return nil
}
