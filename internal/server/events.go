package server

import (
	"context"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/node/api"
	"github.com/wraft/wraft/plugins"
)

// Events implements api.Emissions.
func (b backend) Events(ctx context.Context, machine string, after *client.EventID) (api.EventReader, error) {
	var key *plugins.EventKey
	if after != nil {
		key = &plugins.EventKey{Index: after.Index, N: int(after.Number)}
	}
	r, err := b.node.Events(ctx, machine, key)
	if err != nil {
		return nil, b.problem(err)
	}
	return eventReader{r, b}, nil
}

// eventReader is a node's in the words of the API.
type eventReader struct {
	reader *node.EventReader
	b      backend
}

// At implements api.EventReader.
func (r eventReader) At() client.EventID { return eventID(r.reader.At()) }

// Read implements api.EventReader.
func (r eventReader) Read() ([]client.Event, <-chan struct{}, error) {
	events, more, err := r.reader.Read()
	if err != nil {
		return nil, nil, r.b.problem(err)
	}
	out := make([]client.Event, len(events))
	for i, e := range events {
		out[i] = client.Event{EventID: eventID(e.Key()), Data: e.Data}
	}
	return out, more, nil
}

func eventID(k plugins.EventKey) client.EventID {
	return client.EventID{Index: k.Index, Number: uint32(k.N)}
}
