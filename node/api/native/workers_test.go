package native

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
)

func TestWorkersTakeFurtherJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := newWorkers(ctx)
		const atOnce = idleWorkersMax + 10
		for range 3 {
			var begun, done sync.WaitGroup
			release := make(chan struct{})
			for range atOnce {
				begun.Add(1)
				done.Add(1)
				w.do(func() {
					begun.Done()
					<-release
					done.Done()
				})
			}
			begun.Wait() // no job waits for another one's end
			if n := w.idle.Load(); n != 0 {
				t.Fatalf("%d goroutines are idle while %d jobs run", n, atOnce)
			}
			close(release)
			done.Wait()
			synctest.Wait()
			if n := w.idle.Load(); n != idleWorkersMax {
				t.Fatalf("%d goroutines wait, want %d", n, idleWorkersMax)
			}
		}
		cancel()
		w.wait()
		if n := w.idle.Load(); n != 0 {
			t.Fatalf("%d goroutines wait after the end", n)
		}
		ended := false
		w.do(func() { ended = true }) // a reader may be a moment behind
		w.wait()
		if !ended {
			t.Fatal("a job that came with the end is not done")
		}
	})
}
