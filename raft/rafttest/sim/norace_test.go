//go:build !race

package sim

const smokeSeeds = 40
