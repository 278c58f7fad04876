package counter

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
)

// Report is what a load that has ended saw.
type Report struct {
	// Acknowledged increments; Replayed of them were answered from the session's
	// stored answers, because an earlier attempt had been applied.
	Acknowledged, Replayed int
	// Refused were so because disks are full; Doubtful of them may have been applied by an
	// earlier attempt, once.
	Refused, Doubtful int
	answers           tally
}

// Stop lets the increments under way be answered, then ends the load. The error
// joins what went wrong in workers; ctx bounds the wait.
func (l *Load) Stop(ctx context.Context) (Report, error) {
	l.mu.Lock()
	l.stopping = true
	l.resume()
	l.mu.Unlock()
	return l.Wait(ctx)
}

// Wait returns once a load with Config.Increments has ended by itself.
func (l *Load) Wait(ctx context.Context) (Report, error) {
	var late error
	select {
	case <-l.done:
	case <-ctx.Done():
		late = fmt.Errorf("counter: the workers don't end: %w", ctx.Err())
	}
	l.cancel()
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	return Report{Acknowledged: l.answers.answers(), Replayed: l.replayed, Refused: l.refused, Doubtful: l.doubtful, answers: l.answers.clone()}, errors.Join(append(l.errs, late)...)
}

// Settle ends a load on a cluster that is whole again: all endpoints must come to hold
// the same, and every increment that was answered, each once.
func (l *Load) Settle(ctx context.Context, endpoints []string, conf *tls.Config) (Report, error) {
	report, err := l.Stop(ctx)
	if err != nil {
		return report, err
	}
	held, err := Compare(ctx, endpoints, conf, l.cfg.Machine)
	if err != nil {
		return report, err
	}
	return report, report.Check(held[0].Count)
}

// Tally counts what Check finds: increments that were acknowledged and are lost, and those
// that were counted twice, or counted and never acknowledged.
func (r Report) Tally(count uint64) (lost, doubled int) {
	distinct := int(min(r.answers.through, count))
	for value := range r.answers.more {
		if value > r.answers.through && value <= count {
			distinct++
		}
	}
	for _, value := range r.answers.doubled() {
		doubled += r.answers.times(value) - 1
	}
	for _, value := range r.answers.beyond(count) {
		lost += r.answers.times(value)
	}
	return lost, doubled + max(int(count)-distinct-r.Doubtful, 0)
}

// Check holds the answers against the count the machine has now. Given that all
// increments came from this load and began at 0, the answers must be among 1 to count, each
// once, and all of them but for what is in doubt. The error names lost and doubled ones.
func (r Report) Check(count uint64) error {
	var problems []error
	doubled, beyond := r.answers.doubled(), r.answers.beyond(count)
	if len(doubled) > 0 {
		problems = append(problems, fmt.Errorf("counter: %d counts were answered to more than one increment: %v", len(doubled), few(doubled)))
	}
	if len(beyond) > 0 {
		problems = append(problems, fmt.Errorf("counter: %d acknowledged increments are lost, the count is %d: %v", len(beyond), count, few(beyond)))
	}
	if least := uint64(r.Acknowledged); count < least || count > least+uint64(r.Doubtful) {
		problems = append(problems, fmt.Errorf("counter: %d increments were acknowledged, the count is %d, %d are in doubt", r.Acknowledged, count, r.Doubtful))
	}
	return errors.Join(problems...)
}

// few is enough of a list to look into.
func few(values []uint64) []uint64 {
	slices.Sort(values)
	return values[:min(len(values), 10)]
}
