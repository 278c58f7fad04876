package server

import (
	"errors"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
)

// TestStatusesAreToldApart: a client sees by the code why a command was answered
// with a status, and in the detail what the host or the machine said.
func TestStatusesAreToldApart(t *testing.T) {
	for status, want := range map[int32]client.Code{
		7: client.CodeMachineRejected, plugins.StatusTrap: client.CodeMachineTrapped, plugins.StatusLimits: client.CodeMachineTrapped,
		plugins.StatusMalformed: client.CodeMachineTrapped, plugins.StatusFuel: client.CodeOutOfFuel, plugins.StatusStack: client.CodeStackExhausted,
		node.StatusSessionExpired: client.CodeSessionExpired, node.StatusSequenceStale: client.CodeSequenceConflict,
	} {
		p := statusProblem(status, []byte("the words"), "m")
		var problem *client.Problem
		if !errors.As(p, &problem) || problem.Code != want {
			t.Errorf("status %d: %v, want %s", status, p, want)
		}
		if own := status > node.StatusSessionExpired; own && !strings.Contains(p.Error(), "the words") {
			t.Errorf("status %d: %v does not say why", status, p)
		}
	}
	if p := statusProblem(plugins.StatusOK, nil, "m"); p != nil {
		t.Errorf("an answer is a problem: %v", p)
	}
}
