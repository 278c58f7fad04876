package clock

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestSystemNowIsMonotonicFromZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := System()
		if now := c.Now(); now != 0 {
			t.Fatalf("a new clock shows %v, want 0", now)
		}
		time.Sleep(3 * time.Second) // virtual: nothing else runs in this bubble
		if now := c.Now(); now != 3*time.Second {
			t.Fatalf("after 3s the clock shows %v", now)
		}
	})
}

func TestSystemTimerFiresOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := System()
		timer := c.NewTimer(time.Minute)
		<-timer.C()
		if now := c.Now(); now != time.Minute {
			t.Fatalf("fired at %v, want 1m", now)
		}
		if timer.Stop() {
			t.Fatal("Stop says that a fired timer was pending")
		}
		select {
		case <-timer.C():
			t.Fatal("fired twice")
		case <-c.NewTimer(time.Hour).C():
		}
	})
}

func TestSystemTimerResetForgetsTheOldSetting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := System()
		timer := c.NewTimer(time.Second)
		time.Sleep(2 * time.Second) // it has fired; nobody received
		timer.Reset(10 * time.Second)
		<-timer.C()
		if now := c.Now(); now != 12*time.Second {
			t.Fatalf("received the value of %v, want that of the reset at 12s", now)
		}
	})
}

func TestSystemTimerStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := System()
		timer := c.NewTimer(time.Second)
		if !timer.Stop() {
			t.Fatal("Stop says that a pending timer was not")
		}
		select {
		case <-timer.C():
			t.Fatal("a stopped timer fired")
		case <-c.NewTimer(time.Minute).C():
		}
	})
}

// TestManyTimersThatAreDue: goroutines of one bubble whose timers are all due at once. In a
// build with the race detector the process ended here while timers could be due when set.
func TestManyTimersThatAreDue(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			c := System()
			var all sync.WaitGroup
			for range 6 {
				all.Go(func() {
					timer := c.NewTimer(0)
					for range 1000 {
						<-timer.C()
						timer.Reset(-1)
					}
				})
			}
			all.Wait()
		})
	}
}
