package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// Image is what it costs a machine to be written down while it applies, and to be
// looked over for flipped bits.
type Image struct {
	MiB int
	// Alone is the longest an entry took without an image, Longest while one was
	// written, in nanoseconds of time and not of processor time; what begins the image
	// counts as an entry.
	Alone, Longest Figure
	// Write is how long the image took to a file, with a sync, in nanoseconds.
	Write Figure
	// AsideMiB is the most that was put aside of what changed meanwhile.
	AsideMiB float64
	// Entries is how many entries were applied in all while images were written.
	Entries int
	// Scrub is what looking over 4 KiB takes, in nanoseconds of processor time.
	Scrub Figure
}

// blocksPerMiB is how many blocks of memory a MiB has: each entry has one looked over,
// and each state hash, of which there is one for so many entries, all of them.
const blocksPerMiB = 256

// Share is the part of an entry's time that looking over takes, hashes included.
func (i *Image) Share(entry float64) float64 {
	const blocksPerEntry = 1.0/plugins.ScrubCalls + float64(plugins.ScrubBlocks)/entriesPerHash
	return i.Scrub.Median * blocksPerEntry / entry
}

// entriesPerHash is how many entries replicas let pass between comparisons.
const entriesPerHash = 256

const (
	pagesPerMiB  = 16
	storesEntry  = 16
	aloneEntries = 4000
)

// Images measures images of a machine with so many MiB of memory, none of it zero.
func Images(ctx context.Context, o Options, mib int) (*Image, error) {
	i, done, err := instance(ctx, scatter(mib))
	if err != nil {
		return nil, err
	}
	defer done()
	s := &stroller{ctx: ctx, instance: i}
	if _, err := s.entry(); err != nil { // which fills the memory
		return nil, err
	}
	out := &Image{MiB: mib}
	var alone, longest, write []float64
	for range o.withDefaults().Rounds {
		a, err := s.alone()
		if err != nil {
			return nil, err
		}
		alone = append(alone, float64(a))
		c, err := s.capture(out)
		if err != nil {
			return nil, err
		}
		longest, write = append(longest, float64(c.longest)), append(write, float64(c.write))
	}
	out.Alone, out.Longest, out.Write = figure(alone), figure(longest), figure(write)
	if _, err := i.StateHash(); err != nil { // what waits to be hashed is no part of the figure
		return nil, err
	}
	figures, err := inTurns(o, []work{{"scrub", func(n int) error {
		for range n {
			if _, err := i.StateHash(); err != nil {
				return err
			}
		}
		return nil
	}}})
	out.Scrub = figures["scrub"].per(plugins.ScrubBlocks) // which is what a hash looks over
	return out, err
}

// scatter is a machine whose commands store to places all over its memory. The first
// one makes the memory large and fills it.
func scatter(mib int) []byte {
	const place = 0 // a global
	c := wasmtest.I32Const
	pages := int32(mib * pagesPerMiB)
	step := join(wasmtest.GlobalGet(place), c(1664525), mul32, c(1013904223), wasmtest.I32Add, wasmtest.GlobalSet(place),
		wasmtest.GlobalGet(place), c(pages<<16-8), and, wasmtest.I64Const(0x1234567), store64)
	grown := join(c(pages-1), wasmtest.MemoryGrow(), wasmtest.Drop, c(0), c(7), c(pages<<16-1), wasmtest.MemoryFill)
	var code []byte
	for range storesEntry {
		code = join(code, step)
	}
	b := wasmtest.NewMachine([]byte{0x3f, 0}, c(1), wasmtest.I32Eq, wasmtest.If, grown, wasmtest.End, code,
		c(wasmtest.OutputAt), wasmtest.I64Const(0), store64, wasmtest.Answer(wasmtest.OutputAt, 8))
	b.Global(1)
	return b.Bytes()
}

// stroller applies entries and looks at the clock.
type stroller struct {
	ctx      context.Context
	instance *plugins.Instance
	index    uint64
}

// entry applies one and says how long it took.
func (s *stroller) entry() (time.Duration, error) {
	s.index++
	before := time.Now()
	rs, err := s.instance.Apply(s.ctx, plugins.Moment{Index: s.index, Time: int64(s.index)}, [][]byte{{1}})
	took := time.Since(before)
	if err == nil && rs[0].Status != plugins.StatusOK {
		err = fmt.Errorf("entry %d: %s", s.index, rs[0].Data)
	}
	return took, err
}

// alone is the longest of some entries.
func (s *stroller) alone() (longest time.Duration, err error) {
	for range aloneEntries {
		took, err := s.entry()
		if err != nil {
			return 0, err
		}
		longest = max(longest, took)
	}
	return longest, nil
}

// captured is how one image went.
type captured struct{ longest, write time.Duration }

// capture applies entries until an image is written.
func (s *stroller) capture(out *Image) (c captured, err error) {
	file, err := os.CreateTemp("", "measure")
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	before := time.Now()
	image, err := s.instance.Capture(plugins.StateHash{})
	if err != nil {
		return c, err
	}
	defer image.Close()
	c.longest = time.Since(before)
	written := make(chan error, 1)
	go func() { written <- writeDown(image, file, &c.write) }()
	for {
		select {
		case err := <-written:
			return c, err
		default:
		}
		took, err := s.entry()
		if err != nil {
			return c, errors.Join(err, <-written)
		}
		c.longest = max(c.longest, took)
		out.AsideMiB = max(out.AsideMiB, float64(image.BytesAside())/(1<<20))
		out.Entries++
	}
}

// writeDown writes an image to a file, durably.
func writeDown(image io.WriterTo, file *os.File, took *time.Duration) error {
	before := time.Now()
	_, err := image.WriteTo(file)
	if err == nil {
		err = file.Sync()
	}
	*took = time.Since(before)
	return err
}
