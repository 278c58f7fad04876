package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestNearest: endpoints are measured when somebody asks, all at once, and again after some
// minutes; nobody waits for that.
func TestNearest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trips := map[string]time.Duration{"a": 90 * time.Millisecond, "b": 0, "c": 9 * time.Millisecond}
		n := newNearest([]string{"a", "b", "c"}, func(ctx context.Context, host string) (time.Duration, error) {
			if trips[host] == 0 {
				<-ctx.Done() // it does not answer
				return 0, ctx.Err()
			}
			time.Sleep(trips[host]) // virtual
			return trips[host], nil
		})
		if got := n.endpoints(); got != nil {
			t.Errorf("%v before anything was measured", got)
		}
		n.wg.Wait()
		if got := n.endpoints(); !slices.Equal(got, []string{"c", "a", "b"}) {
			t.Errorf("%v", got)
		}
		synctest.Wait()
		trips["b"] = time.Millisecond
		time.Sleep(nearestAfter) // virtual
		if got := n.endpoints(); !slices.Equal(got, []string{"c", "a", "b"}) {
			t.Errorf("%v while it is measured again", got)
		}
		n.wg.Wait()
		if got := n.endpoints(); !slices.Equal(got, []string{"b", "c", "a"}) {
			t.Errorf("%v", got)
		}
		trips["a"] = 0
		time.Sleep(nearestAfter) // virtual
		n.endpoints()
		n.close() // also while it is measured
		n.endpoints()
	})
}

func TestNearestOfOneIsNotMeasured(t *testing.T) {
	n := newNearest([]string{"a"}, func(context.Context, string) (time.Duration, error) {
		t.Error("it was")
		return 0, errors.New("it was")
	})
	defer n.close()
	if got := n.endpoints(); got != nil {
		t.Errorf("%v", got)
	}
	n.wg.Wait()
}

// TestWayOfNearestCalls: the nearest first, then the next, whoever worked for others.
func TestWayOfNearestCalls(t *testing.T) {
	e := newTestEndpoints(t)
	e.worked("b:1")
	it := e.itinerary("")
	it.follow([]string{"c:1", "a:1", "b:1"})
	unreachable := func(string) *Problem { return NewProblem(CodeUnreachable, "down") }
	if got := walk(it, 3, unreachable); !slices.Equal(got, []string{"c:1", "a:1", "b:1", "|"}) {
		t.Errorf("%v", got)
	}
	it = e.itinerary("")
	it.follow(nil)
	if got := it.next(); got != "b:1" {
		t.Errorf("%v before anything was measured", got)
	}
}

// TestStaleQueriesGoToTheNearest: where the first endpoint is not fit to be measured, stale
// queries go to the second once that is known, and others still to the first.
func TestStaleQueriesGoToTheNearest(t *testing.T) {
	pool := x509.NewCertPool()
	serve := func(name string, lives int) string {
		s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/livez" {
				w.WriteHeader(lives)
			}
			_, _ = w.Write([]byte(name)) // the client says what became of it
		}))
		t.Cleanup(s.Close)
		pool.AddCert(s.Certificate())
		return s.Listener.Addr().String()
	}
	c, err := New(Config{Endpoints: []string{serve("far", http.StatusServiceUnavailable), serve("near", http.StatusOK)}, TLS: &tls.Config{RootCAs: pool}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := func(how Consistency) string {
		t.Helper()
		r, err := c.Query(t.Context(), "counter", Query{Consistency: how})
		if err != nil {
			t.Fatal(err)
		}
		return string(r.Data)
	}
	ask(Stale)
	c.nearest.wg.Wait()
	for range 3 {
		if stale, other := ask(Stale), ask(Linearizable); stale != "near" || other != "far" {
			t.Errorf("a stale query went %s, another one %s", stale, other)
		}
	}
}
