package sim

import "time"

// chance is keyed randomness: each decision hashes the seed with what it is
// about and how often that was asked before.
type chance struct {
	seed     uint64
	counters map[uint64]uint64 // by key
}

func newChance(seed uint64) *chance {
	return &chance{seed: mix(seed), counters: map[uint64]uint64{}}
}

// next returns 64 random bits for the next decision about entity.
func (c *chance) next(domain string, entity uint64) uint64 {
	k := key(domain, entity)
	c.counters[k]++
	return mix(c.seed ^ mix(k^c.counters[k]<<20))
}

// at returns the bits of one decision about entity by its number, and counts nothing.
func (c *chance) at(domain string, entity, number uint64) uint64 {
	return mix(c.seed ^ mix(key(domain, entity)^number<<20))
}

// key names a decision by 64 bits; two that fall together would only share a counter.
func key(domain string, entity uint64) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(domain) {
		h = (h ^ uint64(domain[i])) * 1099511628211
	}
	return mix(h ^ mix(entity))
}

// below returns a number in [0, n).
func (c *chance) below(domain string, entity, n uint64) uint64 { return c.next(domain, entity) % n }

// hits is true with a probability of perMille in a thousand.
func (c *chance) hits(domain string, entity, perMille uint64) bool {
	return c.below(domain, entity, 1000) < perMille
}

// between returns a duration in [low, high).
func (c *chance) between(domain string, entity uint64, low, high time.Duration) time.Duration {
	return low + time.Duration(c.below(domain, entity, uint64(high-low)))
}

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
