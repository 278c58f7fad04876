package server

import (
	"context"
	"fmt"
	"io"
	"io/fs"
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

// BenchmarkRestart starts a node on a snapshot of WRAFT_RESTART_STATE MiB with
// WRAFT_RESTART_ENTRIES entries behind it, each a command, and measures the time until a
// linearizable query sees them all, beside that of reading the same files; neither is in
// the page cache before.
func BenchmarkRestart(b *testing.B) {
	state, entries := number(b, "WRAFT_RESTART_STATE", 32), number(b, "WRAFT_RESTART_ENTRIES", 20_000)
	c := oneNode(b, "restart")
	c.Raft = nodeconfig.RaftTiming{Heartbeat: 20 * time.Millisecond, ElectionTimeout: 100 * time.Millisecond}
	c.Snapshots = nodeconfig.Snapshots{LogBytes: 64 * nodeconfig.GiB, Interval: 720 * time.Hour, TailBytes: nodeconfig.KiB}
	c.Limits.MachineMemory, c.Limits.NodeMemory = 4*nodeconfig.GiB, 64*nodeconfig.GiB
	restartState(b, c, state)
	last := restartTail(b, c.DataDir, entries)
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
		expectValue(b, s, last, entries)
		serving, servingCPU := time.Since(began), processorTime(b)-spent
		done()
		ratio := serving.Seconds() / read.Seconds()
		b.ReportMetric(ratio, "x-read")
		fmt.Printf("restart: state=%dMiB entries=%d bytes=%d read=%.2fs read_cpu=%.2fs opened=%.2fs serving=%.2fs serving_cpu=%.2fs ratio=%.2f\n",
			state, entries, bytes, read.Seconds(), readCPU.Seconds(), opened.Seconds(), serving.Seconds(), servingCPU.Seconds(), ratio)
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

// restartState deploys a machine with so many MiB of noise and takes a snapshot of it.
func restartState(b *testing.B, c Config, mib int) {
	b.Helper()
	s, err := start(b, c)
	if err != nil {
		b.Fatal(err)
	}
	defer stop(b, s)
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Minute)
	defer cancel()
	module := wasmtest.Slow(b)
	back := backend{node: s.node, cluster: c.Cluster}
	if _, _, err := back.PutModule(ctx, client.DigestOf(module), strings.NewReader(string(module)), int64(len(module))); err != nil {
		b.Fatal(err)
	}
	limits := client.MachineLimits{MemoryBytes: uint64(mib+96) << 20}
	if _, _, err := back.Deploy(ctx, "slow", client.DeploySpec{Module: client.DigestOf(module), Limits: limits}); err != nil {
		b.Fatal(err)
	}
	for left := mib; left > 0; left -= 16 {
		if _, err := back.Command(ctx, "slow", client.Command{Data: fmt.Appendf(nil, "noise %d", min(left, 16)), Forward: true}); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := back.TakeSnapshot(ctx, "slow"); err != nil {
		b.Fatal(err)
	}
}

// restartTail writes entries to the machine's log as a leader would, without the time
// that clients take, and returns the index of the last one.
func restartTail(b *testing.B, dir string, entries int) raft.Index {
	b.Helper()
	store, err := storage.Open(dir, storage.Options{})
	if err != nil {
		b.Fatal(err)
	}
	r, err := store.Restore(restartGroup)
	if err != nil {
		b.Fatal(err)
	}
	data, err := node.Batch{Elapsed: 1, Commands: []node.Command{{Kind: node.CommandCall, Data: []byte("add 1")}}}.Encode()
	if err != nil {
		b.Fatal(err)
	}
	last := r.LastIndex
	for end := last + raft.Index(entries); last < end; {
		w := raft.Write{Sync: true}
		for len(w.Entries) < restartBatch && last < end {
			last++
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
func expectValue(b *testing.B, s *Server, last raft.Index, want int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Minute)
	defer cancel()
	back := backend{node: s.node, cluster: "restart"}
	for {
		r, err := back.Query(ctx, "slow", client.Query{Data: []byte("get"), Consistency: client.Linearizable, MinIndex: uint64(last), Wait: 10 * time.Minute, Forward: true})
		if err == nil && string(r.Data) == strconv.Itoa(want) {
			return
		}
		if ctx.Err() != nil || err == nil {
			b.Fatalf("the machine says %q, want %d, %v", r.Data, want, err)
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
