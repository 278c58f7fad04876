package sumhash_test

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/wraft/wraft/internal/sumhash"
)

// A sum is that of what is left, whatever was added and removed before, in
// whatever order.
func TestSumIsOfWhatIsIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 8), 0, 20).Draw(t, "parts")
		gone := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 8), 0, 20).Draw(t, "gone")
		var want, got sumhash.Sum
		for _, p := range parts {
			want.Add(sumhash.Of(p))
		}
		for _, p := range gone {
			got.Add(sumhash.Of(p))
		}
		for n := range parts {
			got.Add(sumhash.Of(parts[len(parts)-1-n]))
		}
		for _, p := range gone {
			got.Remove(sumhash.Of(p))
		}
		if got != want {
			t.Fatalf("got %x, want %x", got.Append(nil), want.Append(nil))
		}
	})
}

// The two halves carry into each other: a sum of many parts is that of big numbers.
func TestSumCarries(t *testing.T) {
	var s sumhash.Sum
	s.Add(sumhash.Part{Lo: 1<<64 - 1})
	s.Add(sumhash.Part{Lo: 1})
	if got, want := s.Append(nil), []byte{0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}; !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	s.Remove(sumhash.Part{Lo: 1})
	if got := s.Append(nil); !bytes.Equal(got[:8], []byte{255, 255, 255, 255, 255, 255, 255, 255}) || got[8] != 0 {
		t.Errorf("got %x", got)
	}
	if b := sumhash.Bytes(sumhash.Part{Hi: 2, Lo: 1}); b[0] != 1 || b[8] != 2 {
		t.Errorf("got %x", b)
	}
}

// A stream makes of pieces what Of makes of the whole, and can be asked on the way.
func TestStreamIsOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 600), 0, 6).Draw(t, "pieces")
		s := sumhash.NewStream()
		var all []byte
		for _, p := range pieces {
			if n, err := s.Write(p); n != len(p) || err != nil {
				t.Fatalf("wrote %d of %d bytes, %v", n, len(p), err)
			}
			all = append(all, p...)
			if got, want := s.Sum(), sumhash.Bytes(sumhash.Of(all)); got != want {
				t.Fatalf("behind %d bytes: got %x, want %x", len(all), got, want)
			}
		}
	})
}
