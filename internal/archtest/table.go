package archtest

// Module is the import path all packages of this repository start with.
const Module = "github.com/wraft/wraft"

// Room is a row of the import table: one folder, or with a path that ends in
// "/..." a folder and all below it that has no row of its own. Folders of one
// such subtree may import each other.
type Room struct {
	// Path is the folder relative to the root of the repository.
	Path string
	// Imports are the rooms of this repository it may import.
	Imports []string
	// Modules are the module paths outside the standard library it may import.
	Modules []string
	// TestImports are rooms its _test.go files may import besides Imports.
	TestImports []string
	// Why says in one line what the arrow is for, or why there is none.
	Why string
}

// Module paths of the libraries in use, named once.
const (
	modBubbletea  = "charm.land/bubbletea/v2"
	modCBOR       = "github.com/fxamacker/cbor/v2"
	modCobra      = "github.com/spf13/cobra"
	modPflag      = "github.com/spf13/pflag"
	modCompress   = "github.com/klauspost/compress"
	modDatadriven = "github.com/cockroachdb/datadriven"
	modEtcdRaft   = "go.etcd.io/raft/v3"
	modHelm       = "helm.sh/helm/v3"
	modHistogram  = "github.com/HdrHistogram/hdrhistogram-go"
	modKubeAPI    = "k8s.io/api"
	modKubeTypes  = "k8s.io/apimachinery"
	modKoanf      = "github.com/knadh/koanf"
	modPebble     = "github.com/cockroachdb/pebble/v2"
	modPorcupine  = "github.com/anishathalye/porcupine"
	modPretty     = "github.com/jedib0t/go-pretty/v6"
	modPrometheus = "github.com/prometheus/client_golang"
	modQUIC       = "github.com/quic-go/quic-go"
	modRapid      = "pgregory.net/rapid"
	modReedSol    = "github.com/klauspost/reedsolomon"
	modNet        = "golang.org/x/net"
	modSys        = "golang.org/x/sys"
	modSync       = "golang.org/x/sync"
	modTerm       = "golang.org/x/term"
	modTestscript = "github.com/rogpeppe/go-internal"
	modOTel       = "go.opentelemetry.io/otel"
	modOTelTrace  = "go.opentelemetry.io/otel/trace"
	modOTelAttr   = "go.opentelemetry.io/otel/attribute"
	modOTelCodes  = "go.opentelemetry.io/otel/codes"
	modTint       = "github.com/lmittmann/tint"
	modWazero     = "github.com/tetratelabs/wazero"
	modXXH3       = "github.com/zeebo/xxh3"
	modYAML       = "go.yaml.in/yaml/v3"
)

// testModules are libraries any _test.go file may import; production code may
// not, unless its row says so.
var testModules = []string{modDatadriven, modPorcupine, modRapid, modTestscript, modHistogram}

// leaves are the internal packages that import no other of this repository and that
// any room outside the Raft core may use.
var leaves = []string{"internal/clock", "internal/invariants", "internal/sumhash"}

// rooms is the import table of docs/ARCHITECTURE.md. Direct imports count.
var rooms = []Room{
	// The deterministic core: arrows lead in, none lead out.
	{Path: "raft/quorum", Why: "pure arithmetic"},
	{Path: "raft/mutant", Why: "names planted bugs; a constant false in every ordinary build"},
	{Path: "raft/tracker", Imports: []string{"raft/mutant", "raft/quorum"}, Why: "a follower's progress, by NodeID and Index"},
	{Path: "raft/confchange", Imports: []string{"raft/quorum", "raft/tracker"}, Why: "configurations as pure transitions"},
	{Path: "raft", Imports: []string{"raft/mutant", "raft/quorum", "raft/tracker", "raft/confchange"},
		TestImports: []string{"raft/rafttest"}, Why: "inputs in, effects out; it must run in a simulator byte for byte"},
	{Path: "raft/rafttest/...", Imports: []string{"internal/marked", "raft", "raft/mutant", "raft/quorum", "raft/tracker", "raft/confchange"},
		Modules: []string{modDatadriven, modRapid, modPorcupine}, Why: "scripts and the simulator drive the core alone"},
	{Path: "raft/rafttest/corebench", Imports: []string{"raft", "raft/confchange"}, Modules: []string{modEtcdRaft},
		Why: "a module of its own: what the core is compared with stays out of the project"},

	// The rooms around it: each knows the core's types and nothing of the others.
	{Path: "storage", Imports: with(leaves, "raft", "raft/quorum", "raft/confchange"),
		Modules: []string{modPebble, modCBOR, modXXH3, modCompress}, Why: "keeps raft's types; decides nothing"},
	{Path: "transport", Imports: []string{"raft"}, Modules: []string{modCBOR}, Why: "carries raft's messages"},
	{Path: "transport/wire", Imports: []string{"transport", "raft", "raft/quorum", "raft/confchange"},
		Modules: []string{modCBOR}, Why: "frames of raft's messages"},
	{Path: "transport/mem", Imports: []string{"transport", "transport/wire", "raft", "raft/quorum"}, Why: "the network in memory"},
	{Path: "transport/quic", Imports: with(leaves, "transport", "transport/wire", "transport/fec", "raft", "raft/quorum", "internal/pki"),
		TestImports: []string{"internal/ports", "internal/relay"},
		Modules:     []string{modQUIC, modCBOR, modSync}, Why: "the network over QUIC; the only room with peer sockets"},
	{Path: "transport/fec", Modules: []string{modReedSol, modNet, modSys}, Why: "a net.PacketConn under QUIC that knows nothing above it"},
	{Path: "plugins/abi", Why: "names and numbers of the guest ABI"},
	{Path: "plugins/wasm", Imports: []string{"plugins/abi"}, TestImports: []string{"internal/wasmtest"}, Why: "reads binaries from strangers before an engine may"},
	{Path: "plugins/instrument", Imports: []string{"plugins/abi", "plugins/wasm"}, TestImports: []string{"internal/wasmtest"}, Why: "rewrites a binary; the engine never sees it"},
	{Path: "plugins", Imports: with(leaves, "plugins/abi", "plugins/instrument", "plugins/wasm"), Modules: []string{modWazero, modXXH3, modSys},
		TestImports: []string{"internal/toolchain", "internal/wasmtest", "plugins/plugintest/bare", "plugins/plugintest/graft", "plugins/plugintest/spec"},
		Why:         "the only room with the WebAssembly engine"},
	{Path: "plugins/plugintest/...", Imports: []string{"internal/marked", "plugins", "plugins/abi", "plugins/instrument", "plugins/wasm", "internal/toolchain", "internal/wasmtest"},
		Modules: []string{modWazero}, Why: "runs guests as they were written beside rewritten ones, so it needs the bare engine too"},

	// The node puts them together.
	{Path: "node", Imports: with(leaves, "raft", "raft/quorum", "raft/confchange", "transport", "transport/wire", "storage",
		"plugins", "plugins/abi", "internal/tracecontext"), Modules: []string{modCBOR, modXXH3, modSync, modPrometheus, modOTelTrace, modOTelAttr, modOTelCodes},
		TestImports: []string{"node/nodetest", "transport/mem", "transport/quic", "internal/pki", "internal/wasmtest"},
		Why:         "assembles core, storage, transport and plugins; no HTTP, no flags"},
	{Path: "node/nodetest", Imports: with(leaves, "node", "raft", "raft/quorum", "raft/confchange", "transport", "transport/mem",
		"transport/quic", "transport/wire", "storage", "plugins", "plugins/abi", "internal/pki", "internal/wasmtest"),
		Modules:     []string{modPebble, modQUIC, modPorcupine, modRapid, modCBOR},
		TestImports: []string{"internal/offline"},
		Why:         "whole nodes on a simulated network and disk"},

	// What clients see.
	{Path: "client/wire", Modules: []string{modCBOR}, Why: "frames of the native protocol; both sides read them, and neither leaks in"},
	{Path: "client", Imports: []string{"client/wire", "internal/metric", "internal/problem", "internal/tracecontext"}, Modules: []string{modCBOR, modQUIC},
		TestImports: []string{"node/api", "node/api/apitest", "internal/pki", "internal/ports"}, Why: "programs import it: nothing of the node may leak in"},
	{Path: "node/api", Imports: with(leaves, "client", "internal/metric", "internal/pki", "internal/problem", "internal/tracecontext", "node/api/ui"), Modules: []string{modQUIC, modPrometheus, modSync, modOTelTrace, modOTelAttr, modOTelCodes},
		TestImports: []string{"node/api/apitest", "internal/pki"}, Why: "declares what it needs of a node, so that it can be tested without one"},

	{Path: "node/api/ui", Why: "files and nothing else"},
	{Path: "node/api/native", Imports: []string{"client", "client/wire", "internal/metric", "internal/pki", "internal/tracecontext", "node/api"}, Modules: []string{modQUIC, modPrometheus, modSync, modOTelTrace, modOTelAttr},
		Why: "a second door to the API's backend: it takes the API's checks and problems"},
	{Path: "node/api/apitest", Imports: []string{"client", "client/wire", "node/api", "node/api/native", "internal/pki", "raft/quorum"}, Modules: []string{modPrometheus, modCBOR},
		Why: "a node in memory behind the real API, for tests of what talks to one"},

	// Leaves and tools.
	{Path: "internal/clock", Why: "leaf"},
	{Path: "internal/marked", Why: "writes between two marks of a page; leaf"},
	{Path: "internal/metric", Why: "names of metrics, for who shows and who reads them; leaf"},
	{Path: "internal/ports", Why: "ports for tests; leaf"},
	{Path: "internal/sumhash", Modules: []string{modXXH3}, Why: "leaf"},
	{Path: "internal/invariants", Why: "leaf"},
	{Path: "internal/tracecontext", Modules: []string{modOTel}, Why: "leaf"},
	{Path: "internal/tracing", Imports: []string{"internal/metric"}, Modules: []string{modOTel, modPrometheus}, TestImports: []string{"internal/tracecontext"}, Why: "the only room with OpenTelemetry's SDK; whoever makes spans knows its API"},
	{Path: "internal/relay", Imports: leaves, Why: "does to datagrams what bad networks do; knows nothing of what it carries"},
	{Path: "internal/chaos", Imports: []string{"client", "internal/relay"}, Why: "links of a throw-away cluster; of what runs on them it knows nothing"},
	{Path: "internal/problem", Why: "the catalogue of errors; leaf"},
	{Path: "internal/pki", Imports: []string{"raft/quorum"}, Why: "certificates name NodeIDs"},
	{Path: "internal/project", Imports: []string{"sdk", "conformance/abi/scenario"}, TestImports: []string{"internal/toolchain"},
		Why: "lays out an author's folder; compiles and runs nothing"},
	{Path: "internal/toolchain/...", Why: "starts compilers; knows nothing of what they build"},
	{Path: "internal/wasmtest/...", Imports: []string{"plugins/abi", "sdk", "sdk/go", "internal/toolchain"},
		Why: "builds guests for tests; its guests are modules of their own"},
	{Path: "internal/testlog/...", Imports: []string{"internal/toolchain"}, Why: "reads what go test tells; runs no test"},
	{Path: "internal/archtest", Why: "reads source; imports none of it"},
	{Path: "internal/bench", Imports: []string{"client", "internal/clock"}, Modules: []string{modHistogram, modCBOR, modSync},
		TestImports: []string{"node/api", "node/api/apitest"}, Why: "a load generator is a client"},
	{Path: "internal/nodeconfig", Imports: []string{"client"}, Why: "settings are values; what they configure is elsewhere"},
	{Path: "internal/scrape", Modules: []string{modPrometheus}, Why: "reads a text format; its test has the nodes' library write it"},
	{Path: "internal/doctor", Imports: []string{"client", "internal/metric", "internal/nodeconfig", "internal/scrape"}, Why: "judges what a client sees"},
	{Path: "internal/top", Imports: []string{"client", "internal/metric", "internal/scrape"}, Modules: []string{modBubbletea}, Why: "draws what it is given; the only room with a terminal program"},
	{Path: "internal/bundle", Imports: []string{"client"}, Why: "gathers what nodes say; judges nothing"},
	{Path: "internal/contexts", Modules: []string{modKoanf}, Why: "a user's own file of clusters; connects to nothing"},
	{Path: "internal/bootstrap", Imports: []string{"client", "internal/nodeconfig", "internal/pki", "raft/quorum"},
		Why: "writes down a cluster before any node runs"},
	{Path: "internal/compileworker", Imports: []string{"plugins"}, TestImports: []string{"internal/wasmtest"}, Why: "runs the engine's compiler where it can be stopped"},
	{Path: "internal/server", Imports: with(leaves, "client", "internal/compileworker", "internal/entries", "node", "node/api", "node/api/native", "raft", "raft/quorum", "raft/confchange", "storage",
		"plugins", "plugins/abi", "transport", "transport/quic", "transport/fec", "internal/metric", "internal/nodeconfig", "internal/pki", "internal/problem", "internal/tracing"),
		Modules:     []string{modPrometheus, modPebble, modSync, modCBOR, modOTelTrace},
		TestImports: []string{"internal/bootstrap", "internal/tracecontext", "internal/ports", "internal/wasmtest", "transport/mem", "conformance/child"},
		Why:         "assembles one wraftd process from all rooms"},
	{Path: "internal/backup", Imports: []string{"client"}, Modules: []string{modCompress}, Why: "a file of parts; what is in them is not its business"},
	{Path: "internal/entries", Imports: []string{"client", "node", "raft", "raft/confchange"}, Why: "says in words what stands in a log; reads none"},
	{Path: "internal/offline", Imports: []string{"client", "internal/entries", "node", "raft", "raft/confchange", "storage"}, Modules: []string{modCBOR}, TestImports: []string{"internal/clock"},
		Why: "reads what a node left behind; runs nothing"},
	{Path: "internal/cli", Imports: with(leaves, "client", "internal/compileworker", "internal/backup", "internal/offline", "internal/server", "internal/bench", "internal/bootstrap", "internal/bundle", "internal/chaos", "internal/contexts", "internal/doctor", "internal/scrape", "internal/top", "internal/nodeconfig",
		"internal/pki", "internal/problem", "internal/relay", "internal/project", "internal/toolchain", "plugins", "conformance/abi", "conformance/abi/scenario", "conformance/trial", "raft/quorum"),
		Modules:     []string{modCobra, modPflag, modKoanf, modPretty, modTint, modTerm, modYAML, modCBOR},
		TestImports: []string{"node/api", "node/api/apitest", "internal/ports", "internal/wasmtest"},
		Why:         "commands; a node is started through internal/server only"},
	{Path: "cmd/wraftd", Imports: []string{"internal/cli"}, Why: "main"},

	// What stands outside: black-box suites, guest libraries, examples.
	{Path: "conformance/...", Imports: []string{"client", "internal/marked", "internal/metric", "internal/ports", "internal/project", "internal/relay", "internal/toolchain", "raft", "raft/rafttest", "transport", "transport/wire", "plugins/abi"},
		Modules: []string{modPorcupine, modCBOR, modHistogram}, Why: "black box: what a user could run against a cluster"},
	{Path: "conformance/wan/stream", Imports: []string{"internal/pki", "raft", "transport", "transport/fec", "transport/quic"}, Modules: []string{modSys},
		Why: "two ends of the nodes' network and nothing else, so that a link is measured and not a machine"},
	{Path: "conformance/wan/cmd/stream", Imports: []string{"conformance/wan/stream", "transport/fec"}, Why: "main"},
	{Path: "conformance/abi/...", Imports: []string{"plugins", "plugins/abi", "plugins/wasm", "internal/toolchain"},
		TestImports: []string{"internal/wasmtest"}, Why: "runs one module as a host does; of a cluster it knows nothing"},
	{Path: "conformance/trial", Imports: []string{"client", "conformance/history", "conformance/kvload", "conformance/kvmodule"},
		TestImports: []string{"node/api", "node/api/apitest"}, Why: "a user's own cluster: through the client and nothing else"},
	{Path: "conformance/kvmodule", TestImports: []string{"conformance/abi/examples", "internal/toolchain", "plugins"}, Why: "a binary and nothing else"},
	{Path: "conformance/badmodules/...", Imports: []string{"internal/wasmtest", "plugins", "plugins/abi"},
		Why: "judges the runtime and not a cluster, so that a case takes milliseconds"},
	{Path: "deploy/helmcheck", Modules: []string{modHelm, modKubeAPI, modKubeTypes}, Why: "a module of its own: Helm's engine and Kubernetes' types stay out of the project"},
	{Path: "sdk", Why: "the guest libraries as files; it knows nothing of their meaning"},
	{Path: "sdk/go/...", Why: "a guest library without dependencies"},
	{Path: "examples/...", Imports: []string{"sdk/go"}, Modules: []string{modCBOR}, Why: "guests know the SDK and nothing of the host"},
}

// with returns base and more in a slice of its own.
func with(base []string, more ...string) []string {
	return append(append([]string(nil), base...), more...)
}
