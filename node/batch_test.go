package node

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"
)

// readAlike wants what the quick reader takes to be what the general decoder makes of it,
// with room for two commands in which something else was.
func readAlike(t *testing.T, data []byte) (taken bool) {
	t.Helper()
	room := []Command{{Kind: 9, Session: 9, Sequence: 9, AckBelow: 9, Data: []byte("nine")}, {Data: []byte("nine")}}
	got, taken := readBatch(data, room)
	if !taken {
		return false
	}
	want, err := decodeBatch(data)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%x is read as %+v, decoded as %+v, %v", data, got, want, err)
	}
	return true
}

// TestBatchesAreReadAlike reads random batches, as they are encoded and with bytes changed,
// added or missing, in both ways. What was encoded here the quick reader always takes.
func TestBatchesAreReadAlike(t *testing.T) {
	chance := rand.New(rand.NewPCG(5, 6))
	number := func() uint64 { return chance.Uint64() >> chance.IntN(64) }
	taken := 0
	for range 5000 {
		b := Batch{Elapsed: int64(number()), Wall: -int64(number()), Commands: []Command{}}
		for range chance.IntN(4) {
			c := Command{Kind: CommandKind(chance.IntN(256)), Session: SessionID(number()), Sequence: number(), AckBelow: number()}
			if chance.IntN(4) > 0 {
				c.Data = bytes.Repeat([]byte{byte(number())}, chance.IntN(300))
			}
			b.Commands = append(b.Commands, c)
		}
		data, err := b.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if !readAlike(t, data) {
			t.Fatalf("%+v is left to the general decoder: %x", b, data)
		}
		for range 20 {
			changed := bytes.Clone(data)
			switch at := chance.IntN(len(data)); chance.IntN(4) {
			case 0:
				changed = changed[:at]
			case 1:
				changed = append(changed[:at], append([]byte{byte(number())}, changed[at:]...)...)
			default:
				changed[at] ^= 1 << chance.IntN(8)
			}
			if readAlike(t, changed) {
				taken++
			}
		}
	}
	if taken == 0 {
		t.Error("no changed batch was taken: nothing was compared")
	}
}
