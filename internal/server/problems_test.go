package server

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
)

// TestDeployErrorsAreToldApart: each refusal of a deploy has its code, and the range
// of a limit names the limit.
func TestDeployErrorsAreToldApart(t *testing.T) {
	b := backend{}
	for code, err := range map[client.Code]error{
		client.CodeMachineExists: &node.ConflictError{Name: "m"},
		client.CodeNoMemory:      &node.MemoryError{Node: 2, Needs: 5, Budget: 3},
		client.CodeFeatureLevel:  &node.LevelRefusedError{Why: "n2 is old"},
		client.CodeLimitRange:    &node.LimitError{Limit: "stack_bytes", Value: 1, Min: 2, Max: 3},
		client.CodeModuleRefused: &plugins.RefusedError{Rule: "type"},
	} {
		var problem *client.Problem
		if !errors.As(b.problem(fmt.Errorf("node: deploy: %w", err)), &problem) || problem.Code != code {
			t.Errorf("%v is %+v, want %s", err, problem, code)
		} else if code == client.CodeLimitRange && problem.Limit != "stack_bytes" {
			t.Errorf("the problem does not name the limit: %+v", problem)
		}
	}
	var problem *client.Problem
	if err := failedProblem(fmt.Errorf("node: %w", &node.LevelError{Cluster: 2, Serves: 1})); !errors.As(err, &problem) || problem.Code != client.CodeReleaseTooOld {
		t.Errorf("an old release: %v", err)
	}
	if err := storageProblem("d", &node.LevelError{Cluster: 2, Serves: 1}); !errors.As(err, &problem) || problem.Code != client.CodeReleaseTooOld {
		t.Errorf("an old release at its start: %v", err)
	}
	if err := failedProblem(fmt.Errorf("node: %w", node.ErrRemoved)); !errors.As(err, &problem) || problem.Code != client.CodeNodeRemoved {
		t.Errorf("a removed node: %v", err)
	}
	if err := failedProblem(errors.New("disk")); !errors.As(err, &problem) || problem.Code != client.CodeDiskFailed {
		t.Errorf("a disk: %v", err)
	}
}

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
