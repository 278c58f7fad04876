package storage

import (
	"bytes"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// pacedReader lets so many bytes through in a second, and ends when stop is closed.
type pacedReader struct {
	r     io.Reader
	rate  int
	began time.Time
	read  int
	stop  <-chan struct{}
}

func (p *pacedReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b[:min(len(b), 64<<10)])
	p.read += n
	due := p.began.Add(time.Duration(float64(p.read) / float64(p.rate) * float64(time.Second)))
	select {
	case <-time.After(time.Until(due)):
		return n, err
	case <-p.stop:
		return n, errCut
	}
}

// BenchmarkCommitBesideASnapshot commits an entry of 128 bytes every two milliseconds on a store
// that receives snapshots at 32 MiB a second, or none, on one disk.
func BenchmarkCommitBesideASnapshot(b *testing.B) {
	file, sent := sentSnapshot(b, contentOf(1, 128<<20))
	for _, receiving := range []bool{false, true} {
		name := map[bool]string{false: "alone", true: "receiving"}[receiving]
		b.Run(name, func(b *testing.B) {
			s, err := Open(b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			mustCreate(b, s, 1)
			stop := make(chan struct{})
			var receiver sync.WaitGroup
			if receiving {
				receiver.Go(func() { receiveAgainAndAgain(b, s, file, sent, stop) })
			}
			var took []time.Duration
			for next := raft.Index(1); b.Loop(); next++ {
				began := time.Now()
				mustCommit(b, s, appendWrite(1, 1, commands(next, 1, 1)))
				took = append(took, time.Since(began))
				<-time.After(2 * time.Millisecond)
			}
			close(stop)
			receiver.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// receiveAgainAndAgain receives the same file anew until stop is closed.
func receiveAgainAndAgain(b *testing.B, s *Store, file SnapshotFile, sent []byte, stop <-chan struct{}) {
	for {
		r, err := s.Snapshots().Receive(file)
		if err != nil {
			b.Error(err)
			return
		}
		_, err = r.ReadFrom(&pacedReader{r: bytes.NewReader(sent), rate: 32 << 20, began: time.Now(), stop: stop})
		r.Close()
		select {
		case <-stop:
			return
		default:
		}
		if err == nil {
			err = s.Snapshots().DropParts(file.Group, Digest{})
		}
		if err != nil {
			b.Error(err)
			return
		}
	}
}
