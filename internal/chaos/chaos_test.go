package chaos

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
)

// threeNodes are the links of nodes that say nothing.
func threeNodes(t *testing.T) *Network {
	t.Helper()
	addresses := map[client.NodeID]string{}
	for id := client.NodeID(1); id <= 3; id++ {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		addresses[id] = conn.LocalAddr().String()
	}
	n, err := NewNetwork(addresses, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func of[T any](v T) *T { return &v }

// said is what each link does, as a table.
func said(s State) map[string]LinkState {
	links := map[string]LinkState{}
	for _, l := range s.Links {
		links[l.Nodes.String()] = l
	}
	return links
}

// TestWhatIsNotNamedStays: changes add up, a partition takes the place of another one,
// healing leaves losses, clearing leaves nothing.
func TestWhatIsNotNamedStays(t *testing.T) {
	n := threeNodes(t)
	for _, c := range []Change{
		{Loss: of(0.05)},
		{Links: []Pair{{1, 3}}, RTTMicros: of(int64(150_000)), JitterMicros: of(int64(2000))},
		{Partition: []client.NodeID{1}},
		{Partition: []client.NodeID{3}},
	} {
		if err := n.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	s := n.State()
	far := Path{Loss: 0.05, RTTMicros: 150_000, JitterMicros: 2000}
	want := map[string]LinkState{
		"1-2": {Nodes: Pair{1, 2}, Path: Path{Loss: 0.05}},
		"1-3": {Nodes: Pair{1, 3}, Path: far, Cut: true},
		"2-3": {Nodes: Pair{2, 3}, Path: Path{Loss: 0.05}, Cut: true},
	}
	got := said(s)
	for name, link := range want {
		if got[name] != link {
			t.Errorf("%s: %+v, want %+v", name, got[name], link)
		}
	}
	if !slices.Equal(s.Apart, []client.NodeID{3}) || len(s.Links) != 3 {
		t.Errorf("%+v", s)
	}
	if err := n.Apply(Change{Heal: true}); err != nil {
		t.Fatal(err)
	}
	if got := said(n.State())["1-3"]; got.Cut || got.Path != far {
		t.Errorf("healed: %+v", got)
	}
	if err := n.Clear(); err != nil {
		t.Fatal(err)
	}
	for _, l := range n.State().Links {
		if l.Cut || l.Path != (Path{}) {
			t.Errorf("cleared: %+v", l)
		}
	}
}

// TestWhatCannotBeChangesNothing: a change is obeyed as a whole or not at all.
func TestWhatCannotBeChangesNothing(t *testing.T) {
	n := threeNodes(t)
	for name, c := range map[string]Change{
		"loss above all":       {Loss: of(1.5), RTTMicros: of(int64(1000))},
		"loss below nothing":   {Loss: of(-0.1)},
		"time below nothing":   {RTTMicros: of(int64(-1))},
		"time without end":     {JitterMicros: of(time.Hour.Microseconds())},
		"no such node":         {Partition: []client.NodeID{4}},
		"no such link":         {Links: []Pair{{1, 4}}, Loss: of(0.5)},
		"a link to itself":     {Links: []Pair{{2, 2}}, Loss: of(0.5)},
		"a link the other way": {Links: []Pair{{2, 1}}, Loss: of(0.5)},
		"nobody on one side":   {Partition: []client.NodeID{1, 2, 3, 3}},
		"both at once":         {Partition: []client.NodeID{1}, Heal: true},
	} {
		if err := n.Apply(c); err == nil {
			t.Errorf("%s: it was obeyed", name)
		}
	}
	for _, l := range n.State().Links {
		if l.Cut || l.Path != (Path{}) {
			t.Errorf("%+v", l)
		}
	}
}

// TestAnotherProcessCanChangeLinks: by the file, which is its owner's alone.
func TestAnotherProcessCanChangeLinks(t *testing.T) {
	n := threeNodes(t)
	file := filepath.Join(t.TempDir(), "chaos")
	c, err := Serve(n, file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if is, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && is.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", is.Mode(), err)
	}
	r, err := NewRemote(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := r.Apply(ctx, Change{Loss: of(0.25), Partition: []client.NodeID{2}})
	if err != nil || !said(s)["1-2"].Cut || said(s)["1-3"].Loss != 0.25 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := r.Apply(ctx, Change{Loss: of(2.0)}); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
	if s, err := r.State(ctx); err != nil || said(s)["1-3"].Loss != 0.25 {
		t.Errorf("%+v, %v", s, err)
	}
	stranger := *r
	stranger.at.Secret = "guess"
	if _, err := stranger.Clear(ctx); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("a stranger was obeyed: %v", err)
	}
	if s, err := r.Clear(ctx); err != nil || said(s)["1-2"].Cut {
		t.Errorf("%+v, %v", s, err)
	}
}
