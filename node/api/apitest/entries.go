package apitest

import (
	"context"
	"strconv"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api"
)

// entryLog is the log of one group. That of the meta group has nothing but what Write wrote.
type entryLog struct {
	kept []client.LogEntry
	cut  uint64        // the newest that is not kept
	more chan struct{} // closed when there are more
}

// log is that of a group. Callers hold mu.
func (b *Backend) log(group client.GroupID) *entryLog {
	l := b.logs[group]
	if l == nil {
		l = &entryLog{more: make(chan struct{})}
		b.logs[group] = l
	}
	return l
}

// Write has a group's log have one more command at an index of its own, which it returns.
func (b *Backend) Write(group client.GroupID, c client.Command) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.index++
	b.write(group, c)
	return b.index
}

// write is Write at the index of the backend. Callers hold mu.
func (b *Backend) write(group client.GroupID, c client.Command) {
	l := b.log(group)
	command := client.LogCommand{Kind: "call", Session: uint64(c.Session), Key: c.Key, Sequence: c.Sequence, Bytes: len(c.Data), Data: append([]byte{}, c.Data...)}
	if c.Key != "" {
		command.Kind = "keyed-call"
	}
	l.kept = append(l.kept, client.LogEntry{
		Index: b.index, Term: 1, Type: "command", Bytes: len(c.Data) + 24, Time: time.Second, WallTime: time.UnixMicro(firstLine).UTC(), Commands: []client.LogCommand{command},
	})
	close(l.more)
	l.more = make(chan struct{})
}

// CutLog drops the entries of a group up to an index.
func (b *Backend) CutLog(group client.GroupID, upTo uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.log(group)
	l.cut = upTo
	for len(l.kept) > 0 && l.kept[0].Index <= upTo {
		l.kept = l.kept[1:]
	}
}

// LogEntries reads what commands and Write wrote.
func (b *Backend) LogEntries(_ context.Context, group client.GroupID, q client.LogEntryQuery) (api.Feed, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.enter("LogEntries", ""); err != nil {
		return nil, err
	}
	known := group == client.MetaGroup
	for _, m := range b.machines {
		known = known || m.info.Group == group
	}
	if !known {
		return nil, client.NewProblem(client.CodeUnknownMachine, "no machine has group %v", group)
	}
	l := b.log(group)
	f := &entryFeed{b: b, log: l, data: q.Data, at: l.cut}
	switch n := uint64(len(l.kept)); {
	case q.From > 0:
		f.at = q.From - 1
	case q.Newest > 0 && q.Newest < n:
		f.at = l.kept[n-q.Newest].Index - 1
	}
	return f, nil
}

type entryFeed struct {
	b    *Backend
	log  *entryLog
	data bool
	at   uint64
}

// At implements api.Feed.
func (f *entryFeed) At() string { return strconv.FormatUint(f.at, 10) }

// Read implements api.Feed. It gives one entry at a time.
func (f *entryFeed) Read() ([]api.FeedItem, <-chan struct{}, error) {
	f.b.mu.Lock()
	defer f.b.mu.Unlock()
	if _, err := f.b.enter("ReadEntries", ""); err != nil {
		return nil, nil, err
	}
	if f.at < f.log.cut {
		return nil, nil, client.NewProblem(client.CodeEntriesGone, "the log begins with index %d", f.log.cut+1).WithIndex(f.log.cut + 1)
	}
	for _, e := range f.log.kept {
		if e.Index > f.at {
			f.at = e.Index
			return []api.FeedItem{{Place: f.At(), Value: f.shown(e)}}, nil, nil
		}
	}
	return nil, f.log.more, nil
}

// shown is an entry with no more data than was asked for.
func (f *entryFeed) shown(e client.LogEntry) client.LogEntry {
	c := e.Commands[0]
	if c.Data = c.Data[:min(len(c.Data), client.LogDataBytesMax)]; !f.data {
		c.Data = nil
	}
	e.Commands = []client.LogCommand{c}
	return e
}
