package client

import (
	"context"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// LogQuery says which lines of a machine to read.
type LogQuery struct {
	// Since leaves out what was logged before, by the node's clock; zero leaves out nothing
	// that is kept.
	Since time.Time
	// After is the place of a line to go on behind, unless it is zero. It goes before Since.
	After LogPlace
	// Once ends with the lines that there are, instead of waiting for more.
	Once bool
}

// Logs reads what a machine logged on the node that answers, in order, for as long as ctx
// lasts. All replicas apply the same commands and log the same of them, each at its own time;
// what a query logs is on the node that answered it. When a node fails, the next one goes on
// with what it logged later, by its own clock.
func (c *Client) Logs(ctx context.Context, machine string, q LogQuery) iter.Seq2[LogLine, error] {
	if err := CheckMachineName(machine); err != nil {
		return func(yield func(LogLine, error) bool) { yield(LogLine{}, err) }
	}
	r := &streamReading{client: c, path: machinePath(machine) + "/logs", once: q.Once}
	if !q.Since.IsZero() {
		r.query = url.Values{"since": {q.Since.UTC().Format(time.RFC3339Nano)}}.Encode()
	}
	if q.After != 0 {
		r.at = strconv.FormatUint(uint64(q.After), 10)
	}
	return streamJSON(ctx, r, func(l LogLine) string { return l.Place.String() })
}
