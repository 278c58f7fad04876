package plugins

import (
	"context"
	"errors"
	"fmt"

	"github.com/wraft/wraft/plugins/abi"
)

// Query asks the machine without changing it. It runs on the reader, a copy of
// the state after the last entry: a guest's query allocates, and that must not
// become part of what replicas agree on. The first query after an entry copies
// the memory (about 0.1 ms per MiB), further ones don't. What a query writes
// may be seen by later queries until the next entry, and by nothing else.
//
// A trap is a result, as in Apply; the error is trouble of this host, after
// which the instance can still apply.
func (i *Instance) Query(ctx context.Context, query []byte) (Result, error) {
	if err := i.ready(ctx); err != nil {
		return Result{}, err
	}
	if len(query) > i.config.Limits.CommandBytesMax {
		text := fmt.Sprintf("the query has %d bytes, the limit is %d", len(query), i.config.Limits.CommandBytesMax)
		return Result{Status: StatusLimits, Data: []byte(text)}, nil
	}
	r, err := i.refresh(ctx)
	if err != nil {
		return Result{}, err
	}
	r.host.begin(r.host.moment, domainQuery, 0)
	i.fillByMemory(r)
	result, err := i.ask(r, query)
	i.logOutput(r)
	var f *fault
	if errors.As(err, &f) {
		i.stale = true
		return f.result(), nil
	}
	if err != nil {
		i.stale = true
		return Result{}, err
	}
	return result, nil
}

func (i *Instance) ask(r *guest, query []byte) (Result, error) {
	answer, err := r.exchange(r.query, query)
	if err != nil {
		return Result{}, err
	}
	var one [1]Result
	if _, err := parseResults(answer, 1, one[:0]); err != nil {
		return Result{}, err
	}
	return one[0], nil
}

// refresh returns the reader, with the live state copied into it if needed.
func (i *Instance) refresh(ctx context.Context) (*guest, error) {
	if i.reader != nil && !i.stale {
		return i.reader, nil
	}
	state := i.live.view(i.scratch)
	if i.reader == nil || !i.reader.load(state) {
		fresh, err := i.newGuest(ctx)
		if err != nil {
			return nil, err
		}
		if !fresh.load(state) {
			return nil, errors.Join(errors.New("plugins: the live state does not fit a fresh guest"), fresh.close(ctx))
		}
		err = i.reader.close(ctx)
		if i.reader = fresh; err != nil {
			return nil, err
		}
	}
	i.stale = false
	return i.reader, nil
}

// fillByMemory gives the reader what its memory allows.
func (i *Instance) fillByMemory(r *guest) {
	l := i.config.Limits
	r.host.meter.fill(l.callFuel(int64(r.memory.Size())), l.StackBytesMax)
}

// finish turns what a streaming export returned into an error.
func finish(g *guest, export string, err error) error {
	if g.host.stream != nil {
		return fmt.Errorf("plugins: %s: %w", export, g.host.stream)
	}
	if err != nil {
		return guestError(export, err)
	}
	if g.host.left < 0 {
		return &GuestError{Export: export, Status: StatusLimits, Text: fmt.Sprintf("more than %d bytes were written", g.host.limits.ExportBytesMax)}
	}
	status := int32(uint32(g.stack[0]))
	if status == abi.StatusOK {
		return nil
	}
	text := g.host.failure
	if text == "" {
		text = "no reason given"
	}
	if status < 0 {
		return &GuestError{Export: export, Status: StatusMalformed, Text: fmt.Sprintf("status %d belongs to the host: %s", status, text)}
	}
	return &GuestError{Export: export, Status: status, Text: text}
}
