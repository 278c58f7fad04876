package plugins_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/wraft/wraft/plugins"
)

// pending is a capture that is read a piece at a time while the machine goes on.
type pending struct {
	capture *plugins.Capture
	base    int    // the capture it is an increment on; -1: it is whole
	memory  []byte // the machine's when it was taken
	pipe    *io.PipeReader
	image   []byte
}

func (p *pending) read(t *rapid.T, n int) {
	b := make([]byte, n)
	got, err := io.ReadFull(p.pipe, b)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	p.image = append(p.image, b[:got]...)
}

// take captures a machine, whole or on an earlier capture.
func take(t *rapid.T, i *plugins.Instance, all []*pending, memory []byte) *pending {
	p := &pending{base: rapid.IntRange(-1, len(all)-1).Draw(t, "base"), memory: slices.Clone(memory)}
	var base plugins.StateHash
	if p.base >= 0 {
		base = all[p.base].capture.Hash()
	}
	c, err := i.Capture(base)
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	p.capture, p.pipe = c, r
	go func() {
		_, err := c.WriteTo(w)
		w.CloseWithError(err)
	}()
	return p
}

// chain is the images that lead to a capture.
func chain(all []*pending, at int) (images [][]byte) {
	for ; at >= 0; at = all[at].base {
		images = append(images, all[at].image)
	}
	slices.Reverse(images)
	return images
}

// begun starts a machine from images and wants its state to be that of a capture.
func begun(t *rapid.T, images [][]byte, want *pending) *plugins.Instance {
	m, err := shared.Compile(context.Background(), scribbler())
	if err != nil {
		t.Fatal(err)
	}
	var readers []io.Reader
	for _, b := range images {
		readers = append(readers, bytes.NewReader(b))
	}
	i, err := shared.Restore(context.Background(), m, scribbling, readers...)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := i.StateHash()
	if err != nil || hash != want.capture.Hash() || !bytes.Equal(i.Memory(), want.memory) {
		t.Fatalf("restored to state %v with %d bytes, want %v with %d: %v", hash, len(i.Memory()), want.capture.Hash(), len(want.memory), err)
	}
	if err := i.Audit(); err != nil {
		t.Fatal(err)
	}
	return i
}

// TestRestoredMemoryHasNothingOfTheModule: what the engine put into the memory from the
// module's data, and the machine has overwritten with zeros, is not in an image and not in
// what is restored from it.
func TestRestoredMemoryHasNothingOfTheModule(t *testing.T) {
	i := start(t, shared, scribbler(), scribbling)
	command := make([]byte, scribbleBytes)
	command[0] = scribbleFill
	binary.LittleEndian.PutUint32(command[1:], 4096)
	binary.LittleEndian.PutUint32(command[9:], 4096)
	if !bytes.Contains(i.Memory()[4096:], []byte("still")) {
		t.Fatal("the module's data is not where this test believes it")
	}
	if _, err := i.Apply(context.Background(), plugins.Moment{Index: 1}, [][]byte{command}); err != nil {
		t.Fatal(err)
	}
	full, hash := image(t, i, plugins.StateHash{})
	again, err := restoreWith(t, scribbler(), scribbling, full)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close(context.Background())
	got, err := again.StateHash()
	if err != nil || got != hash || !bytes.Equal(again.Memory(), i.Memory()) || bytes.Contains(again.Memory()[4096:], []byte("still")) {
		t.Errorf("state %v, want %v, %v", got, hash, err)
	}
	if err := again.Audit(); err != nil {
		t.Error(err)
	}
}

const scribblingPages = 9

var scribbling = plugins.InstanceConfig{Limits: plugins.Limits{MemoryBytesMax: scribblingPages * 65536}}

// TestImagesFollowTheModel takes captures of a machine at random moments, on random
// earlier ones, and reads them while it grows, traps, is asked and goes on; whatever
// chain of them is restored has the memory of its moment, and goes on alike.
func TestImagesFollowTheModel(t *testing.T) {
	const openMax = 3
	rapid.Check(t, func(rt *rapid.T) {
		i := start(t, shared, scribbler(), scribbling)
		model := &scribbleModel{memory: slices.Clone(i.Memory()), pagesMax: scribblingPages}
		var all []*pending
		for index := range uint64(rapid.IntRange(2, 14).Draw(rt, "entries")) {
			if len(all) < openMax && rapid.IntRange(0, 2).Draw(rt, "capture") == 0 {
				all = append(all, take(rt, i, all, model.memory))
			}
			for _, p := range all {
				p.read(rt, rapid.SampledFrom([]int{0, 100, 5000, 70000}).Draw(rt, "read"))
			}
			scribble(rt, i, model, index+1)
		}
		all = append(all, take(rt, i, all, model.memory))
		for _, p := range all {
			p.read(rt, 10*65536*2)
			p.capture.Close()
		}
		at := rapid.IntRange(0, len(all)-1).Draw(rt, "restore")
		again := begun(rt, chain(all, at), all[at])
		defer func() { _ = again.Close(context.Background()) }()
		resumed := &scribbleModel{memory: slices.Clone(all[at].memory), pagesMax: scribblingPages}
		scribble(rt, again, resumed, 100)
		next := take(rt, again, all[at:at+1], resumed.memory)
		next.read(rt, 10*65536*2)
		next.capture.Close()
		images := [][]byte{next.image}
		if next.base >= 0 {
			images = append(chain(all, at), next.image)
		}
		_ = begun(rt, images, next).Close(context.Background())
	})
}
