package nodeconfig

import (
	"fmt"
	"time"
)

// Members says what the cluster does about nodes by itself. Alike on all nodes.
type Members struct {
	// RemoveDeadAfter is for how long nobody has reached a node that is removed for it;
	// default 0, which is never.
	RemoveDeadAfter time.Duration `koanf:"remove-dead-after"`
	// MinVoters is how many others have to vote, and answer, when a voter is removed so;
	// default 3, which is the least, since fewer tolerate no failure.
	MinVoters int `koanf:"min-voters"`
}

const (
	removeDeadAfterMin = 10 * time.Minute
	removeDeadAfterMax = 365 * 24 * time.Hour
	minVotersDefault   = 3
)

func (m Members) withDefaults() Members {
	setDefault(&m.MinVoters, minVotersDefault)
	return m
}

func (m Members) validate() (problems []error) {
	if d := m.RemoveDeadAfter; d != 0 && (d < removeDeadAfterMin || d > removeDeadAfterMax) {
		problems = append(problems, fmt.Errorf("members.remove-dead-after: %v is out of range: use 0 for never, or %v to %v", d, removeDeadAfterMin, removeDeadAfterMax))
	}
	if m.MinVoters < minVotersDefault || m.MinVoters > nodesMax {
		problems = append(problems, fmt.Errorf("members.min-voters: %d is out of range: use %d to %d", m.MinVoters, minVotersDefault, nodesMax))
	}
	return problems
}
