package server

import (
	"context"
	"errors"
	"strconv"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/entries"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/node/api"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// LogEntries implements api.Entries.
func (b backend) LogEntries(ctx context.Context, group client.GroupID, q client.LogEntryQuery) (api.Feed, error) {
	r, err := b.node.ReadLog(ctx, raft.GroupID(group), node.LogQuery{From: raft.Index(q.From), Newest: q.Newest, Once: q.Once})
	if err != nil {
		return nil, b.problem(err)
	}
	f := entryFeed{reader: r, b: b}
	if q.Data {
		f.dataBytesMax = client.LogDataBytesMax
	}
	return f, nil
}

// entryFeed is a node's reader of a log in the words of the API.
type entryFeed struct {
	reader       *node.LogReader
	b            backend
	dataBytesMax int
}

// At implements api.Feed.
func (f entryFeed) At() string { return strconv.FormatUint(uint64(f.reader.At()), 10) }

// Read implements api.Feed.
func (f entryFeed) Read() ([]api.FeedItem, <-chan struct{}, error) {
	read, more, err := f.reader.Read()
	if errors.Is(err, storage.ErrDamaged) {
		return nil, nil, client.NewProblem(client.CodeInternal, "%v", err).
			WithHint("Read the log of another node, and look into this one with: wraftd doctor").WithCause(err)
	}
	if err != nil {
		return nil, nil, f.b.problem(err)
	}
	out := make([]api.FeedItem, len(read))
	for i, e := range read {
		out[i] = api.FeedItem{Place: strconv.FormatUint(uint64(e.Index), 10), Value: entries.Read(e, f.dataBytesMax)}
	}
	return out, more, nil
}
