package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/wraft/wraft/client"
)

// eventStream writes events as server-sent events (the WHATWG's HTML standard, §9.2), and
// holds no more of them than it was given since the last flush.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	base64  bool // all of them
	room    []byte
}

func newEventStream(w http.ResponseWriter, base64 bool) *eventStream {
	return &eventStream{w: w, control: http.NewResponseController(w), base64: base64}
}

// begin writes the headers.
func (e *eventStream) begin() {
	h := e.w.Header()
	h.Set("Content-Type", client.EventStreamMediaType)
	h.Set("Cache-Control", "no-store")
	_ = e.control.SetReadDeadline(time.Time{}) // Why: a stream lasts longer than any request; where it is not supported there is none
	e.w.WriteHeader(http.StatusOK)
}

// place says where the stream begins: who is cut off before the first event comes back to
// the same place.
func (e *eventStream) place(at string) {
	e.line("id: ", at)
	e.room = append(e.room, '\n')
}

// values adds events whose data is JSON.
func (e *eventStream) values(items []FeedItem) {
	for _, item := range items {
		e.line("id: ", item.Place)
		e.data(jsonOf(item.Value))
	}
}

// jsonOf is what always can be written as JSON.
func jsonOf(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil { // Why: texts and numbers always are JSON
		panic(err)
	}
	return text
}

func (e *eventStream) line(field, value string) {
	e.room = append(append(append(e.room, field...), value...), '\n')
}

// events adds events, each as text if it can be that.
func (e *eventStream) events(events []client.Event) {
	for _, event := range events {
		e.line("id: ", event.EventID.String())
		if !e.base64 && plainText(event.Data) {
			e.data(event.Data)
			continue
		}
		e.line("event: ", client.EventTypeBase64)
		e.data(base64.StdEncoding.AppendEncode(nil, event.Data))
	}
}

// plainText reports whether data comes through lines of text as it is.
func plainText(data []byte) bool { return utf8.Valid(data) && !bytes.ContainsAny(data, "\r\x00") }

// data adds the data of an event, a line each, and ends the event.
func (e *eventStream) data(data []byte) {
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		e.room = append(append(append(e.room, "data: "...), line...), '\n')
	}
	e.room = append(e.room, '\n')
}

// comment adds a sign of life, which readers ignore.
func (e *eventStream) comment() { e.room = append(e.room, ":\n\n"...) }

// flush sends what was added. A reader that takes none of it for statePatience is gone.
func (e *eventStream) flush() error {
	if len(e.room) == 0 {
		return nil
	}
	err := e.control.SetWriteDeadline(time.Now().Add(statePatience))
	if err == nil || errors.Is(err, http.ErrNotSupported) {
		if _, err = e.w.Write(e.room); err == nil {
			err = e.control.Flush()
		}
	}
	e.room = e.room[:0]
	return err
}

// finish ends the stream, with what went wrong if something did.
func (e *eventStream) finish(r *http.Request, err error) streamEnd {
	end := endDone
	if err != nil {
		p := ProblemOf(r.Context(), ReadProblem(r.Context(), err))
		end = endOf(p.Code)
		e.line("event: ", client.EventTypeProblem)
		e.data(jsonOf(p))
	}
	if e.flush() != nil {
		return endClient
	}
	return end
}
