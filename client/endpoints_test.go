package client

import (
	"slices"
	"testing"
)

func TestParseEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:7443":          "127.0.0.1:7443",
		"https://node-1:7443":     "node-1:7443",
		"https://[::1]:7443/":     "[::1]:7443",
		"https://example.org:443": "example.org:443",
	} {
		if got, err := parseEndpoint(text); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "host", ":7443", "http://host:7443", "https://host", "https://u@host:1", "https://host:1/v1", "https://host:1?x=y", "ho/st:1"} {
		if got, err := parseEndpoint(bad); err == nil {
			t.Errorf("%q was taken as %q", bad, got)
		}
	}
}

// walk takes n steps that fail as p says and returns where they led, "|" for a pause.
func walk(it *itinerary, n int, p func(host string) *Problem) []string {
	var way []string
	for range n {
		host := it.next()
		way = append(way, host)
		if !it.fail(p(host)) {
			way = append(way, "|")
			it.paused()
		}
	}
	return way
}

func newTestEndpoints(t *testing.T) *endpoints {
	t.Helper()
	e, err := newEndpoints([]string{"a:1", "b:1", "c:1"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestUnreachableEndpointsAreTriedInTurn(t *testing.T) {
	e := newTestEndpoints(t)
	e.worked("b:1")
	e.learn("kv", "z:1")
	unreachable := func(string) *Problem { return NewProblem(CodeUnreachable, "") }
	it := e.itinerary("kv")
	got := walk(it, 5, unreachable)
	if want := []string{"z:1", "b:1", "c:1", "a:1", "|", "b:1"}; !slices.Equal(got, want) {
		t.Errorf("went %v, want %v", got, want)
	}
	if e.leader("kv") != "" {
		t.Error("a leader that is not reached is still remembered")
	}
	if it.rounds() != 1 {
		t.Errorf("%d rounds", it.rounds())
	}
}

func TestLeaderHintsAreFollowedAtOnceButNotForEver(t *testing.T) {
	e := newTestEndpoints(t)
	// Two nodes that each think the other leads must not make a client spin.
	pingPong := func(host string) *Problem {
		other := map[string]string{"x:1": "y:1"}[host]
		if other == "" {
			other = "x:1"
		}
		return NewProblem(CodeNotLeader, "").WithLeader(NodeRef{ID: 9, API: other})
	}
	got := walk(e.itinerary("kv"), 6, pingPong)
	if want := []string{"a:1", "x:1", "y:1", "x:1", "y:1", "|", "b:1"}; !slices.Equal(got, want) {
		t.Errorf("went %v, want %v", got, want)
	}
}

func TestLeaderCacheIsBounded(t *testing.T) {
	e := newTestEndpoints(t)
	for i := range leadersMax + 1 {
		e.learn(GroupID(i).String(), "z:1")
	}
	if len(e.leaders) > leadersMax {
		t.Errorf("%d leaders are kept", len(e.leaders))
	}
	e.learn("", "z:1")
	if e.leader("") != "" {
		t.Error("a leader of no machine is kept")
	}
}

func TestSessionTellsTheLowestSequenceItWaitsFor(t *testing.T) {
	s, r := &Session{}, newRegistration(1)
	begin := func(sequence, below uint64) {
		t.Helper()
		if gotSequence, gotBelow := s.begin(r); gotSequence != sequence || gotBelow != below {
			t.Fatalf("got %d, %d, want %d, %d", gotSequence, gotBelow, sequence, below)
		}
	}
	begin(1, 1)
	begin(2, 1)
	begin(3, 1)
	s.end(r, 2)
	begin(4, 1)
	s.end(r, 1)
	begin(5, 3)
	s.end(r, 3)
	s.end(r, 4)
	s.end(r, 5)
	begin(6, 6)
}

func TestEndpointsOnlyLearnsAndFollowsNoLeader(t *testing.T) {
	e := newTestEndpoints(t)
	e.only = true
	e.learn("kv", "l:1")
	it := e.itinerary("kv")
	got := walk(it, 4, func(string) *Problem {
		return NewProblem(CodeNotLeader, "").WithLeader(NodeRef{ID: 9, API: "l:1"})
	})
	for _, host := range got {
		if host == "l:1" {
			t.Fatalf("the walk left the endpoints: %v", got)
		}
	}
	if len(e.leaders) != 0 {
		t.Fatalf("leaders were learned: %v", e.leaders)
	}
}
