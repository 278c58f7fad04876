package apitest

import (
	"context"
	"strconv"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api"
)

// logged are the lines of one machine.
type logged struct {
	kept  []client.LogLine
	more  chan struct{} // closed when there are more
	flood bool          // there always is one more
}

// firstLine is when the first line of a machine is logged, each other one a microsecond later:
// 2026-01-31T12:00:00Z.
const firstLine = 1769860800_000000

// Log has a machine log a line at the index of its last command.
func (b *Backend) Log(name, level, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := &b.machines[name].logged
	l.kept = append(l.kept, client.LogLine{Place: client.LogPlace(firstLine + len(l.kept)), Node: b.node, Index: b.index, Level: level, Text: text})
	close(l.more)
	l.more = make(chan struct{})
}

// LogFlood has a machine log faster than anybody can read.
func (b *Backend) LogFlood(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.machines[name].logged.flood = true
}

// MachineLog reads what Log made.
func (b *Backend) MachineLog(_ context.Context, name string, after *uint64) (api.Feed, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("MachineLog", name); err != nil {
		return nil, err
	}
	f := &lineFeed{b: b, name: name}
	if after != nil {
		f.at = *after
	}
	return f, nil
}

type lineFeed struct {
	b    *Backend
	name string
	at   uint64
}

// At implements api.Feed.
func (f *lineFeed) At() string { return strconv.FormatUint(f.at, 10) }

// Read implements api.Feed. It gives one line at a time.
func (f *lineFeed) Read() ([]api.FeedItem, <-chan struct{}, error) {
	f.b.mu.Lock()
	defer f.b.mu.Unlock()
	m, err := f.b.enter("ReadLog", f.name)
	if err != nil {
		return nil, nil, err
	}
	for _, l := range m.logged.kept {
		if uint64(l.Place) > f.at {
			f.at = uint64(l.Place)
			return []api.FeedItem{{Place: l.Place.String(), Value: l}}, nil, nil
		}
	}
	if m.logged.flood {
		f.at++
		return []api.FeedItem{{Place: f.At(), Value: client.LogLine{Place: client.LogPlace(f.at)}}}, nil, nil
	}
	return nil, m.logged.more, nil
}
