package api

import (
	"errors"
	"testing"

	"github.com/wraft/wraft/client"
)

// TestInflightIsShared: one client may use everything while nobody else is there, but for
// what keeps the others from being shut out.
func TestInflightIsShared(t *testing.T) {
	f := newInflight(load{requests: 8, bytes: 800})
	var leaves []func()
	enter := func(who string, bytes int64) bool {
		leave, err := f.enter(who, bytes)
		if err == nil {
			leaves = append(leaves, leave)
		} else if !errors.Is(err, client.ErrBackpressure) {
			t.Fatal(err)
		}
		return err == nil
	}
	for i := range 4 {
		if !enter("greedy", 10) {
			t.Fatalf("request %d of half was refused", i)
		}
	}
	if enter("greedy", 10) {
		t.Error("more than its share, with half in use")
	}
	if !enter("other", 10) || !enter("other", 10) || enter("other", 10) {
		t.Error("another one has a share of two")
	}
	if !enter("third", 10) || !enter("fourth", 10) || enter("fifth", 10) {
		t.Error("eight is the most there may be")
	}
	for _, leave := range leaves {
		leave()
	}
	if f.all != (load{}) || len(f.by) != 0 || f.requests() != 0 {
		t.Errorf("%+v, %v are left", f.all, f.by)
	}
	if !enter("large", 390) || enter("large", 20) || !enter("small", 100) || enter("third", 400) {
		t.Error("bytes count as requests do")
	}
}
