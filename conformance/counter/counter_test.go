package counter

import (
	"context"
	"crypto/tls"
	"crypto/x509"
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

// run counts to 300 with four workers against the fake.
func run(t *testing.T, f *fakeCounter) (Report, error) {
	t.Helper()
	f.answers = map[string]uint64{}
	server := httptest.NewTLSServer(f)
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	c, err := client.New(client.Config{Endpoints: []string{server.URL}, BackoffMin: time.Millisecond, TLS: &tls.Config{RootCAs: pool}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
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
	server := httptest.NewTLSServer(&fakeCounter{answers: map[string]uint64{}})
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	c, err := client.New(client.Config{Endpoints: []string{server.URL}, BackoffMin: time.Millisecond, TLS: &tls.Config{RootCAs: pool}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
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
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	c, err := client.New(client.Config{Endpoints: []string{server.URL}, TLS: &tls.Config{RootCAs: pool}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	load := Start(t.Context(), Config{Clients: []*client.Client{c}})
	if err := load.WaitFor(t.Context(), 1); err == nil {
		t.Fatal("WaitFor does not see the failed worker")
	}
	if _, err := load.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "register") {
		t.Fatalf("Wait = %v", err)
	}
}
