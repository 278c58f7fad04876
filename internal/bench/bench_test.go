package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node/api/apitest"
)

// memory is a Store whose operations take a fixed time.
type memory struct {
	takes time.Duration
	fail  func(n int) error

	mu   sync.Mutex
	n    int
	keys map[string]int
}

func (m *memory) op(key []byte) error {
	time.Sleep(m.takes) // virtual time: every test that sets takes runs in a bubble
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n++
	m.keys[string(key)]++
	if m.fail != nil {
		return m.fail(m.n)
	}
	return nil
}

func (m *memory) Put(_ context.Context, key, _ []byte) error { return m.op(key) }

func (m *memory) Get(_ context.Context, key []byte) ([]byte, bool, error) {
	return nil, true, m.op(key)
}

func TestClosedLoopCountsOnlyTheMeasuredTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{takes: 10 * time.Millisecond, keys: map[string]int{}}
		r, err := Run(t.Context(), Config{Op: Write, Clients: 4, Duration: time.Second, Warmup: 500 * time.Millisecond, Keys: 10}, m)
		if err != nil {
			t.Fatal(err)
		}
		// 4 clients, an operation each every 10 ms: 400 in the second, 600 in all,
		// and one more each that ends after the end.
		if r.Ops != 400 || r.OpsPerSec != 400 || r.OpsAll < 600 || r.OpsAll > 604 || r.Errors != 0 {
			t.Errorf("got %+v", r)
		}
		if r.P50US < 9990 || r.P50US > 10010 || r.MaxUS < 9990 || r.MaxUS > 10010 {
			t.Errorf("times are %+v", r)
		}
		if len(m.keys) != 10 {
			t.Errorf("%d keys were used, want 10", len(m.keys))
		}
	})
}

func TestFailuresAreCountedAndTheFirstIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{takes: 5 * time.Millisecond, keys: map[string]int{}, fail: func(n int) error { return fmt.Errorf("failure %d", n) }}
		r, err := Run(t.Context(), Config{Op: Read, Clients: 1, Duration: time.Second, Warmup: -1}, m)
		// An attempt and a pause take 10 ms together.
		if err != nil || r.Errors != 100 || r.Ops != 0 || r.FirstErr != "failure 1" {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

func TestEndOfContextEndsTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		m := &memory{takes: time.Millisecond, keys: map[string]int{}}
		if _, err := Run(ctx, Config{Op: Write}, m); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

func TestPreloadWritesEveryKeyOnce(t *testing.T) {
	m := &memory{keys: map[string]int{}, fail: func(n int) error {
		if n == 5 {
			return errors.New("one failure is forgiven")
		}
		return nil
	}}
	if err := Preload(t.Context(), Config{Op: Read, Keys: 300}, m); err != nil {
		t.Fatal(err)
	}
	if len(m.keys) != 300 || m.n != 301 {
		t.Errorf("%d keys in %d attempts", len(m.keys), m.n)
	}
	synctest.Test(t, func(t *testing.T) {
		broken := &memory{keys: map[string]int{}, fail: func(int) error { return errors.New("broken") }}
		if err := Preload(t.Context(), Config{Op: Read, Keys: 300}, broken); err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("got %v", err)
		}
	})
}

func TestBadLoadsAreRefused(t *testing.T) {
	for name, c := range map[string]Config{
		"operation": {Op: "scan"}, "clients": {Op: Write, Clients: -1}, "value": {Op: Write, ValueBytes: 2 << 20},
		"keys": {Op: Write, Keys: -1}, "times": {Op: Write, Duration: -1},
	} {
		if _, err := Run(t.Context(), c, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestResultKeepsTheNamesOfTheCommonTable(t *testing.T) {
	data, err := json.Marshal(Result{FirstErr: "x"})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	var got []string
	for name := range fields {
		got = append(got, name)
	}
	slices.Sort(got)
	want := strings.Fields("clients conns errors first_error keys max_us mean_us op ops ops_all ops_per_s p50_us p90_us p999_us p99_us peer seconds value")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("fields are %v, want %v", got, want)
	}
}

func TestKVOverTheWire(t *testing.T) {
	b := apitest.New(apitest.KV)
	b.AddMachine("kv")
	kv := NewKV(apitest.Start(t, b, apitest.Options{}).Client(t), "kv")
	if _, found, err := kv.Get(t.Context(), []byte("k")); err != nil || found {
		t.Fatalf("%v, %v", found, err)
	}
	if err := kv.Put(t.Context(), []byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	if value, found, err := kv.Get(t.Context(), []byte("k")); err != nil || !found || string(value) != "v" {
		t.Fatalf("%q, %v, %v", value, found, err)
	}
	// The bytes of the README's example.
	if err := kv.Put(t.Context(), []byte("k"), []byte("v")); err != nil || fmt.Sprintf("%x", b.LastCommand().Data) != "8463707574416b4176f6" {
		t.Errorf("%v, sent % x", err, b.LastCommand().Data)
	}
}

func TestAnotherMachineIsTold(t *testing.T) {
	b := apitest.New(func(*string, []byte) ([]byte, error) { return []byte("hello"), nil })
	b.AddMachine("counter")
	kv := NewKV(apitest.Start(t, b, apitest.Options{}).Client(t), "counter")
	if _, _, err := kv.Get(t.Context(), []byte("k")); err == nil || !strings.Contains(err.Error(), "does not answer as the kv machine") {
		t.Errorf("got %v", err)
	}
}
