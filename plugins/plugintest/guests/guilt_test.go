package guests_test

import (
	"context"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/plugintest/guests"
)

// TestGuiltyCommandsFail: each crime has its status, and the commands beside it are
// as if it had not been there.
func TestGuiltyCommandsFail(t *testing.T) {
	ctx := context.Background()
	binary, err := guests.Guilty(wasmtest.Counter(t))
	if err != nil {
		t.Fatal(err)
	}
	e, err := plugins.NewEngine(plugins.Config{Limits: plugins.Limits{FuelCommandMax: 20_000_000, MemoryBytesMax: 16 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := e.Compile(ctx, binary)
	if err != nil {
		t.Fatal(err)
	}
	i, err := e.NewInstance(ctx, m, plugins.InstanceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[guests.Crime]int32{guests.Trap: plugins.StatusTrap, guests.Loop: plugins.StatusFuel, guests.Recurse: plugins.StatusStack,
		guests.Grow: plugins.StatusTrap, guests.Scribble: plugins.StatusTrap, guests.Lie: plugins.StatusMalformed}
	bytes := i.MemoryBytes()
	for n, c := range guests.Crimes {
		r, err := i.Apply(ctx, plugins.Moment{Index: uint64(n)}, [][]byte{[]byte("incr"), c.Command(), []byte("get")})
		if err != nil {
			t.Fatal(err)
		}
		if r[0].Status != 0 || r[1].Status != want[c] || r[2].Status != 0 || string(r[2].Data) != string(r[0].Data) {
			t.Errorf("%c: %d %q, %d %q, %d %q", c, r[0].Status, r[0].Data, r[1].Status, r[1].Data, r[2].Status, r[2].Data)
		}
	}
	if i.MemoryBytes() != bytes {
		t.Errorf("the memory has %d bytes, it had %d", i.MemoryBytes(), bytes)
	}
}
