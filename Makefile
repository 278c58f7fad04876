# What there is to run. Each target needs Go and nothing else; lint uses
# golangci-lint besides when it is installed, race needs a C compiler.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build
MAKEFLAGS += --no-print-directory

# Why: nothing here needs a C compiler but the race detector, and building the C
# code of a compression library that is used through Go anyway takes minutes.
export CGO_ENABLED := 0

# Modules of their own: a guest library and guests have no business with the
# host's dependencies. Every folder with a go.mod below these counts.
GUESTS = $(patsubst %/go.mod,%,$(wildcard sdk/go/go.mod examples/*/go.mod))
# Packages with goroutines, which the race detector is for.
CONCURRENT = $(wildcard client conformance node plugins storage transport internal/bench internal/cli internal/clock internal/pki internal/relay internal/server)

# What make cover looks at: commands and the module of core-bench are not part of it.
COVERED := ./raft,./raft/quorum,./raft/tracker,./raft/confchange,./raft/rafttest,./raft/rafttest/sim

BIN ?= bin
BUILD ?= build
FUZZTIME ?= 20s
SEEDS ?= 200
BUDGET ?= 40s
# The whole-node simulator's share of SEEDS, and what the cores' seeds are derived
# from; empty: they count from 1.
NODE_SEEDS ?= $(SEEDS)
DERIVE ?=
ROUNDS ?= 20
SMOKE_ROUNDS ?= 5
NEMESIS ?= 90s
# What the nemesis does differs from commit to commit and not from run to run.
export WRAFT_NEMESIS_SEED ?= $(shell git rev-parse HEAD 2>/dev/null)
BENCHTIME ?= 1s
BENCHROUNDS ?= 9

.PHONY: build modules kvmodule abi demo test guests race sim crashpoints bitrot badmodules mutants mutants-table spec determinism fuzz lint conformance e2e ui-screenshots helm nemesis killstorm failover bigsnapshot wan flaky3 wan-short wan-peers peers-bench wan-snapshot wan-virtual restart-bench cover bench plugin-bench plugin-bench-update neighbours core-bench ci clean

build: ## $(BIN)/wraftd
	go build -o $(BIN)/wraftd ./cmd/wraftd

modules: ## $(BUILD)/*.wasm from examples/, by the Go toolchain alone
	examples/build.sh $(BUILD)

kvmodule: ## conformance/kvmodule/kv.wasm, which wraftd conformance deploys, from sdk/c/examples/kv; needs clang
	go test ./conformance/kvmodule -run TestModuleIsThatOfItsSource -update

abi: ## the example machines of every language whose compiler is here, through the ABI kit
	go run ./conformance/abi/cmd/abi -examples

demo: build modules ## three processes, 1,000 increments, the leader killed in the middle
	go run ./conformance/demo -wraftd $(BIN)/wraftd -module $(BUILD)/counter.wasm

test: lint guests ## everything that fits into ten minutes on two cores
	WRAFT_E2E_ROUNDS=$(SMOKE_ROUNDS) .ci/gotest -timeout 14m ./...

guests: ## the native tests of the guest libraries and the example machines
	for dir in $(GUESTS); do echo "go test $$dir/..."; (cd $$dir && go vet ./... && go test ./...); done
	for run in $(wildcard sdk/*/test/run); do echo $$run; $$run; done

race: ## the packages with goroutines under the race detector
	CGO_ENABLED=1 go test -race -short -timeout 15m $(addprefix ./,$(addsuffix /...,$(CONCURRENT)))

sim: ## the simulators of whole nodes and of cores, SEEDS seeds each, the cores for BUDGET at most
	WRAFT_SIM_SEEDS=$(NODE_SEEDS) go test -count=1 -timeout 20m -run 'TestSim|TestBubble' ./node/nodetest
	WRAFT_WAN=full go test -count=1 -run 'OnALossyPath|AfterACrash' -v ./raft
	go run ./raft/rafttest/cmd/sim -seeds $(SEEDS) -budget $(BUDGET) -derive '$(DERIVE)' -shrink

# Each how manyth operation on a disk is a crash point.
STRIDE ?= 1

crashpoints: ## cut the power of each of three nodes before every operation on its disk
	WRAFT_CRASHPOINTS=$(STRIDE) go test -count=1 -timeout 20m -v -run 'TestCrashPoints$$' ./node/nodetest | grep -E '^(crashpoints:|---|FAIL|ok|panic)|crash before'

# How many flipped bits and cut files, one at a time.
ROT ?= 500

bitrot: ## let bits rot in random files of one of three nodes; each has to come back by itself (N=500)
	WRAFT_BITROT=$(if $(filter command line,$(origin N)),$(N),$(ROT)) go test -count=1 -timeout 20m -v -run 'TestBitrot$$' ./node/nodetest | grep -E '^(bitrot:|---|FAIL|ok|panic)| on node '

badmodules: ## modules that break rules, promises or their host, each judged in a process of its own
	go run ./conformance/badmodules/cmd/badmodules

# Bugs to plant, chosen by the commit; empty: all of them.
MUTANTS ?=
PLANT = go run -tags mutants ./raft/rafttest/cmd/mutants

mutants: ## plant bugs in the core, one after the other, and see each caught
	$(PLANT) $(if $(MUTANTS),-count $(MUTANTS) -commit $$(git rev-parse HEAD 2>/dev/null || echo none))

mutants-table: ## the same, and write the table in docs/TESTING.md
	$(PLANT) -update

spec: ## the suite of the WebAssembly specification, as written and rewritten side by side
	go run ./plugins/plugintest/cmd/spec

# Commands per language, and how many of them an emulated arm64 processor plays too.
N ?= 10000
ARM64 ?= 1000

determinism: ## N random commands on the kv machine of every language, on instances treated differently
	go run ./plugins/plugintest/cmd/determinism -n $(N) -arm64 $(ARM64)

fuzz: ## each fuzz target for FUZZTIME
	.ci/fuzz $(FUZZTIME)

lint: ## formatting, vet, the rules of the house
	.ci/lint

conformance: ## the black-box suites, long: ROUNDS rounds of kill -9, NEMESIS of trouble
	WRAFT_E2E_ROUNDS=$(ROUNDS) WRAFT_E2E_MEMBERS=1 WRAFT_ROLLING=1 WRAFT_FAILOVER=1 WRAFT_NEMESIS_PLANTED=1 WRAFT_E2E_STATE_MIB=100 WRAFT_NEMESIS=$(NEMESIS) .ci/gotest -count=1 -timeout 20m ./conformance/...

e2e: ## the operator's day with all it prints, the README's first ten minutes, the web page in a browser
	go test -count=1 -v -timeout 15m -run 'TestOperatorsDay|TestReadme|TestPage' ./conformance/operator ./conformance/e2e ./conformance/ui

NEMESIS_SEED ?=
nemesis: ## BUDGET of all kinds of trouble for three processes under load; every answer is judged
	go run ./conformance/nemesis/cmd/nemesis -budget $(if $(filter command line,$(origin BUDGET)),$(BUDGET),60s) $(if $(NEMESIS_SEED),-seed $(NEMESIS_SEED))

STORM_SEED ?=
killstorm: ## ROUNDS rounds of kill -9 of one process, two or all, under load; every answer is judged
	go run ./conformance/killstorm/cmd/killstorm -rounds $(ROUNDS) $(if $(STORM_SEED),-seed $(STORM_SEED))

# How much state a node lacks that comes back, over links that are cut how often, at how
# many KiB a second. BIGSNAPSHOT=-apart keeps it and the relays off the others' processors.
STATE ?= 128MiB
MACHINES ?= 2
CUTS ?= 5
RATE ?= 32768
bigsnapshot: ## STATE of snapshots over links that are cut, both ends killed: bytes, and writes meanwhile
	go run ./conformance/bigsnapshot/cmd/bigsnapshot -state $(STATE) -machines $(MACHINES) -cuts $(CUTS) -rate $(RATE) $(BIGSNAPSHOT)

# How the clients of failover speak to nodes: auto, http or native.
PROTOCOL ?= auto
failover: ## N (20) leaders killed under load: how long nobody is answered; CUT=1 cuts their links instead
	go run ./conformance/failover/cmd/failover -rounds $(if $(filter command line,$(origin N)),$(N),20) -protocol $(PROTOCOL) $(if $(CUT),-cut)

ui-screenshots: ## the pictures of the web page in docs/images; needs Chromium and ChromeDriver
	WRAFT_UI_SCREENSHOTS=$(CURDIR)/docs/images go test -count=1 -timeout 20m -v ./conformance/ui

# What the links lose, each way, and whether nodes repair it; WAN are further flags, as in
# WAN='-burst 30ms -jitter 5ms -reorder 1% -down 3 -rate 2000 -value 200 -step -duration 60s'.
LOSS ?= 2%
FEC ?= auto
WAN ?=
WAN_CMD = go run ./conformance/wan/cmd/wan
wan: ## three regions on this machine, links that lose packets, clients beside the leader: LOSS=2% FEC=auto
	$(WAN_CMD) -loss $(LOSS) -fec $(FEC) $(WAN)

# Why so patient an election: it judges what is lost, and machines of CI are busy.
wan-short: ## the same for some seconds: nothing may be lost, nobody elected
	$(WAN_CMD) -loss $(LOSS) -fec $(FEC) -warmup 4s -duration 8s -election 4s -heartbeat 200ms -calm

flaky3: ## nobody may be elected at 5 % of loss with 20 ms of jitter, overtaking and repetitions, under load: DURATION (60s)
	$(WAN_CMD) -rtt 50ms -loss 5% -jitter 20ms -reorder 20% -duplicate 0.5% -fec $(FEC) -duration $(if $(DURATION),$(DURATION),60s) -calm $(WAN)

wan-virtual: ## the same in virtual time, where nothing but links takes any: all losses, and an hour at 10 %
	WRAFT_WAN=full go test -count=1 -timeout 20m -v -run 'TestRegionsThatLose|TestNobodyIsElectedForLoss' ./node/nodetest | grep -E 'loss|^(---|FAIL|ok|panic)'

# LOSSES, SYSTEMS, DOWN, DURATION and WARMUP say how much of it, see the script; UPDATE=1 writes
# tables and plot into docs, with NOTE.
WAN_SVG ?= $(BUILD)/wan-peers.svg
wan-peers: ## wraft beside etcd over an emulated network in namespaces: needs root and WRAFT_LAB, skips without
	mkdir -p $(BUILD)
	rm -f $(BUILD)/wan-peers.jsonl
	conformance/wan/peers.sh $(BUILD)/wan-peers.jsonl
	[[ ! -s $(BUILD)/wan-peers.jsonl ]] || go run ./conformance/wan/cmd/wantable -svg $(WAN_SVG) $(if $(UPDATE),-update) $(if $(NOTE),-note '$(NOTE)') $(BUILD)/wan-peers.jsonl

# SIZE is the snapshot's in MiB (1024 for the record); ROWS, FEC, DURATION and WARMUP as the script says.
SIZE ?= 256
wan-snapshot: ## how much of a link a snapshot uses, alone and beside TCP, in namespaces: needs root and WRAFT_LAB, skips without
	SIZE=$(SIZE) conformance/wan/snapshot.sh

# DURATION and WARMUP of each load, CLIENTS, SYSTEMS, SHORT=1 for a minute or two of it, UPDATE=1
# to write the tables in docs/BENCHMARKS.md; PEERS are further flags, as PEERS='-rounds 5 -note "quiet"'.
PEERS ?=
peers-bench: ## wraft beside etcd, hashicorp/raft and dragonboat on this machine: needs WRAFT_LAB, skips without
	mkdir -p $(BUILD)
	go run ./conformance/peers/cmd/peersbench -out $(BUILD)/peers-bench.jsonl $(if $(SHORT),-short) $(if $(UPDATE),-update) \
		$(if $(DURATION),-duration $(DURATION)) $(if $(WARMUP),-warmup $(WARMUP)) $(if $(CLIENTS),-clients '$(CLIENTS)') $(if $(SYSTEMS),-systems '$(SYSTEMS)') $(PEERS)

helm: ## renders the chart in deploy/helm with Helm's engine, compares with what is kept, judges it by Kubernetes' types; a module of its own
	cd deploy/helmcheck && go vet . && go test . && go run .

STATE_MIB ?= 32
ENTRIES ?= 20000
restart-bench: ## the start of a node on STATE_MIB of snapshot and ENTRIES of log, beside a plain read; GUEST: the kv of a language
	WRAFT_RESTART_GUEST=$(GUEST) WRAFT_RESTART_STATE=$(STATE_MIB) WRAFT_RESTART_ENTRIES=$(ENTRIES) go test ./internal/server -run '^$$' -bench BenchmarkRestart -benchtime 1x -timeout 60m | grep -E '^(restart:|---|FAIL|ok|panic)|restart_linux'

cover: ## statement coverage of the core, its packages and the tools of its tests
	mkdir -p $(BUILD)
	go test -count=1 -coverprofile=$(BUILD)/cover.out -coverpkg=$(COVERED) ./raft/...
	go tool cover -func=$(BUILD)/cover.out | awk 'END { print "cover: raft=" $$3 }'

bench: ## micro-benchmarks of all packages
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

plugin-bench: ## what machines cost in every language: a table, and its figures in $(BUILD)/plugin-bench.json
	mkdir -p $(BUILD)
	go run ./plugins/plugintest/cmd/pluginbench -json $(BUILD)/plugin-bench.json

NOTE ?=
plugin-bench-update: ## the same, and write the table in docs/BENCHMARKS.md; NOTE says what else was going on
	mkdir -p $(BUILD)
	go run ./plugins/plugintest/cmd/pluginbench -json $(BUILD)/plugin-bench.json -update -note '$(NOTE)'

neighbours: ## p99 of good machines beside a bad one on a whole node, in units of that without it
	go test ./node/nodetest -run '^$$' -bench BenchmarkNeighbours -benchtime 1x

core-bench: ## our core and etcd's side by side in memory; a module of its own, which needs go.etcd.io/raft/v3
	cd raft/rafttest/corebench && go vet . && go test . && go run . -rounds $(BENCHROUNDS)

# Each commit plays other seeds; those that ever failed are a test (TestRegressions).
ci: SEEDS = 500
ci: NODE_SEEDS = 200
ci: BUDGET = 5m
ci: FUZZTIME = 10s
ci: DERIVE = $(shell git rev-parse HEAD 2>/dev/null)
ci: race sim crashpoints bitrot badmodules mutants fuzz spec determinism abi helm conformance killstorm bigsnapshot wan-short demo ## the long suites; .ci/run calls test first

clean: ## what the other targets wrote
	rm -rf $(BIN) $(BUILD)
