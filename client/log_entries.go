package client

import (
	"context"
	"iter"
	"net/url"
	"strconv"
)

// LogDataBytesMax is how much of a command's data LogEntries shows.
const LogDataBytesMax = 4 << 10

// LogEntryQuery says which entries of a log to read, and what of them.
type LogEntryQuery struct {
	// From is the first index; 0: as Newest says.
	From uint64
	// Newest is how many of the newest entries to begin with; 0: all that there are. Only one
	// of From and Newest may be given.
	Newest uint64
	// Data shows the data of commands, LogDataBytesMax of each. Of MetaGroup it takes the
	// right to administer.
	Data bool
	// Once ends with the entries that there are, instead of waiting for more.
	Once bool
}

// LogEntries reads the log of a group, in order, for as long as ctx lasts: the entries that the
// node which answers has applied. When a node fails, the next one goes on; it may be behind for
// a moment. The problem is the last that comes: CodeEntriesGone, with the first index that there
// is, when entries that were asked for are not in the node's log any more.
func (c *Client) LogEntries(ctx context.Context, group GroupID, q LogEntryQuery) iter.Seq2[LogEntry, error] {
	values := url.Values{"data": {strconv.FormatBool(q.Data)}}
	for name, n := range map[string]uint64{"from": q.From, "newest": q.Newest} {
		if n > 0 {
			values.Set(name, strconv.FormatUint(n, 10))
		}
	}
	r := &streamReading{client: c, path: "/v1/groups/" + group.String() + "/entries", query: values.Encode(), once: q.Once}
	return streamJSON(ctx, r, func(e LogEntry) string { return strconv.FormatUint(e.Index, 10) })
}
