package apitest

import (
	"context"
	"slices"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api"
)

// emitted are the events of one machine.
type emitted struct {
	kept []client.Event
	gone client.EventID // the newest that is not kept
	more chan struct{}  // closed when there are more
}

// Emit has a machine emit events at an index of their own, which it returns.
func (b *Backend) Emit(name string, data ...[]byte) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.index++
	e := &b.machines[name].emitted
	for i, d := range data {
		e.kept = append(e.kept, client.Event{EventID: client.EventID{Index: b.index, Number: uint32(i)}, Data: d})
	}
	close(e.more)
	e.more = make(chan struct{})
	return b.index
}

// Forget drops the events of a machine up to a place.
func (b *Backend) Forget(name string, upTo client.EventID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := &b.machines[name].emitted
	e.gone = upTo
	e.kept = slices.DeleteFunc(e.kept, func(e client.Event) bool { return e.Compare(upTo) <= 0 })
	close(e.more)
	e.more = make(chan struct{})
}

// Events reads what Emit made.
func (b *Backend) Events(_ context.Context, name string, after *client.EventID) (api.EventReader, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, err := b.enter("Events", name)
	if err != nil {
		return nil, err
	}
	r := &eventReader{b: b, name: name, at: m.emitted.gone}
	if after != nil {
		r.at = *after
	}
	return r, nil
}

type eventReader struct {
	b    *Backend
	name string
	at   client.EventID
}

// At implements api.EventReader.
func (r *eventReader) At() client.EventID { return r.at }

// Read implements api.EventReader. It gives one event at a time.
func (r *eventReader) Read() ([]client.Event, <-chan struct{}, error) {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	m, err := r.b.enter("Read", r.name)
	if err != nil {
		return nil, nil, err
	}
	if r.at.Compare(m.emitted.gone) < 0 {
		return nil, nil, client.NewProblem(client.CodeEventsGone, "events before index %d are gone", m.emitted.gone.Index+1).WithIndex(m.emitted.gone.Index + 1)
	}
	for _, e := range m.emitted.kept {
		if e.Compare(r.at) > 0 {
			r.at = e.EventID
			return []client.Event{e}, nil, nil
		}
	}
	return nil, m.emitted.more, nil
}
