package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// Bounds of a measurement of a link.
const (
	MeasureSamplesMax   = 5000
	MeasureIntervalMin  = time.Millisecond
	MeasureIntervalMax  = time.Second
	MeasureBytesMax     = 256 << 20
	measureTransferTime = 10 * time.Second
	measureStepBytes    = 64 << 10
	// measurePrefix names files of zeros, behind it their size in decimal digits.
	measurePrefix = "measure/"
)

var (
	// ErrLinkDown: no connection to the node stands, or it fell. Look at why, or retry.
	ErrLinkDown = errors.New("node: no link to the node stands")
	// ErrBadMeasure: the measurement asked for exceeds a bound. Ask for less.
	ErrBadMeasure = errors.New("node: the link cannot be measured so")
)

// MeasureSpec says what to measure of a link.
type MeasureSpec struct {
	// Samples are round trips, one each Interval, whether or not those before have ended.
	Samples  int
	Interval time.Duration
	// Bytes are sent each way, for ten seconds at most; 0: none.
	Bytes int64
}

func (s MeasureSpec) validate() error {
	switch {
	case s.Samples < 1 || s.Samples > MeasureSamplesMax:
		return fmt.Errorf("%w: %d samples, use 1 to %d", ErrBadMeasure, s.Samples, MeasureSamplesMax)
	case s.Interval < MeasureIntervalMin || s.Interval > MeasureIntervalMax:
		return fmt.Errorf("%w: one each %v, use %v to %v", ErrBadMeasure, s.Interval, MeasureIntervalMin, MeasureIntervalMax)
	case s.Bytes < 0 || s.Bytes > MeasureBytesMax:
		return fmt.Errorf("%w: %d bytes, use 0 to %d", ErrBadMeasure, s.Bytes, MeasureBytesMax)
	}
	return nil
}

// Measured is what a link did while it was measured.
type Measured struct {
	// RTTs are the round trips, ascending: of frames through both nodes, so also what the
	// two take. Unanswered is how many samples got no answer in time.
	RTTs       []time.Duration
	Unanswered int
	// Sent and Received are the transfers to the peer and from it.
	Sent, Received Transfer
	// Before and After are the link's sums at the beginning and at the end.
	Before, After transport.LinkStats
}

// Transfer is how many bytes arrived, and in which time since they were asked for.
type Transfer struct {
	_     struct{} `cbor:",toarray"`
	Bytes int64
	Took  time.Duration
}

// forwardedMeasure asks a node to fetch a file of zeros from the sender and to say how
// that went.
type forwardedMeasure struct {
	_     struct{} `cbor:",toarray"`
	Bytes int64
}

// MeasureLink measures the link to a peer over the connection that the two have. What it
// sends waits behind appends, and transfers keep to the rate of snapshots. Errors:
// ErrBadMeasure, ErrLinkDown, ErrUnknownNode, ErrBusy while the peer measures for another
// node, ErrTimeout.
func (n *Node) MeasureLink(ctx context.Context, to raft.NodeID, spec MeasureSpec) (m Measured, err error) {
	if err := spec.validate(); err != nil {
		return m, err
	}
	ctx, cancel := n.bound(ctx)
	defer cancel()
	if m.Before, err = n.linkTo(to); err != nil {
		return m, err
	}
	if m.RTTs, err = n.sampleLink(ctx, to, spec); err != nil {
		return m, measureError(to, err)
	}
	m.Unanswered = spec.Samples - len(m.RTTs)
	if spec.Bytes > 0 {
		if m.Received, err = n.drawFrom(ctx, to, spec.Bytes); err != nil {
			return m, measureError(to, err)
		}
		r, err := n.forward(ctx, to, MetaGroup, forwardMeasure, forwardedMeasure{Bytes: spec.Bytes}, nil)
		if err == nil {
			err = batchDecoding.Unmarshal(r.answer.Data, &m.Sent)
		}
		if err != nil {
			return m, measureError(to, err)
		}
	}
	m.After, err = n.linkTo(to)
	return m, err
}

// linkTo is what is known of a link that stands.
func (n *Node) linkTo(to raft.NodeID) (transport.LinkStats, error) {
	for _, l := range n.network.Links() {
		if l.Peer != to {
			continue
		}
		if !l.Up {
			return l, fmt.Errorf("%w: %v, %s", ErrLinkDown, to, l.Down)
		}
		return l, nil
	}
	return transport.LinkStats{}, fmt.Errorf("%w: %v has no link to %v", ErrUnknownNode, n.cfg.Self, to)
}

// measureError names what kept a link from being measured.
func measureError(to raft.NodeID, err error) error {
	var unknown *UnknownOutcomeError
	switch {
	case errors.As(err, &unknown), errors.Is(err, ErrNoLeader), errors.Is(err, transport.ErrNotConnected):
		return fmt.Errorf("%w: %v: %w", ErrLinkDown, to, errors.Unwrap(err))
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: the link to %v is not measured yet: %w", ErrTimeout, to, err)
	case errors.Is(err, transport.ErrBusy):
		return fmt.Errorf("%w: %v serves as many files as it may", ErrBusy, to)
	}
	return fmt.Errorf("node: measure the link to %v: %w", to, err)
}

// sampleLink makes the round trips. The error is that of the first that failed for
// another reason than time.
func (n *Node) sampleLink(ctx context.Context, to raft.NodeID, spec MeasureSpec) ([]time.Duration, error) {
	var (
		mu     sync.Mutex // guards what follows
		rtts   []time.Duration
		failed error
		wg     sync.WaitGroup
	)
	timer := n.clock.NewTimer(spec.Interval)
	defer timer.Stop()
	for range spec.Samples {
		wg.Go(func() {
			began := n.clock.Now()
			_, err := n.forward(ctx, to, MetaGroup, forwardEcho, forwardedReady{}, nil)
			took := n.clock.Now() - began
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				rtts = append(rtts, took)
			} else if ctx.Err() == nil {
				failed = errors.Join(failed, err)
			}
		})
		select {
		case <-timer.C():
			timer.Reset(spec.Interval)
		case <-ctx.Done():
		}
	}
	wg.Wait()
	if len(rtts) == 0 && failed == nil {
		failed = ctx.Err()
	}
	slices.Sort(rtts)
	return rtts, failed
}

// drawFrom fetches zeros from a peer until the last, or until the time is up.
func (n *Node) drawFrom(ctx context.Context, from raft.NodeID, size int64) (t Transfer, err error) {
	ctx, cancel := context.WithTimeout(ctx, measureTransferTime)
	defer cancel()
	began := n.clock.Now()
	r, _, err := n.network.OpenFile(ctx, from, measurePrefix+strconv.FormatInt(size, 10), 0)
	if err != nil {
		return t, err
	}
	buf := make([]byte, measureStepBytes)
	for err == nil && ctx.Err() == nil {
		var step int
		step, err = r.Read(buf)
		t.Bytes += int64(step)
	}
	t.Took = n.clock.Now() - began
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return t, errors.Join(err, r.Close())
}

// measureFor fetches zeros from the peer that asks, for one of them at a time.
func (n *Node) measureFor(from raft.NodeID, ask forwardedMeasure, w waiter) {
	if ask.Bytes < 1 || ask.Bytes > MeasureBytesMax || !n.measuring.CompareAndSwap(false, true) {
		w.resolve(reply{err: ErrBusy})
		return
	}
	n.spawn(func() {
		defer n.measuring.Store(false)
		t, err := n.drawFrom(n.ctx, from, ask.Bytes)
		if err != nil {
			w.resolve(reply{err: err})
			return
		}
		data, err := batchEncoding.Marshal(t)
		w.resolve(reply{answer: Answer{Data: data}, err: err})
	})
}

// serveMeasure opens a file of zeros.
func serveMeasure(name string) (io.ReadSeekCloser, int64, error) {
	size, err := strconv.ParseInt(strings.TrimPrefix(name, measurePrefix), 10, 64)
	if err != nil || size < 1 || size > MeasureBytesMax {
		return nil, 0, transport.ErrNotFound
	}
	return zeroFile{io.NewSectionReader(zeros{}, 0, size)}, size, nil
}

// zeros is as many of them as anybody wants.
type zeros struct{}

// ReadAt implements io.ReaderAt.
func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

type zeroFile struct{ *io.SectionReader }

func (zeroFile) Close() error { return nil }
