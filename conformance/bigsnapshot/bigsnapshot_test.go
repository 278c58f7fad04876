package bigsnapshot

import (
	"strings"
	"testing"
	"time"
)

func TestP99IsOfAWindow(t *testing.T) {
	began := time.Now()
	l := &load{added: map[string]int64{}}
	for i := range 300 {
		s := sample{began.Add(time.Duration(i) * time.Second), time.Duration(i) * time.Millisecond}
		if err := l.note("m", s, ""); err == nil {
			t.Fatal("an answer that counts nothing was taken")
		}
	}
	p99, n := l.p99(began.Add(100*time.Second), began.Add(200*time.Second))
	if n != 100 || p99 != 199*time.Millisecond {
		t.Errorf("%v of %d writes", p99, n)
	}
	if p99, n := l.p99(began.Add(-time.Hour), began); p99 != 0 || n != 0 {
		t.Errorf("%v of %d writes in an empty window", p99, n)
	}
}

func TestAnswersAreCounted(t *testing.T) {
	l := &load{added: map[string]int64{}}
	for _, answer := range []string{"1", "2", "3"} {
		if err := l.note("m", sample{}, answer); err != nil {
			t.Error(err)
		}
	}
	if err := l.note("m", sample{}, "5"); err == nil {
		t.Error("a write that was doubled was not noticed")
	}
	if err := l.note("m", sample{}, "6"); err != nil {
		t.Errorf("one doubled write was found twice: %v", err)
	}
}

func TestResult(t *testing.T) {
	r := Result{Bytes: 1000, Received: 1020, Cuts: 5, Before: 2 * time.Millisecond, During: 3 * time.Millisecond, Writes: 7, Took: 31 * time.Second}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if got, want := r.String(), "bigsnapshot: bytes=1000 cuts=5 received=1.020x p99_before=2.0ms p99=3.0ms p99_ratio=1.50 writes=7 elections=0 took=31s"; got != want {
		t.Errorf("%q", got)
	}
	for received, want := range map[int64]string{999: "another way", 1051: "more than a cut may waste"} {
		r.Received = received
		if err := r.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d of 1000 bytes: %v", received, err)
		}
	}
}

func TestWritesAreToldInLines(t *testing.T) {
	var out strings.Builder
	w := &writer{output: &out}
	told := sample{time.Unix(3, 5), 7 * time.Millisecond}
	if err := w.tell("big-1", told, "12"); err != nil {
		t.Fatal(err)
	}
	machine, s, answer, err := parseWrite(strings.TrimSuffix(out.String(), "\n"))
	if err != nil || machine != "big-1" || s != told || answer != "12" {
		t.Errorf("%q %v %q %v", machine, s, answer, err)
	}
	l := &load{added: map[string]int64{}}
	l.hear(strings.NewReader("big-1 1 2 1\nbig-1 3 4\n"))
	if len(l.samples) != 1 || l.added["big-1"] != 1 || len(l.problems) != 1 {
		t.Errorf("%v %v %v", l.samples, l.added, l.problems)
	}
}
