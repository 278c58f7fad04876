//go:build !race

package quic

import "testing"

func oneProcessor(*testing.T) {}
