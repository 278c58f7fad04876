package plugins

import (
	"fmt"
	"maps"
	"slices"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/instrument"
)

// Versions of what this package prepares. An artefact carries both.
const (
	// PassVersion is that of the rewriting pass.
	PassVersion uint32 = instrument.Version
	// HostVersion is that of the host's semantics: all that a guest can observe
	// of its host.
	HostVersion uint32 = abi.HostVersion
)

// hostSemantics is what a guest can observe of its host in one version. A new
// version adds a field, in which its row differs from the others.
type hostSemantics struct {
	// chargesBytes: host functions charge for the bytes that they read and write
	// for the module (version 2).
	chargesBytes bool
}

// hostServed are the semantics that this package serves: its own version and the
// one before, so that machines go on while a cluster is upgraded node by node.
var hostServed = map[uint32]hostSemantics{
	1: {chargesBytes: false},
	2: {chargesBytes: true},
}

// passesServed are the versions of the pass whose artefacts this package loads. A
// version stays as long as the host can do with its output: whether a machine's
// artefact is of the newest version is nobody's business but its owner's.
var passesServed = map[uint32]bool{7: true, instrument.Version: true}

// VersionError: an artefact is of a version that this package does not serve.
// Run a release that does.
type VersionError struct {
	// What has the version: "pass" or "host semantics".
	What string
	// Version is the artefact's; Serves are those served, ascending.
	Version uint32
	Serves  []uint32
}

// Error says which versions would be served.
func (e *VersionError) Error() string {
	return fmt.Sprintf("plugins: the artefact needs version %d of the %s, this release serves %v", e.Version, e.What, e.Serves)
}

// checkServed refuses versions that are not served.
func checkServed(pass, host uint32) error {
	if !passesServed[pass] {
		return &VersionError{"pass", pass, slices.Sorted(maps.Keys(passesServed))}
	}
	if _, ok := hostServed[host]; !ok {
		return &VersionError{"host semantics", host, slices.Sorted(maps.Keys(hostServed))}
	}
	return nil
}
