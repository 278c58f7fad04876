package measure

import (
	"fmt"
	"slices"
	"syscall"
	"time"
)

// Figure is what one turn takes, in nanoseconds of processor time.
type Figure struct {
	Median, Least, Most float64
}

// Options say how long to measure.
type Options struct {
	// Rounds is how often each work is measured. Default 7.
	Rounds int
	// RoundTime is how long a round of one work lasts. Default 100 ms.
	RoundTime time.Duration
	// ImageMiB is the memory of the machine of which images are made, a power of 2.
	// Default 256.
	ImageMiB int
}

const (
	roundsDefault    = 7
	roundTimeDefault = 100 * time.Millisecond
	imageMiBDefault  = 256
)

func (o Options) withDefaults() Options {
	if o.Rounds == 0 {
		o.Rounds = roundsDefault
	}
	if o.RoundTime == 0 {
		o.RoundTime = roundTimeDefault
	}
	if o.ImageMiB == 0 {
		o.ImageMiB = imageMiBDefault
	}
	return o
}

// work is something that is done over and over: run does n turns.
type work struct {
	name string
	run  func(n int) error
}

// inTurns measures works, a round of each after the other.
func inTurns(o Options, works []work) (map[string]Figure, error) {
	o = o.withDefaults()
	turns := make([]int, len(works))
	for k, w := range works {
		n, err := calibrate(w, o.RoundTime)
		if err != nil {
			return nil, fmt.Errorf("measure: %s: %w", w.name, err)
		}
		turns[k] = n
	}
	samples := make([][]float64, len(works))
	for range o.Rounds {
		for k, w := range works {
			t, err := taken(w, turns[k])
			if err != nil {
				return nil, fmt.Errorf("measure: %s: %w", w.name, err)
			}
			samples[k] = append(samples[k], float64(t)/float64(turns[k]))
		}
	}
	figures := map[string]Figure{}
	for k, w := range works {
		figures[w.name] = figure(samples[k])
	}
	return figures, nil
}

// calibrate finds how many turns fill a round, and warms the work up.
func calibrate(w work, round time.Duration) (int, error) {
	const turnsMax = 1 << 30
	for n := 1; ; n *= 2 {
		t, err := taken(w, n)
		if err != nil {
			return 0, err
		}
		if t >= round/4 || n >= turnsMax {
			return max(1, int(float64(n)*float64(round)/float64(max(t, 1)))), nil
		}
	}
}

// taken is the processor time of n turns.
func taken(w work, n int) (time.Duration, error) {
	before, err := processorTime()
	if err != nil {
		return 0, err
	}
	if err := w.run(n); err != nil {
		return 0, err
	}
	after, err := processorTime()
	return after - before, err
}

func processorTime() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// figure sums up samples.
func figure(samples []float64) Figure {
	slices.Sort(samples)
	return Figure{Median: samples[len(samples)/2], Least: samples[0], Most: samples[len(samples)-1]}
}
