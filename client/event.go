package client

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Event is what a machine emitted for whoever listens.
type Event struct {
	EventID
	Data []byte
}

// EventID is the place of an event: the index that the machine saw at its command's entry,
// and the event's number among those of that entry, from 0. It is the same on all nodes.
type EventID struct {
	Index  uint64
	Number uint32
}

// EventsFrom is the place just before the first event of an index.
func EventsFrom(index uint64) EventID {
	if index == 0 {
		return EventID{}
	}
	return EventID{Index: index - 1, Number: math.MaxUint32}
}

// String is "INDEX-NUMBER", as event streams and Last-Event-ID have it.
func (id EventID) String() string { return fmt.Sprintf("%d-%d", id.Index, id.Number) }

// Compare orders places as their events came.
func (id EventID) Compare(other EventID) int {
	return cmp.Or(cmp.Compare(id.Index, other.Index), cmp.Compare(id.Number, other.Number))
}

// ParseEventID reads what String writes, and nothing else.
func ParseEventID(text string) (id EventID, err error) {
	index, number, _ := strings.Cut(text, "-")
	if id.Index, err = strconv.ParseUint(index, 10, 64); err == nil {
		var n uint64
		n, err = strconv.ParseUint(number, 10, 32)
		id.Number = uint32(n)
	}
	if err != nil || id.String() != text {
		return EventID{}, fmt.Errorf("client: %.60q is no place of an event, such as 12-0", text)
	}
	return id, nil
}

// EventStreamMediaType is the content type of a stream of events.
const EventStreamMediaType = "text/event-stream"

// HeaderLastEventID is the place behind which a stream of events is to go on.
const HeaderLastEventID = "Last-Event-Id"

// The types of events in a stream; an event without a type is a machine's, as text.
const (
	// EventTypeBase64 is an event of a machine whose data is no text, in base64 with padding.
	EventTypeBase64 = "base64"
	// EventTypeProblem is the last event of a stream that did not end by itself: a Problem.
	EventTypeProblem = "problem"
)
