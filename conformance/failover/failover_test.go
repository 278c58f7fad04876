package failover

import (
	"context"
	"os"
	"testing"
	"time"
)

func TestLastLine(t *testing.T) {
	r := Result{Times: []time.Duration{90 * time.Millisecond, 700 * time.Millisecond, 10 * time.Millisecond, 110 * time.Millisecond}}
	if got, want := r.String(), "failover: median_ms=110 max_ms=700 lost=0"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFailover: clients are answered again, and nothing is lost, behind a leader that was killed
// and one whose links were cut. How long that takes is printed; node/nodetest bounds it, in
// virtual time.
func TestFailover(t *testing.T) {
	if os.Getenv("WRAFT_FAILOVER") == "" {
		t.Skip("for the long suites: it starts processes; WRAFT_FAILOVER=1 runs it")
	}
	for name, cfg := range map[string]Config{"kill": {Rounds: 2}, "cut": {Rounds: 1, Cut: true}} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
			defer cancel()
			cfg.Dir, cfg.Log = t.TempDir(), t.Logf
			result, err := Run(ctx, cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(result)
		})
	}
}
