package counter

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
)

// fakeCounter is a counter behind HTTP whose answers get lost now and then. What
// it forgets is what the tests want the checks to find.
type fakeCounter struct {
	mu       sync.Mutex
	value    uint64
	answers  map[string]uint64 // by session and sequence
	requests int
	forgets  bool // executes repeats again
	loses    bool // acknowledges every 50th increment without counting it
	full     bool // refuses every 5th request
}

func (f *fakeCounter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	if strings.HasSuffix(r.URL.Path, "/sessions") {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"session":"%d"}`, f.requests)
		return
	}
	if f.full && f.requests%5 == 0 {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusInsufficientStorage)
		fmt.Fprintf(w, `{"code":%q,"outcome":"not-applied"}`, client.CodeDiskFull)
		return
	}
	key := r.Header.Get(client.HeaderSession) + "/" + r.Header.Get(client.HeaderSequence)
	value, repeated := f.answers[key]
	if !repeated || f.forgets {
		f.value++
		value = f.value
		if f.loses && f.value%50 == 0 {
			f.value--
		}
		f.answers[key] = value
	}
	if f.requests%7 == 0 {
		panic(http.ErrAbortHandler) // applied, and the answer lost
	}
	fmt.Fprintf(w, `{"value":%d}`, value)
}

// clientOf is a client of whatever answers its requests.
func clientOf(t *testing.T, h http.Handler) *client.Client {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	c, err := client.New(client.Config{Endpoints: []string{server.URL}, BackoffMin: time.Millisecond, TLS: &tls.Config{RootCAs: pool}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// run counts to 300 with four workers against the fake.
func run(t *testing.T, f *fakeCounter) (Report, error) {
	t.Helper()
	f.answers = map[string]uint64{}
	c := clientOf(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	load := Start(ctx, Config{Clients: []*client.Client{c}, Workers: 4, Increments: 300})
	if err := load.WaitFor(ctx, 100); err != nil {
		t.Fatal(err)
	}
	return load.Wait(ctx)
}

func TestLoadOfACorrectCounterPasses(t *testing.T) {
	f := &fakeCounter{}
	report, err := run(t, f)
	if err != nil {
		t.Fatal(err)
	}
	if report.Acknowledged != 300 || f.value != 300 {
		t.Fatalf("acknowledged %d, count %d", report.Acknowledged, f.value)
	}
	if err := report.Check(f.value); err != nil {
		t.Fatal(err)
	}
}

func TestCheckSeesDoubledIncrements(t *testing.T) {
	f := &fakeCounter{forgets: true}
	report, err := run(t, f)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Check(f.value); err == nil || !strings.Contains(err.Error(), "300 increments were acknowledged, the count is") {
		t.Fatalf("increments applied twice pass: %v", err)
	}
}

func TestCheckSeesLostIncrements(t *testing.T) {
	f := &fakeCounter{loses: true}
	report, err := run(t, f)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Check(f.value); err == nil || !strings.Contains(err.Error(), "answered to more than one increment") {
		t.Fatalf("a count given twice passes: %v", err)
	}
	if err := report.Check(10); err == nil || !strings.Contains(err.Error(), "are lost, the count is 10") {
		t.Fatalf("a count behind the answers passes: %v", err)
	}
}

func TestTallyCountsWhatIsWrong(t *testing.T) {
	for _, row := range []struct {
		answers       map[uint64]int
		count         uint64
		lost, doubled int
	}{
		{map[uint64]int{1: 1, 2: 1}, 2, 0, 0},
		{map[uint64]int{1: 1, 2: 1, 3: 1}, 2, 1, 0}, // the third is gone
		{map[uint64]int{1: 1, 3: 1}, 3, 0, 1},       // the second is nobody's
		{map[uint64]int{1: 2}, 1, 0, 1},
		{map[uint64]int{1: 1, 2: 3, 3: 1, 5: 2}, 5, 0, 4}, // the fourth is nobody's
		{map[uint64]int{0: 1, 1: 1, 2: 2, 9: 1}, 1, 4, 1}, // what was lost was answered twice
	} {
		var report Report
		for value, times := range row.answers {
			for range times {
				report.answers.add(value)
			}
		}
		if lost, doubled := report.Tally(row.count); lost != row.lost || doubled != row.doubled {
			t.Errorf("%v with a count of %d: %d lost, %d doubled", row.answers, row.count, lost, doubled)
		}
	}
}

func TestStopEndsAnEndlessLoad(t *testing.T) {
	c := clientOf(t, &fakeCounter{answers: map[string]uint64{}})
	load := Start(t.Context(), Config{Clients: []*client.Client{c}})
	if err := load.WaitFor(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	report, err := load.Stop(t.Context())
	if err != nil || report.Acknowledged < 20 || load.Acknowledged() != report.Acknowledged {
		t.Fatalf("%+v, %v", report, err)
	}
}

func TestAFailingWorkerEndsTheLoad(t *testing.T) {
	c := clientOf(t, http.NotFoundHandler())
	load := Start(t.Context(), Config{Clients: []*client.Client{c}})
	if err := load.WaitFor(t.Context(), 1); err == nil {
		t.Fatal("WaitFor does not see the failed worker")
	}
	if _, err := load.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "register") {
		t.Fatalf("Wait = %v", err)
	}
}

// TestFullDisksAreExcused where that was asked for: what is refused is repeated, and what may
// have been applied before it was refused may be counted, once.
func TestFullDisksAreExcused(t *testing.T) {
	for _, excused := range []bool{true, false} {
		f := &fakeCounter{answers: map[string]uint64{}, full: true}
		load := Start(t.Context(), Config{Clients: []*client.Client{clientOf(t, f)}, Increments: 60, FullDisks: excused})
		report, err := load.Wait(t.Context())
		var refused *client.Problem
		if !excused {
			if !errors.As(err, &refused) || refused.Code != client.CodeDiskFull || report.Refused != 0 {
				t.Errorf("%+v, %v", report, err)
			}
			continue
		}
		if err != nil || report.Doubtful == 0 || report.Refused <= report.Doubtful || report.Acknowledged+report.Doubtful != 60 {
			t.Fatalf("%+v, %v", report, err)
		}
		if err := load.WaitForRefusals(t.Context(), report.Refused); err != nil {
			t.Error(err)
		}
		least, most := uint64(report.Acknowledged), uint64(report.Acknowledged+report.Doubtful)
		f.mu.Lock()
		value := f.value
		f.mu.Unlock()
		if err := report.Check(value); err != nil {
			t.Error(err)
		}
		if lost, doubled := report.Tally(value); lost+doubled != 0 {
			t.Errorf("lost %d, doubled %d", lost, doubled)
		}
		if report.Check(most+1) == nil {
			t.Error("an increment that nobody asked for passes")
		}
		if _, doubled := report.Tally(most + 1); doubled != 1 {
			t.Errorf("an increment that nobody asked for: doubled %d", doubled)
		}
		if report.Check(least-1) == nil {
			t.Error("an increment that is lost passes")
		}
	}
}
