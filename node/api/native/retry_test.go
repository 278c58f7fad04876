package native_test

import (
	"testing"

	"github.com/wraft/wraft/node/api/native"
)

// TestAddressesAreProvedUnderLoad: while many handshakes are under way, who dials is sent back
// for a proof of its address, which is counted, and gets in with it; otherwise nobody is.
func TestAddressesAreProvedUnderLoad(t *testing.T) {
	n := serve(t, native.Config{}, backend{})
	n.dial(t)
	if sent := n.count(t, "wraft_native_retries_total", ""); sent != 0 {
		t.Errorf("%v were sent back at a server without load", sent)
	}
	native.Pend(n.Server, native.HandshakesTrusted)
	defer native.Pend(n.Server, -native.HandshakesTrusted)
	n.dial(t)
	if sent := n.count(t, "wraft_native_retries_total", ""); sent < 1 {
		t.Error("who dialled under load did not have to prove its address, or was not counted")
	}
}
