package node

import (
	"sync"
	"time"

	"github.com/wraft/wraft/plugins"
)

// CommandFailure says why a command has failed, and is its place in Work.Failed.
type CommandFailure int

// The reasons. Behind all but FailureRefused the machine was called, and but for
// FailureMachine what the call did was rolled back.
const (
	FailureMachine   CommandFailure = iota // the module's own error
	FailureTrap                            // it trapped
	FailureFuel                            // it ran out of fuel
	FailureLimits                          // it exceeded another limit: stack, size of the command or of the answer
	FailureMalformed                       // its answer breaks the ABI
	FailureRefused                         // it was not called: a session, a sequence or a key did not allow it, or it waits for its state
	failureCount
)

// String is the reason in a word, for metrics.
func (f CommandFailure) String() string {
	return [failureCount]string{"machine", "trap", "fuel", "limits", "malformed", "refused"}[f]
}

// Work is what a machine was made to do on this node since the process began, what it had
// to do again after a start or a rebuild included, and what it holds now.
type Work struct {
	Commands uint64               // that the machine was called with
	Failed   [failureCount]uint64 // by CommandFailures; a repeat that gets its first answer is not counted
	Fuel     uint64
	Applying time.Duration // reading entries included

	MemoryBytes    int64 // linear memory; 0 of a machine that has none
	Sessions, Keys int
}

// fail counts the failures among an entry's answers.
func (w *Work) fail(answers []Applied) {
	for i := range answers {
		if s := answers[i].Answer.Status; s != plugins.StatusOK && !answers[i].Replayed {
			w.Failed[failureOf(s)]++
		}
	}
}

// failureOf is what a status that is not 0 says.
func failureOf(status int32) CommandFailure {
	switch {
	case status > 0:
		return FailureMachine
	case !Executed(status):
		return FailureRefused
	}
	switch status {
	case plugins.StatusTrap:
		return FailureTrap
	case plugins.StatusFuel:
		return FailureFuel
	case plugins.StatusMalformed:
		return FailureMalformed
	}
	return FailureLimits
}

// measured is a Machine with a linear memory.
type measured interface {
	MemoryBytes() int64
}

var _ measured = (*plugins.Instance)(nil)

// hold notes what an applier holds now.
func (w *Work) hold(a *Applier) {
	w.MemoryBytes, w.Sessions, w.Keys = 0, a.sessions.Len(), a.keys.Len()
	if m, ok := a.machine.(measured); ok {
		w.MemoryBytes = m.MemoryBytes()
	}
}

// sharedWork is a machine's work as others see it. Why not counted there: it costs the
// applier one lock for a range of entries, and nothing for a command.
type sharedWork struct {
	mu  sync.Mutex // guards now
	now Work
}

func (s *sharedWork) set(w Work) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = w
}

func (s *sharedWork) get() Work {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}
