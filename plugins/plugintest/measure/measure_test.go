package measure

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/plugintest/guests"
)

// TestEverythingIsMeasured takes one short round of everything.
func TestEverythingIsMeasured(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a module of 3 MB some ten times")
	}
	r, err := Run(context.Background(), Options{Rounds: 1, RoundTime: time.Millisecond, ImageMiB: 16}, "conditions", []guests.Guest{{Language: "go", Compiler: "go1", Binary: wasmtest.KV(t)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Applies {
		if a.Wraft.Median <= 0 || a.Raw.Median <= 0 {
			t.Errorf("apply: %+v", a)
		}
	}
	for _, k := range r.Kernels {
		if k.Written.Median <= 0 || k.Rewritten.Median <= 0 {
			t.Errorf("kernel: %+v", k)
		}
	}
	for _, u := range r.Undos {
		if u.Trap.Median <= u.Honest.Median/2 || u.Batch.Median <= u.Honest.Median {
			t.Errorf("undo: %+v", u)
		}
	}
	if i := r.Image; i.Alone.Median <= 0 || i.Longest.Median <= 0 || i.Write.Median <= 0 || i.Scrub.Median <= 0 || i.Entries == 0 || i.AsideMiB > 16 {
		t.Errorf("image: %+v", i)
	}
	text := r.Markdown()
	for _, want := range []string{"| go (go1) | 64 |", "| a map in Go | 1 |", "| sieve |", "| all | geometric mean |", "Images of a machine of 16 MiB", "| go | 64 |", "conditions", "| a put in go, 64 in an entry | 1000 ns |", "the dearest (", "| the longest entry while an image of 16 MiB is written | 5 ms |"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestMissesAreSaid: a figure above its target is named with how far.
func TestMissesAreSaid(t *testing.T) {
	r := &Report{
		Applies: []Apply{
			{Language: "c", Batch: 64, Wraft: Figure{Median: 250}}, {Language: "rust", Batch: 64, Wraft: Figure{Median: 301}},
			{Language: "go", Batch: 1, Wraft: Figure{Median: 9000}}, {Language: "zig", Batch: 64, Wraft: Figure{Median: 9000}},
		},
		Kernels: []Kernel{{Name: "a", Written: Figure{Median: 2}, Rewritten: Figure{Median: 3}}, {Name: "b", Written: Figure{Median: 1}, Rewritten: Figure{Median: 2}}},
		Image:   &Image{MiB: 256, Longest: Figure{Median: 4.1e6}},
	}
	var b strings.Builder
	r.targets(&b)
	_, rows, _ := strings.Cut(b.String(), "|---|---|---|---|\n")
	const want = `| a put in c, 64 in an entry | 250 ns | 250 ns | yes |
| a put in rust, 64 in an entry | 250 ns | 301 ns | no, 1.20 times |
| a loop rewritten over the same as written, the dearest (b) | 1.8 times | 2 times | no, 1.11 times |
| the longest entry while an image of 256 MiB is written | 5 ms | 4.1 ms | yes |
`
	if rows != want {
		t.Errorf("%s\nwant\n%s", rows, want)
	}
}

func TestCommandsHave64Bytes(t *testing.T) {
	for _, e := range entries(3) {
		for _, c := range e {
			key, value := operands(c)
			if len(c) != commandBytes || !strings.HasPrefix(string(key), "key-") || len(value) != 48 {
				t.Fatalf("%d bytes, key %q, value of %d", len(c), key, len(value))
			}
		}
	}
}

func TestFiguresAreMedians(t *testing.T) {
	if got := figure([]float64{9, 1, 5, 3, 7}); got != (Figure{Median: 5, Least: 1, Most: 9}) {
		t.Errorf("got %+v", got)
	}
}
