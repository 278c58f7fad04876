package nodetest

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// chance is keyed randomness: each decision depends on the seed and on what it is
// about, never on how many decisions were made before, so that leaving a fault out
// does not change the others.
type chance struct{ seed uint64 }

// at returns the generator of one decision: domain names the kind, keys the case.
func (c chance) at(domain string, keys ...uint64) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(domain)) // a hash never fails
	sum := h.Sum64()
	for _, k := range keys {
		sum = mix(sum ^ k)
	}
	return rand.New(rand.NewPCG(c.seed, sum))
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// between draws a duration from [lo, hi).
func between(r *rand.Rand, lo, hi time.Duration) time.Duration {
	return lo + time.Duration(r.Int64N(int64(hi-lo)))
}
