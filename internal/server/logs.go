package server

import (
	"context"
	"strconv"
	"strings"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/node/api"
)

// MachineLog implements api.Logs.
func (b backend) MachineLog(ctx context.Context, machine string, after *uint64) (api.Feed, error) {
	r, err := b.node.Lines(ctx, machine, after)
	if err != nil {
		return nil, b.problem(err)
	}
	return lineFeed{r, b}, nil
}

// lineFeed is a node's reader of lines in the words of the API.
type lineFeed struct {
	reader *node.LineReader
	b      backend
}

// At implements api.Feed.
func (f lineFeed) At() string { return strconv.FormatUint(f.reader.At(), 10) }

// Read implements api.Feed.
func (f lineFeed) Read() ([]api.FeedItem, <-chan struct{}, error) {
	lines, more, err := f.reader.Read()
	if err != nil {
		return nil, nil, f.b.problem(err)
	}
	out := make([]api.FeedItem, len(lines))
	for i, l := range lines {
		line := client.LogLine{
			Place: client.LogPlace(l.Place), Node: client.NodeID(f.b.node.Self()), Index: l.Index,
			Level: strings.ToLower(l.Level.String()), Text: strings.ToValidUTF8(l.Text, "?"), Missed: l.Missed,
		}
		out[i] = api.FeedItem{Place: line.Place.String(), Value: line}
	}
	return out, more, nil
}
