package kvload

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/history"
)

// fakeKV is a key-value machine behind HTTP whose answers get lost now and then.
// What it does wrong is what the judgement has to find.
type fakeKV struct {
	mu       sync.Mutex
	values   map[string][]byte
	answers  map[string][]byte // by session and sequence, or by idempotency key
	requests int
	batches  int
	reads    int
	applied  uint64
	forgets  bool // executes repeats again
	loses    bool // acknowledges every 50th append without keeping it
	drops    bool // leaves every other read unanswered, of clients that try once, and nothing else
}

func (f *fakeKV) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	if err != nil || strings.HasSuffix(r.URL.Path, "/sessions") {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"session":"%d"}`, f.requests)
		return
	}
	var answer []byte
	if strings.HasSuffix(r.URL.Path, "/batch") {
		answer = f.batch(data)
	} else {
		answer = f.once(r.Header.Get(client.HeaderSession)+"/"+r.Header.Get(client.HeaderSequence)+r.Header.Get(client.HeaderIdempotencyKey), data)
	}
	lost := f.requests%7 == 0
	if f.drops {
		f.reads += strings.Count(r.URL.Path, "/queries")
		lost = strings.HasSuffix(r.URL.Path, "/queries") && f.reads%2 == 1
	}
	if lost {
		panic(http.ErrAbortHandler) // applied, and the answer lost
	}
	for _, name := range []string{client.HeaderIndex, client.HeaderAppliedIndex} {
		w.Header().Set(name, strconv.FormatUint(f.applied, 10))
	}
	_, _ = w.Write(answer) // the client notices
}

// once carries a command out, unless it has the answer to it; "/" names none.
func (f *fakeKV) once(name string, data []byte) []byte {
	answer, repeated := f.answers[name]
	if !repeated || f.forgets || name == "/" {
		answer = f.carryOut(data)
		f.answers[name] = answer
	}
	return answer
}

// batch carries out the commands of a batch, which have keys of their own.
func (f *fakeKV) batch(data []byte) []byte {
	var batch struct {
		Commands []client.BatchCommand `json:"commands"`
	}
	if err := json.Unmarshal(data, &batch); err != nil {
		panic(err)
	}
	f.batches++
	var answers client.BatchAnswers
	for _, c := range batch.Commands {
		data := f.once("/"+c.Key, c.Data)
		answers.Results = append(answers.Results, client.BatchAnswer{Data: data, Index: f.applied})
	}
	out, err := json.Marshal(answers)
	if err != nil {
		panic(err)
	}
	return out
}

func (f *fakeKV) carryOut(data []byte) []byte {
	var c command
	if err := cbor.Unmarshal(data, &c); err != nil {
		panic(err)
	}
	f.applied++
	key, have, ok := string(c.Key), f.values[string(c.Key)], false
	_, ok = f.values[key]
	var answer any
	switch c.Operation {
	case "append":
		next := append(have[:len(have):len(have)], c.Value...)
		answer = len(next)
		if !f.loses || f.applied%50 != 0 {
			f.values[key] = next
		}
	case "put":
		f.values[key] = c.Value
	case "cas":
		same := ok == (c.Expected != nil) && string(have) == string(c.Expected)
		if same {
			f.values[key] = c.Value
		}
		answer = same
	case "get":
		answer = have
	}
	out, err := cbor.Marshal(answer)
	if err != nil {
		panic(err)
	}
	return out
}

// judge has twelve workers do 600 operations with the fake.
func judge(t *testing.T, f *fakeKV) *history.Report {
	t.Helper()
	return judgeUnder(t, f, "")
}

func judgeUnder(t *testing.T, f *fakeKV, prefix string) *history.Report {
	t.Helper()
	if f.values == nil {
		f.values, f.answers = map[string][]byte{}, map[string][]byte{}
	}
	server := httptest.NewTLSServer(f)
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	config := client.Config{Endpoints: []string{server.URL}, BackoffMin: time.Millisecond, TLS: &tls.Config{RootCAs: pool}}
	if f.drops {
		config.AttemptsMax = 1
	}
	c, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	load := Start(ctx, Config{Clients: []*client.Client{c}, Prefix: prefix, Keys: 10, KeyOps: 20, Pause: time.Microsecond})
	if err := load.WaitFor(ctx, 600); err != nil {
		t.Fatal(err)
	}
	r, err := load.Stop(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLoadOfACorrectMachinePasses(t *testing.T) {
	f := &fakeKV{}
	r := judge(t, f)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !r.OK() || r.Answered < 600 || r.Ops == r.Answered || f.batches == 0 {
		t.Fatalf("%+v, %d batches", r, f.batches)
	}
}

// TestLastReadsAreRepeated: what a key held at the end has to be known, however often nobody
// answers.
func TestLastReadsAreRepeated(t *testing.T) {
	if r := judge(t, &fakeKV{drops: true}); !r.OK() {
		t.Fatalf("%+v", r)
	}
}

// TestLoadForgets: of the keys that nobody uses any more nothing is left but what they hold,
// and two loads of one machine do not see one another.
func TestLoadForgets(t *testing.T) {
	f := &fakeKV{}
	for _, prefix := range []string{"a/", "b/"} {
		r := judgeUnder(t, f, prefix)
		if !r.OK() {
			t.Fatalf("%v", r.Problems)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.values {
		if !strings.HasPrefix(key, "a/") && !strings.HasPrefix(key, "b/") {
			t.Errorf("key %q", key)
		}
	}
}

func TestLoadSeesWhatIsDoubled(t *testing.T) {
	if r := judge(t, &fakeKV{forgets: true}); r.OK() || r.Doubled == 0 {
		t.Fatalf("commands carried out twice pass: %+v", r)
	}
}

func TestLoadSeesWhatIsLost(t *testing.T) {
	if r := judge(t, &fakeKV{loses: true}); r.OK() || r.Lost == 0 {
		t.Fatalf("commands that are lost pass: %+v", r)
	}
}

// TestLoadEndsWithoutAMachine: what no fault of a cluster excuses ends the load.
func TestLoadEndsWithoutAMachine(t *testing.T) {
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
		t.Fatal("WaitFor does not see the failed workers")
	}
	if _, err := load.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "register") {
		t.Fatalf("Stop = %v", err)
	}
}
