package archtest

// fileLinesExcepted are files that may exceed fileLinesSplit, never
// fileLinesMax, with the reason.
var fileLinesExcepted = map[string]string{}

// functionsExcepted are functions that may exceed functionLinesMax, by
// "file:function" or "file:Type.Method", with the reason.
var functionsExcepted = map[string]string{}

// foreignTypesExcepted are types of a walled-in library that one room shows in
// its exported signatures, by "room module.Type", with the reason.
var foreignTypesExcepted = map[string]string{
	"storage vfs.FS": "every file goes through the injected file system (tests crash and fill it); Pebble's interface is the one it takes",
}

// notMetrics are words that begin as names of metrics do, with what they are.
var notMetrics = map[string]string{
	"wraft_abi_v1": guestExport, "wraft_alloc": guestExport, "wraft_apply": guestExport, "wraft_query": guestExport,
	"wraft_snapshot": guestExport, "wraft_restore": guestExport, "wraft_version": guestExport,
	"wraft_memory": "a file of the guest library for C",
	"wraft_cpp":    "a file of the guest library for C++",
}

const (
	guestExport = "what a module exports"
	// tokenFile says how a token begins, which is as names of metrics do.
	tokenFile = "internal/pki/token.go"
)

// coreImports are the standard packages the Raft core may import: none of them
// reaches the outside world, and a missing one is added here with thought.
// Package time is allowed for Duration alone (see timeCalls).
var coreImports = map[string]bool{
	"bytes": true, "cmp": true, "container/heap": true, "encoding/binary": true, "encoding/hex": true,
	"errors": true, "fmt": true, "hash": true, "hash/crc32": true, "hash/fnv": true, "iter": true,
	"maps": true, "math": true, "math/bits": true, "math/rand/v2": true, "slices": true, "sort": true,
	"strconv": true, "strings": true, "time": true, "unicode/utf8": true,
}

// corePackages are the folders the rules of determinism hold for.
var corePackages = map[string]bool{"raft": true, "raft/quorum": true, "raft/tracker": true, "raft/confchange": true, "raft/mutant": true}

// timeCalls are the functions of package time that read or wait for a clock.
var timeCalls = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true,
	"Tick": true, "NewTimer": true, "NewTicker": true,
}

// randSources are the names of math/rand/v2 that do not draw from the shared
// source: everything else there does.
var randSources = map[string]bool{
	"New": true, "NewPCG": true, "NewChaCha8": true, "NewZipf": true,
	"Rand": true, "Source": true, "PCG": true, "ChaCha8": true, "Zipf": true,
}

// vagueNames are package names that say nothing.
var vagueNames = map[string]bool{
	"util": true, "utils": true, "common": true, "types": true, "helper": true, "helpers": true, "misc": true, "manager": true,
}
