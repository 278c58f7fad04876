package fec

import (
	"math"
	"time"
)

const (
	// blameTimes is how many times as much as by chance must be lost while a queue stands for
	// the queue to be full, and blameMore how many packets beyond that.
	blameTimes = 2
	blameMore  = 3
	// creditMax bounds how many packets fewer than by chance a queue may have lost.
	creditMax = 10
)

// blame tells what a queue loses from what a path loses anyway. Why: packets are late for
// many reasons, and while they are, a path that loses some by chance goes on to; only what
// is more than that says that the queue is full.
type blame struct {
	calm   window  // while no queue stood
	queued window  // while one did
	excess float64 // packets that a queue is to blame for and that are not counted yet
}

func newBlame() blame { return blame{calm: window{tau: calmTau}, queued: window{tau: fastTau}} }

// share is what is lost by chance, 0 where that is not sure or next to nothing.
//
// Why it must be sure, by two standard deviations: a few that fell while no queue seemed to stand
// fell when one had just ended, and would else excuse what falls from it.
func (b *blame) share() float64 {
	sure := b.calm.lost - 2*math.Sqrt(max(0, b.calm.lost))
	if b.calm.sent < calmPackets || sure < lossMin*b.calm.sent {
		return 0
	}
	return min(1, b.calm.lost/b.calm.sent)
}

// chance notes what fell of some packets while no queue stood.
func (b *blame) chance(now time.Duration, sent uint32, fell int64) {
	b.calm.add(now, sample{sent: float64(sent), lost: float64(fell)})
}

// queue notes what fell of some packets while a queue stood, and returns how many more the
// queue is to blame for.
func (b *blame) queue(now time.Duration, sent uint32, fell int64) int64 {
	b.queued.add(now, sample{sent: float64(sent), lost: float64(fell)})
	b.excess = max(-creditMax, b.excess+float64(fell)-b.share()*float64(sent))
	whole := int64(b.excess)
	if b.share() > 0 {
		whole = max(0, whole) // what fell by chance is no negative blame
	}
	b.excess -= float64(whole)
	return whole
}

// full reports whether more is lost while a queue stands than chance explains.
func (b *blame) full() bool {
	p := b.share()
	return p == 0 || b.queued.lost > blameTimes*p*b.queued.sent+blameMore
}
