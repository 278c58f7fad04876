package wan

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/relay"
)

func TestLastLine(t *testing.T) {
	r := Result{
		Path: Path{Loss: 0.02}, RTT: 70 * time.Millisecond, P50: 72_340 * time.Microsecond, P99: 88 * time.Millisecond,
		Ops: 4321, Elections: 1,
	}
	if got, want := r.String(), "wan: loss=2% rtt_ms=70 p50_ms=72.3 p99_ms=88.0 ops=4321 elections=1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if r.Err() != nil {
		t.Error(r.Err())
	}
	if r.Lost = 1; r.Err() == nil {
		t.Error("a lost key passes")
	}
	if r.Lost, r.Ops = 0, 0; r.Err() == nil {
		t.Error("a cluster that acknowledges nothing passes")
	}
}

func TestPathsHaveNames(t *testing.T) {
	for _, row := range []struct{ loss, burst, want string }{
		{"2%", "1", "2%"}, {"0.05", "1", "5%"}, {"0.5%", "4", "0.5%x4"}, {"2%", "30ms", "2%x30ms"}, {"0", "1", "0%"},
	} {
		var p Path
		var err error
		if p.Loss, err = relay.ParseShare(row.loss); err != nil {
			t.Fatal(err)
		}
		if err := p.ParseBurst(row.burst); err != nil {
			t.Fatal(err)
		}
		if p.String() != row.want {
			t.Errorf("%s in bursts of %s: %q, want %q", row.loss, row.burst, p, row.want)
		}
		c := p.conditions(70 * time.Millisecond)
		if c.Loss != p.Loss || c.LossBurst != p.BurstPackets || c.LossBurstTime != p.BurstTime || c.Delay != 35*time.Millisecond {
			t.Errorf("%v: %+v", p, c)
		}
	}
	for _, text := range []string{"", "0", "-3", "-3ms", "x"} {
		if err := new(Path).ParseBurst(text); err == nil {
			t.Errorf("%q is the length of a burst", text)
		}
	}
}

func TestConfigs(t *testing.T) {
	good := Config{Duration: time.Second, Path: Path{Loss: 0.02}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"no time": func(c *Config) { c.Duration = 0 }, "the leader down": func(c *Config) { c.Down = 1 },
		"a value without room": func(c *Config) { c.ValueBytes = 7 }, "too short for steps": func(c *Config) { c.Step = true },
		"too much loss": func(c *Config) { c.Path.Loss = 2 }, "too many": func(c *Config) { c.Clients = 5000 },
	} {
		c := good
		if change(&c); c.Validate() == nil {
			t.Errorf("%s: passes", name)
		}
	}
}

func TestQuorumOfWhoRuns(t *testing.T) {
	for down, want := range map[client.NodeID]time.Duration{0: 70 * time.Millisecond, 2: 80 * time.Millisecond, 3: 70 * time.Millisecond} {
		if got := (Config{Down: down}).quorumRTT(); got != want {
			t.Errorf("node %v down: %v, want %v", down, got, want)
		}
	}
	if got := (Config{Down: 2, RTT: 50 * time.Millisecond}).quorumRTT(); got != 50*time.Millisecond {
		t.Errorf("all links of 50 ms: %v", got)
	}
}

// fakeKV is a key-value machine behind HTTP.
type fakeKV struct {
	mu     sync.Mutex
	values map[string][]byte
	puts   int
	wanted int           // puts after which there are enough
	enough chan struct{} // closed then
	loses  bool          // forgets every seventh write of each worker or so
	takes  time.Duration // for each write
}

func (f *fakeKV) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	var c command
	if err != nil || cbor.Unmarshal(data, &c) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if c.Operation == "put" {
		<-time.After(f.takes) // Why: the fake's own time is what the load has to see
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range []string{client.HeaderIndex, client.HeaderAppliedIndex} {
		w.Header().Set(name, strconv.Itoa(1+f.puts))
	}
	if c.Operation == "get" {
		out, err := cbor.Marshal(f.values[string(c.Key)])
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(w, "%s", out)
		return
	}
	if f.puts++; f.puts == f.wanted {
		close(f.enough)
	}
	if !f.loses || len(c.Value) < valueBytesMin || c.Value[valueBytesMin-1]%7 != 3 {
		f.values[string(c.Key)] = c.Value
	}
}

// loaded has a load of some workers write to the fake until it has taken n writes.
func loaded(t *testing.T, f *fakeKV, workers, rate, n int) *load {
	t.Helper()
	f.values, f.enough, f.wanted = map[string][]byte{}, make(chan struct{}), n
	server := httptest.NewTLSServer(f)
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	c, err := client.New(client.Config{Endpoints: []string{server.URL}, TLS: &tls.Config{RootCAs: pool}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	l := startLoad(t.Context(), c, workers, rate, 64)
	l.measure()
	select {
	case <-f.enough:
	case <-time.After(time.Minute):
		t.Fatalf("fewer than %d writes in a minute", n)
	}
	return l
}

func TestLoadChecksWhatIsKept(t *testing.T) {
	for _, loses := range []bool{false, true} {
		l := loaded(t, &fakeKV{loses: loses}, 8, 0, 450)
		w, err := l.finish()
		if err != nil || w.times.TotalCount() < 400 {
			t.Fatalf("%d writes, %v", w.times.TotalCount(), err)
		}
		lost, err := l.check(t.Context())
		if err != nil || lost > 0 != loses {
			t.Errorf("loses %v: %d keys are lost, %v", loses, lost, err)
		}
	}
}

// TestScheduleDoesNotWait: writes that nobody is free for are refused and counted, and
// those that waited took their time from when they were due.
func TestScheduleDoesNotWait(t *testing.T) {
	l := loaded(t, &fakeKV{takes: 20 * time.Millisecond}, 2, 2000, 20)
	w, err := l.finish()
	if err != nil {
		t.Fatal(err)
	}
	if l.refused == 0 {
		t.Error("two workers took what two hundred could")
	}
	if p50 := w.times.ValueAtQuantile(50); p50 < 35_000 {
		t.Errorf("half of the writes took %d µs, and each waited for two of 20 ms", p50)
	}
}
