package server

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// restartGroup is the group of the first machine of a cluster.
const restartGroup raft.GroupID = 2

// restartBatch is how many entries are written to the log at a time.
const restartBatch = 2000

// number is a whole number from the environment.
func number(tb testing.TB, name string, usual int) int {
	tb.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		tb.Fatalf("%s is %q", name, text)
	}
	return n
}

// restartGuest is a machine that is filled with noise, and then counts.
type restartGuest struct {
	module []byte
	noise  func(mib int) iter.Seq[[]byte] // the commands that make so much of it
	count  func(n int) []byte             // the n-th command of the tail, from 1
	query  []byte
	counts func(n int) string // what the query says behind it
}

// noiseGuest is in Go: a short command, parsed and answered as text.
func noiseGuest(b *testing.B) restartGuest {
	return restartGuest{
		module: wasmtest.Noise(b), query: []byte("get"), counts: strconv.Itoa,
		count: func(int) []byte { return []byte("add 1") },
		noise: func(mib int) iter.Seq[[]byte] {
			return func(yield func([]byte) bool) {
				for left := mib; left > 0 && yield(fmt.Appendf(nil, "noise %d", min(left, 16))); left -= 16 {
				}
			}
		},
	}
}

// storeGuest is the key-value store in a language: values of noise, and puts of one key.
func storeGuest(b *testing.B, language string) restartGuest {
	const valueBytes = 1 << 19
	put := func(key string, value []byte) []byte { return storeCommand("put", key, value) }
	return restartGuest{
		module: wasmtest.Example(b, language, "kv"), query: storeCommand("get", "count", nil),
		count:  func(n int) []byte { return put("count", []byte(strconv.Itoa(n))) },
		counts: func(n int) string { return string(storeItem(nil, 2, len(strconv.Itoa(n)))) + strconv.Itoa(n) },
		noise: func(mib int) iter.Seq[[]byte] {
			return func(yield func([]byte) bool) {
				chance, value := rand.NewChaCha8([32]byte{1}), make([]byte, valueBytes)
				for k := range mib << 20 / valueBytes {
					_, _ = chance.Read(value) // never fails
					if !yield(put(fmt.Sprintf("noise %06d", k), value)) {
						return
					}
				}
			}
		},
	}
}

// storeCommand encodes a command of the key-value store, see examples/wasm-kv.
func storeCommand(operation, key string, value []byte) []byte {
	b := append(storeItem([]byte{0x84}, 3, len(operation)), operation...)
	b = append(storeItem(b, 2, len(key)), key...)
	if value == nil {
		return append(b, 0xf6, 0xf6)
	}
	return append(append(storeItem(b, 2, len(value)), value...), 0xf6)
}

// storeItem begins a string of CBOR with so many bytes.
func storeItem(b []byte, major byte, n int) []byte {
	if n < 24 {
		return append(b, major<<5|byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, major<<5|26), uint32(n))
}

// BenchmarkRestart starts a node on a snapshot of WRAFT_RESTART_STATE MiB with
// WRAFT_RESTART_ENTRIES entries behind it, each a command, and measures the time until a
// linearizable query sees them all, beside that of reading the same files; neither is in
// the page cache before. WRAFT_RESTART_GUEST names the language of the key-value store if
// that is to be the machine.
func BenchmarkRestart(b *testing.B) {
	state, entries := number(b, "WRAFT_RESTART_STATE", 32), number(b, "WRAFT_RESTART_ENTRIES", 20_000)
	name, g := "noise", restartGuest{}
	if language := os.Getenv("WRAFT_RESTART_GUEST"); language != "" {
		name, g = "kv-"+language, storeGuest(b, language)
	} else {
		g = noiseGuest(b)
	}
	c := oneNode(b, "restart")
	c.Raft = nodeconfig.RaftTiming{Heartbeat: 20 * time.Millisecond, ElectionTimeout: 100 * time.Millisecond}
	c.Snapshots = nodeconfig.Snapshots{LogBytes: 64 * nodeconfig.GiB, Interval: 720 * time.Hour, TailBytes: nodeconfig.KiB}
	c.Limits.MachineMemory, c.Limits.NodeMemory = 4*nodeconfig.GiB, 64*nodeconfig.GiB
	restartState(b, c, g, state)
	last := restartTail(b, c.DataDir, g, entries)
	for range b.N {
		evict(b, c.DataDir)
		began, spent := time.Now(), processorTime(b)
		bytes := readAll(b, c.DataDir)
		read, readCPU := time.Since(began), processorTime(b)-spent
		evict(b, c.DataDir)
		c = fresh(b, c)
		done := profiled(b)
		began, spent = time.Now(), processorTime(b)
		s, err := start(b, c)
		if err != nil {
			b.Fatal(err)
		}
		opened := time.Since(began)
		expectValue(b, s, last, g.query, g.counts(entries))
		serving, servingCPU := time.Since(began), processorTime(b)-spent
		done()
		ratio := serving.Seconds() / read.Seconds()
		b.ReportMetric(ratio, "x-read")
		fmt.Printf("restart: guest=%s state=%dMiB entries=%d bytes=%d read=%.2fs read_cpu=%.2fs opened=%.2fs serving=%.2fs serving_cpu=%.2fs ratio=%.2f\n",
			name, state, entries, bytes, read.Seconds(), readCPU.Seconds(), opened.Seconds(), serving.Seconds(), servingCPU.Seconds(), ratio)
		stop(b, s)
	}
}

// profiled writes a profile of the processors from now on to the file that
// WRAFT_RESTART_PROFILE names, if it does, until done is called.
func profiled(b *testing.B) (done func()) {
	b.Helper()
	name := os.Getenv("WRAFT_RESTART_PROFILE")
	if name == "" {
		return func() {}
	}
	file, err := os.Create(name)
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		pprof.StopCPUProfile()
		if err := file.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// processorTime is what this process has used so far: other than time, it says the same
// beside whatever else the machine does.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// restartState deploys a machine with so many MiB of noise, takes a snapshot of it and lets
// the log be cut behind it.
func restartState(b *testing.B, c Config, g restartGuest, mib int) {
	b.Helper()
	s, err := start(b, c)
	if err != nil {
		b.Fatal(err)
	}
	defer stop(b, s)
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Minute)
	defer cancel()
	module := g.module
	back := backend{node: s.node, cluster: c.Cluster}
	if _, _, err := back.PutModule(ctx, client.DigestOf(module), strings.NewReader(string(module)), int64(len(module))); err != nil {
		b.Fatal(err)
	}
	limits := client.MachineLimits{MemoryBytes: uint64(mib+mib/8+96) << 20}
	if _, _, err := back.Deploy(ctx, "busy", client.DeploySpec{Module: client.DigestOf(module), Limits: limits}); err != nil {
		b.Fatal(err)
	}
	for command := range g.noise(mib) {
		if _, err := back.Command(ctx, "busy", client.Command{Data: command, Forward: true}); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := back.TakeSnapshot(ctx, "busy"); err != nil {
		b.Fatal(err)
	}
	awaitCut(ctx, b, s)
}

// awaitCut waits until the log is cut behind the snapshot: a node that ends before has all
// of the state a second time, in its log.
func awaitCut(ctx context.Context, b *testing.B, s *Server) {
	b.Helper()
	for {
		g, err := s.node.Group(ctx, restartGroup, "busy")
		if err != nil {
			b.Fatal(err)
		}
		if g.Status.PurgedIndex > 0 {
			return
		}
		<-time.After(time.Millisecond)
	}
}

// restartTail writes entries to the machine's log as a leader would, without the time
// that clients take, and returns the index of the last one.
func restartTail(b *testing.B, dir string, g restartGuest, entries int) raft.Index {
	b.Helper()
	store, err := storage.Open(dir, storage.Options{})
	if err != nil {
		b.Fatal(err)
	}
	r, err := store.Restore(restartGroup)
	if err != nil {
		b.Fatal(err)
	}
	first, last := r.LastIndex, r.LastIndex
	for end := last + raft.Index(entries); last < end; {
		w := raft.Write{Sync: true}
		for len(w.Entries) < restartBatch && last < end {
			last++
			data, err := node.Batch{Elapsed: 1, Commands: []node.Command{{Kind: node.CommandCall, Data: g.count(int(last - first))}}}.Encode()
			if err != nil {
				b.Fatal(err)
			}
			w.Entries = append(w.Entries, raft.Entry{Index: last, Term: r.HardState.Term, Type: raft.EntryCommand, Data: data})
		}
		hs := r.HardState
		hs.Commit = last
		w.HardState = &hs
		if err := store.Commit([]storage.GroupWrite{{Group: restartGroup, Write: w}}); err != nil {
			b.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	return last
}

// expectValue waits for a linearizable read that has seen the whole log.
func expectValue(b *testing.B, s *Server, last raft.Index, query []byte, want string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Minute)
	defer cancel()
	back := backend{node: s.node, cluster: "restart"}
	for {
		r, err := back.Query(ctx, "busy", client.Query{Data: query, Consistency: client.Linearizable, MinIndex: uint64(last), Wait: 10 * time.Minute, Forward: true})
		if err == nil && string(r.Data) == want {
			return
		}
		if ctx.Err() != nil || err == nil {
			b.Fatalf("the machine says %q, want %q, %v", r.Data, want, err)
		}
		<-time.After(time.Millisecond) // the node is on its way: the catalogue comes first
	}
}

// eachDataFile calls f with every file of a directory.
func eachDataFile(b *testing.B, dir string, f func(path string, file *os.File) error) {
	b.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		return f(path, file)
	})
	if err != nil {
		b.Fatal(err)
	}
}

// readAll reads every file and returns their size.
func readAll(b *testing.B, dir string) (total int64) {
	buffer := make([]byte, 1<<20)
	eachDataFile(b, dir, func(_ string, file *os.File) error {
		for {
			n, err := file.Read(buffer)
			total += int64(n)
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	return total
}

// fadviseDontNeed is POSIX_FADV_DONTNEED.
const fadviseDontNeed = 4

// evict writes every file out and has the system forget it.
func evict(b *testing.B, dir string) {
	eachDataFile(b, dir, func(_ string, file *os.File) error {
		if err := file.Sync(); err != nil {
			return err
		}
		if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, file.Fd(), 0, 0, fadviseDontNeed, 0, 0); errno != 0 {
			return errno
		}
		return nil
	})
}
