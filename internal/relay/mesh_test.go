package relay

import (
	"net"
	"testing"
	"time"
)

func TestSharesAreWrittenTheWayTheyAreRead(t *testing.T) {
	for text, want := range map[string]float64{"2%": 0.02, "0.02": 0.02, "100%": 1, "0": 0} {
		if got, err := ParseShare(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if got, err := ParseShare(FormatShare(want)); err != nil || got != want {
			t.Errorf("%v is written as %q", want, FormatShare(want))
		}
	}
	for _, text := range []string{"", "x", "-1%", "101%", "2", "NaN"} {
		if _, err := ParseShare(text); err == nil {
			t.Errorf("%q is a share", text)
		}
	}
}

// TestAMeshCutsOneWay: what one node says is cut, whoever dialled; what it is sent is not.
func TestAMeshCutsOneWay(t *testing.T) {
	one, two := newEcho(t), newEcho(t)
	m, err := NewMesh(map[uint64]string{1: one.conn.LocalAddr().String(), 2: two.conn.LocalAddr().String()}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := m.SetFrom(1, Conditions{Cut: true}); err != nil {
		t.Fatal(err)
	}
	first, second := dial(t, m.relays[[2]uint64{1, 2}]), dial(t, m.relays[[2]uint64{2, 1}])
	for _, conn := range []*net.UDPConn{first, second} {
		if _, err := conn.Write([]byte("word")); err != nil {
			t.Fatal(err)
		}
	}
	// 1 says a word and answers one.
	for late := time.After(patience); m.Counters(1, 2).Cut < 2; {
		select {
		case <-late:
			t.Fatalf("%+v", m.Total())
		case <-time.After(time.Millisecond):
		}
	}
	if there, back := m.Counters(1, 2), m.Counters(2, 1); there.Delivered != 0 || back.Delivered != 1 || back.Cut != 0 {
		t.Errorf("from 1 %+v, to 1 %+v", there, back)
	}
	if len(two.senders()) != 0 {
		t.Error("2 hears 1")
	}
	if err := m.SetAll(Conditions{}); err != nil {
		t.Fatal(err)
	}
	exchange(t, first, "once more")
	exchange(t, second, "once more")
}
