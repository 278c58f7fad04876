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
		leave, err := f.enter(who, load{1, bytes})
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

// TestInflightOfBatches: a batch has as many places as commands under way, at once or not at
// all; and whatever its size, it fits when nothing else is there.
func TestInflightOfBatches(t *testing.T) {
	f := newInflight(load{requests: 16, bytes: 800})
	for commands, most := range map[int]int{1: 1, 3: 3, 4: 4, 5: 4, 1024: 4} {
		atOnce, leave, err := f.enterBatch("alone", commands)
		if err != nil || atOnce != most || f.all.requests != most-1 {
			t.Errorf("a batch of %d: %d at once, %d more places, %v", commands, atOnce, f.all.requests, err)
		}
		leave()
	}
	if at := newInflight(load{requests: 3}).atOnce(5); at != 1 {
		t.Errorf("%d at once where a share is less than one", at)
	}
	if at := newInflight(load{requests: inflightMax}).atOnce(client.BatchCommandsMax); at != batchAtOnce {
		t.Errorf("%d at once", at)
	}
	_, leave, err := f.enterBatch("greedy", 4)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.enterBatch("greedy", 4); err != nil { // 6 of 16
		t.Fatal(err)
	}
	before := f.all
	if _, _, err := f.enterBatch("greedy", 4); !errors.Is(err, client.ErrBackpressure) || f.all != before {
		t.Errorf("three more would be above half: %v, and %+v is taken", err, f.all)
	}
	if _, _, err := f.enterBatch("greedy", 1); err != nil {
		t.Errorf("one command takes no place but its request's: %v", err)
	}
	if _, _, err := f.enterBatch("other", 4); err != nil {
		t.Errorf("another one has its share: %v", err)
	}
	leave()
	if f.all.requests != 6 {
		t.Errorf("%+v is taken once the first has left", f.all)
	}
}
