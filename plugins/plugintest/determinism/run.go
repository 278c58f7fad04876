package determinism

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/plugintest/guests"
)

// Outcome is what a language's machine made of a log.
type Outcome struct {
	Language string
	// Run names what ran, State is the state hash at the end, Fuel what all
	// entries spent, History a digest of the fuel of every entry and the state at
	// every mark. Replicas on other processors must come to the same.
	Run     plugins.RunID
	State   plugins.StateHash
	Fuel    int64
	History [32]byte
	// Mismatches says what was not the same, or not the model's.
	Mismatches []string
	// Full is about the full entries (of 64 commands), over all lives, by how many
	// of their commands were guilty: 0, 1, 2 or 64.
	Full map[int]Tally
}

// Tally counts entries.
type Tally struct {
	Entries int
	Wrong   int // had an answer that was not the model's
}

// Line is the outcome in one line, to be compared between processors.
func (o Outcome) Line() string {
	return fmt.Sprintf("outcome: language=%s run=%s state=%v fuel=%d history=%x mismatches=%d", o.Language, o.Run, o.State, o.Fuel, o.History, len(o.Mismatches))
}

// Play lives all lives through the log with a machine. The error means that one
// of them could not be lived.
func Play(ctx context.Context, log Log, g guests.Guest, lives []Life) (Outcome, error) {
	o := Outcome{Language: g.Language, Full: map[int]Tally{}}
	guilty, err := guests.Guilty(g.Binary)
	if err != nil {
		return o, err
	}
	artefact, err := plugins.Prepare(guilty, Limits)
	if err != nil {
		return o, err
	}
	cache, err := os.MkdirTemp("", "determinism")
	if err != nil {
		return o, err
	}
	defer os.RemoveAll(cache)
	o.Run = plugins.RunIDOf(artefact.Digest, artefact.Host, Limits)
	var first *player
	for _, life := range lives {
		p := &player{life: life, log: log, full: o.Full}
		if err := p.live(ctx, artefact.Binary, cache); err != nil {
			return o, fmt.Errorf("%s, %s: %w", g.Language, life.Name, err)
		}
		for _, w := range p.wrong {
			o.Mismatches = append(o.Mismatches, life.Name+": "+w)
		}
		if first == nil {
			first = p
			o.sum(p)
			continue
		}
		if !life.transfers { // those have been compared with each other
			o.compare(first, p)
		}
	}
	return o, nil
}

// sum digests a life.
func (o *Outcome) sum(p *player) {
	h := sha256.New()
	for _, m := range p.marks {
		o.Fuel += m.fuel
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(m.fuel)))
		h.Write(m.state[:])
	}
	h.Sum(o.History[:0])
	o.State = p.marks[len(p.marks)-1].state
}

// compare holds a life against the first one.
func (o *Outcome) compare(first, p *player) {
	if len(p.marks) != len(first.marks) {
		o.Mismatches = append(o.Mismatches, fmt.Sprintf("%s: %d entries, %s: %d", first.life.Name, len(first.marks), p.life.Name, len(p.marks)))
		return
	}
	for n, m := range p.marks {
		if m != first.marks[n] {
			o.Mismatches = append(o.Mismatches, fmt.Sprintf("%s, entry %d: fuel %d, state %.8x; %s: fuel %d, state %.8x",
				first.life.Name, n+1, first.marks[n].fuel, first.marks[n].state, p.life.Name, m.fuel, m.state))
		}
	}
}
