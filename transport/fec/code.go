package fec

import (
	"fmt"
	"sync"

	"github.com/klauspost/reedsolomon"
)

// codes holds the code of each shape of a block, made when first used. Codes are
// safe for concurrent use and shared by all links.
var codes [dataShardsMax][parityShardsMax]struct {
	once sync.Once
	code reedsolomon.Encoder
}

// codeOf returns the code of k data and m parity shards.
func codeOf(k, m int) reedsolomon.Encoder {
	slot := &codes[k-1][m-1]
	slot.once.Do(func() {
		// Why no cache and one goroutine: what is lost differs each time, and shards
		// are small.
		code, err := reedsolomon.New(k, m, reedsolomon.WithInversionCache(false), reedsolomon.WithMaxGoroutines(1))
		if err != nil {
			panic(fmt.Sprintf("fec: no code of %d+%d shards: %v", k, m, err)) // only counts out of range
		}
		slot.code = code
	})
	return slot.code
}

// tail returns the probability that more than m of n packets are lost, each with
// probability p.
func tail(n, m int, p float64) float64 {
	if p <= 0 {
		return 0
	}
	term, within := pow(1-p, n), 0.0
	for i := 0; i <= m; i++ {
		within += term
		term *= float64(n-i) / float64(i+1) * p / (1 - p)
	}
	return max(0, 1-within)
}

func pow(x float64, n int) float64 {
	out := 1.0
	for range n {
		out *= x
	}
	return out
}

// blockLossMax is how often a block may be lost, with independent losses.
const blockLossMax = 1e-4

// parityFor returns how many parity packets a block of k needs at loss p.
func parityFor(k int, p float64) int {
	for m := 1; m < parityShardsMax; m++ {
		if tail(k+m, m, p) <= blockLossMax {
			return m
		}
	}
	return parityShardsMax
}
