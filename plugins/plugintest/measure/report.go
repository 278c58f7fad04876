package measure

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/plugintest/guests"
)

// Report is everything that was measured.
type Report struct {
	Conditions string
	Applies    []Apply
	Natives    []Native
	Kernels    []Kernel
	Undos      []Undo
	Image      *Image
	Compiles   []Compile
}

// Run measures everything.
func Run(ctx context.Context, o Options, conditions string, built []guests.Guest) (*Report, error) {
	r := &Report{Conditions: conditions}
	var err error
	if r.Applies, r.Natives, err = Applies(ctx, o, built); err != nil {
		return nil, err
	}
	if r.Kernels, err = Kernels(ctx, o); err != nil {
		return nil, err
	}
	if r.Undos, err = Undos(ctx, o, built); err != nil {
		return nil, err
	}
	if r.Image, err = Images(ctx, o, o.withDefaults().ImageMiB); err != nil {
		return nil, err
	}
	r.Compiles, err = Compiles(ctx, built)
	return r, err
}

// Markdown draws the report as the tables of docs/BENCHMARKS.md.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.Conditions)
	r.applies(&b)
	r.kernels(&b)
	r.undos(&b)
	r.image(&b)
	r.compiles(&b)
	r.targets(&b)
	return b.String()
}

func (r *Report) applies(b *strings.Builder) {
	b.WriteString("A put of 64 bytes, by entry size. \"Wraft\" is the runtime with every check, \"raw\" the same machine as it was written in the\nbare engine, both with the bytes going in and the answer coming out; ns per command, least to most of the rounds in brackets.\n\n")
	b.WriteString("| machine | commands per entry | wraft | raw | wraft / raw | wraft / Go map |\n|---|---|---|---|---|---|\n")
	for _, batch := range Batches {
		native := r.native(batch)
		fmt.Fprintf(b, "| a map in Go | %d | | %s | | |\n", batch, nanoseconds(native))
		for _, a := range r.Applies {
			if a.Batch == batch {
				fmt.Fprintf(b, "| %s (%s) | %d | %s | %s | %.2f | %.1f |\n", a.Language, a.Compiler, batch, nanoseconds(a.Wraft), nanoseconds(a.Raw),
					a.Wraft.Median/a.Raw.Median, a.Wraft.Median/native.Median)
			}
		}
	}
}

func (r *Report) native(batch int) Figure {
	for _, n := range r.Natives {
		if n.Batch == batch {
			return n.Go
		}
	}
	return Figure{}
}

func (r *Report) kernels(b *strings.Builder) {
	b.WriteString("\nLoops in the bare engine, as written and rewritten; ns per round.\n\n")
	b.WriteString("| loop | what | written | rewritten | ratio |\n|---|---|---|---|---|\n")
	product := 1.0
	for _, k := range r.Kernels {
		product *= k.Ratio()
		fmt.Fprintf(b, "| %s | %s | %.2f | %.2f | %.2f |\n", k.Name, k.What, k.Written.Median, k.Rewritten.Median, k.Ratio())
	}
	fmt.Fprintf(b, "| all | geometric mean | | | %.2f |\n", math.Pow(product, 1/float64(len(r.Kernels))))
}

const microsecond, millisecond = 1e3, 1e6

func (r *Report) undos(b *strings.Builder) {
	b.WriteString("\nEntries that fail, on a store of 1,000 keys; µs per entry. \"Trap\" is one command that traps when the machine has handled it,\n\"batch\" 63 honest ones and a trap, applied one by one after the rollback, \"scribble\" overwrites all memory before it traps.\n\n")
	b.WriteString("| machine | memory, MiB | honest | trap | batch of 64 | scribble |\n|---|---|---|---|---|---|\n")
	for _, u := range r.Undos {
		fmt.Fprintf(b, "| %s | %.1f | %.2f | %.2f | %.1f | %.1f |\n", u.Language, u.MemoryMiB,
			u.Honest.Median/microsecond, u.Trap.Median/microsecond, u.Batch.Median/microsecond, u.Scribble.Median/microsecond)
	}
}

func (r *Report) image(b *strings.Builder) {
	i := r.Image
	fmt.Fprintf(b, "\nImages of a machine of %d MiB, none of them zero, to a file with a sync, while it applies entries of %d stores all over its memory; time\n"+
		"and not processor time, least to most of the rounds in brackets. \"Longest\" is the entry that took longest, the beginning of the image included.\n\n", i.MiB, storesEntry)
	b.WriteString("| longest entry without an image, ms | longest with one, ms | image written in, ms | MiB/s | most put aside, MiB | entries meanwhile |\n|---|---|---|---|---|---|\n")
	fmt.Fprintf(b, "| %s | %s | %s | %.0f | %.1f | %d |\n", milliseconds(i.Alone), milliseconds(i.Longest), milliseconds(i.Write),
		float64(i.MiB)/(i.Write.Median/1e9), i.AsideMiB, i.Entries)
	fmt.Fprintf(b, "\nLooking memory over for flipped bits: %.0f µs of processor time for a MiB. Every %d-th entry looks over 4 KiB, and each state hash,\n"+
		"every %d entries, %d KiB; of an entry's time that is:\n\n| machine | commands per entry | share |\n|---|---|---|\n", i.Scrub.Median*blocksPerMiB/microsecond,
		plugins.ScrubCalls, entriesPerHash, plugins.ScrubBlocks*1024/blocksPerMiB)
	for _, a := range r.Applies {
		fmt.Fprintf(b, "| %s | %d | %.1f %% |\n", a.Language, a.Batch, 100*i.Share(a.Wraft.Median*float64(a.Batch)))
	}
}

func milliseconds(f Figure) string {
	return fmt.Sprintf("%.1f (%.1f–%.1f)", f.Median/millisecond, f.Least/millisecond, f.Most/millisecond)
}

func (r *Report) compiles(b *strings.Builder) {
	b.WriteString("\nUntil a machine runs; ms. \"Prepare\" validates and rewrites, \"cold\" compiles, \"cached\" reads compiled code from disk, \"start\"\nmakes an instance and runs `_initialize`.\n\n")
	b.WriteString("| machine | module, KiB | artefact, KiB | prepare | cold | cached | start |\n|---|---|---|---|---|---|---|\n")
	for _, c := range r.Compiles {
		fmt.Fprintf(b, "| %s | %d | %d | %.1f | %.0f | %.1f | %.2f |\n", c.Language, c.SourceBytes>>10, c.ArtefactBytes>>10,
			c.Prepare.Median/millisecond, c.Cold.Median/millisecond, c.Cached.Median/millisecond, c.Start.Median/millisecond)
	}
}

func nanoseconds(f Figure) string {
	return fmt.Sprintf("%.0f (%.0f–%.0f)", f.Median, f.Least, f.Most)
}
