package api_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

const eventsPath = "/v1/machines/counter/events"

// lines reads a stream that goes on.
type lines struct {
	t  *testing.T
	in *bufio.Reader
}

// open begins a stream.
func (c *caller) open(t *testing.T, path string) lines {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", c.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if kind := res.Header.Get("Content-Type"); res.StatusCode != 200 || kind != client.EventStreamMediaType {
		t.Fatalf("%s, %s", res.Status, kind)
	}
	return lines{t, bufio.NewReader(res.Body)}
}

// want reads the next block, without signs of life.
func (l lines) want(block string) {
	l.t.Helper()
	for {
		got := ""
		for !strings.HasSuffix(got, "\n\n") {
			line, err := l.in.ReadString('\n')
			if got += line; err != nil {
				l.t.Fatalf("%q, %v", got, err)
			}
		}
		if got == ":\n\n" {
			continue
		}
		if got != block+"\n\n" {
			l.t.Fatalf("got %q, want %q", got, block)
		}
		return
	}
}

func TestEventsAreStreamed(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	b.Emit("counter", []byte("before")) // index 3
	s := c.open(t, eventsPath)
	s.want("id: 0-0")
	s.want("id: 3-0\ndata: before")
	b.Emit("counter", []byte("two\nlines\n"), nil, []byte{0xff}, []byte("a\rb"))
	s.want("id: 4-0\ndata: two\ndata: lines\ndata: ")
	s.want("id: 4-1\ndata: ")
	s.want("id: 4-2\nevent: base64\ndata: /w==")
	s.want("id: 4-3\nevent: base64\ndata: YQ1i")
}

func TestEventsAreResumed(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	b.Emit("counter", []byte("a"), []byte("b"))
	b.Emit("counter", []byte("c"))
	for _, row := range []struct{ query, last, want string }{
		{"", "", "id: 0-0\n\nid: 3-0\ndata: a\n\nid: 3-1\ndata: b\n\nid: 4-0\ndata: c\n\n"},
		{"&from=4", "", "id: 3-4294967295\n\nid: 4-0\ndata: c\n\n"},
		{"&from=0", "", "id: 0-0\n\nid: 3-0\ndata: a\n\nid: 3-1\ndata: b\n\nid: 4-0\ndata: c\n\n"},
		{"&from=4", "3-0", "id: 3-0\n\nid: 3-1\ndata: b\n\nid: 4-0\ndata: c\n\n"},
		{"&from=9", "", "id: 8-4294967295\n\n"},
		{"&encoding=base64&from=4", "", "id: 3-4294967295\n\nid: 4-0\nevent: base64\ndata: Yw==\n\n"},
	} {
		var headers []string
		if row.last != "" {
			headers = append(headers, "Last-Event-ID: "+row.last)
		}
		if r := c.do(t, "GET", eventsPath+"?follow=false"+row.query, nil, headers...); r.status != 200 || r.body != row.want {
			t.Errorf("%+v: %d %q", row, r.status, r.body)
		}
	}
	if r := c.do(t, "HEAD", eventsPath, nil); r.status != 200 || r.body != "" {
		t.Errorf("%+v", r)
	}
}

func TestEventsThatAreGone(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	first := b.Emit("counter", []byte("a"), []byte("b"))
	slow := c.open(t, eventsPath)
	slow.want("id: 0-0")
	b.Forget("counter", client.EventID{Index: first})
	r := c.do(t, "GET", eventsPath+"?from=1", nil)
	checkProblem(t, r, 410, client.CodeEventsGone, "gone")
	if r.problem.Index != first+1 || r.header.Get(client.HeaderIndex) != "4" {
		t.Errorf("%+v", r.problem)
	}
	if r := c.do(t, "GET", eventsPath+"?follow=false", nil); r.body != "id: 3-0\n\nid: 3-1\ndata: b\n\n" {
		t.Errorf("%q", r.body)
	}
	for slow.want("id: 3-0\ndata: a"); ; { // it has read on before Forget, or is told
		line, err := slow.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "id: 3-1") {
			break
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			var p client.Problem
			if err := json.Unmarshal([]byte(data), &p); err != nil || p.Code != client.CodeEventsGone || p.Index != first+1 {
				t.Errorf("%s", data)
			}
			break
		}
	}
}

func TestEventsAreAskedForStrictly(t *testing.T) {
	_, c, _ := setup(t, apitest.Options{})
	for query, code := range map[string]client.Code{
		"from=-1": client.CodeBadRequest, "from=": client.CodeBadRequest, "from=3-0": client.CodeBadRequest, "from=0x1": client.CodeBadRequest,
		"from=18446744073709551616": client.CodeBadRequest, "from=1&from=2": client.CodeUnknownParameter, "since=1": client.CodeUnknownParameter,
		"follow=yes": client.CodeBadRequest, "encoding=hex": client.CodeBadRequest, "encoding=": client.CodeBadRequest,
	} {
		checkProblem(t, c.do(t, "GET", eventsPath+"?"+query, nil), 400, code, "")
	}
	for _, last := range []string{"3", "3-", "-1", "3-4294967296", "03-1", "3-1-1", "newest"} {
		checkProblem(t, c.do(t, "GET", eventsPath, nil, "Last-Event-ID: "+last), 400, client.CodeBadRequest, "Last-Event-Id")
	}
	checkProblem(t, c.do(t, "GET", "/v1/machines/nobody/events", nil), 404, client.CodeUnknownMachine, "")
}

func TestStreamsAreBounded(t *testing.T) {
	_, c, _ := setup(t, apitest.Options{})
	for range 1024 {
		c.open(t, eventsPath).want("id: 0-0")
	}
	checkProblem(t, c.do(t, "GET", eventsPath, nil), 429, client.CodeBackpressure, "1024")
	if metrics := c.do(t, "GET", "/metrics", nil).body; !strings.Contains(metrics, "wraft_event_streams 1024") ||
		!strings.Contains(metrics, `wraft_event_streams_ended_total{reason="too-many"} 1`) {
		t.Error("it was not counted")
	}
}
