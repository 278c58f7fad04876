package counter

import (
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
)

// TestAPausedLoadRests: nothing is under way, nothing is begun, and it goes on in the sessions
// that it had.
func TestAPausedLoadRests(t *testing.T) {
	f := &fakeCounter{answers: map[string]uint64{}}
	load := Start(t.Context(), Config{Clients: []*client.Client{clientOf(t, f)}, Workers: 4})
	for range 3 {
		if err := load.WaitForLater(t.Context(), load.Begun()); err != nil {
			t.Fatal(err)
		}
		if err := load.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.mu.Lock()
		value, begun := f.value, load.Begun()
		f.mu.Unlock()
		if acknowledged := load.Acknowledged(); acknowledged != begun || value != uint64(begun) {
			t.Fatalf("%d begun, %d acknowledged, %d counted", begun, acknowledged, value)
		}
		load.Resume()
	}
	if err := load.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	report, err := load.Stop(t.Context()) // which wakes it
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := report.Check(f.value); err != nil {
		t.Error(err)
	}
	sessions := map[string]bool{}
	for key := range f.answers {
		id, _, _ := strings.Cut(key, "/")
		sessions[id] = true
	}
	if len(sessions) > 4 {
		t.Errorf("%d sessions for 4 workers", len(sessions))
	}
}
