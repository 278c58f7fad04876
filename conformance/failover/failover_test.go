package failover

import (
	"testing"
	"time"
)

func TestLastLine(t *testing.T) {
	r := Result{Times: []time.Duration{90 * time.Millisecond, 700 * time.Millisecond, 10 * time.Millisecond, 110 * time.Millisecond}}
	if got, want := r.String(), "failover: median_ms=110 max_ms=700 lost=0"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
