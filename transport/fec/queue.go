package fec

import "time"

const (
	delayRecent  = 8
	delayLately  = 250 * time.Millisecond
	delayHistory = 30 * time.Second // half of how long the least delay is remembered

	// A queue must stand so high above the least delay to count.
	queueMin       = 4 * time.Millisecond
	queuePerRTT    = 16
	queuePerJitter = 2 // of packets in a row
	queuePerNear   = 5 // of packets sent at about the same time
	jitterShare    = 16
	// nearTime is within which packets are sent at about the same time, so that a queue is the
	// same for both. What they tell of jitter is known from jitterShare pairs on, for so long.
	nearTime = 5 * time.Millisecond
	nearFor  = 30 * time.Second
)

// delay watches how much longer packets travel than the fastest of late. The two
// clocks need not agree, only run alike for some seconds.
type delay struct {
	any             bool
	first           int32            // a difference of the clocks, in microseconds
	recent          [delayRecent]int // of the last packets, in microseconds after first
	times           [delayRecent]time.Duration
	next            int
	previous, least int // of the half before this one, and of this
	turned          time.Duration
	jitter          float64 // mean difference of packets in a row, in microseconds
	last            int
	lastSent        uint32
	near            float64 // the same of packets that were sent at about the same time
	pairs           int     // of those
	pairAt          time.Duration
}

// add takes in a packet's times of sending and of arrival, and how much longer
// round trips are than they were at best: what stands when the first packet comes is
// not to be taken for the path's own delay.
func (d *delay) add(now time.Duration, sent uint32, grown time.Duration) {
	difference := int32(micros(now) - sent)
	if !d.any {
		least := -int(grown / time.Microsecond)
		*d = delay{any: true, first: difference, turned: now, previous: least, least: least}
		for i := range d.times {
			d.times[i] = -delayLately
		}
	}
	v := int(difference - d.first)
	d.jitter += (float64(abs(v-d.last)) - d.jitter) / jitterShare
	d.pair(now, v, sent)
	d.last, d.lastSent = v, sent
	d.recent[d.next], d.times[d.next] = v, now
	d.next = (d.next + 1) % delayRecent
	if now-d.turned >= delayHistory {
		d.turned, d.previous, d.least = now, d.least, v
	}
	d.least = min(d.least, v)
}

// queue returns how much longer even the fastest of the last packets took than the
// fastest of the last half minute or so.
func (d *delay) queue(now time.Duration) time.Duration {
	lately, found := 0, false
	for i, v := range d.recent {
		if d.any && now-d.times[i] <= delayLately && (!found || v < lately) {
			lately, found = v, true
		}
	}
	if !found {
		return 0
	}
	return d.above(lately)
}

// above returns how much longer a packet took than the fastest of the last half minute or so.
func (d *delay) above(v int) time.Duration {
	return time.Duration(v-min(d.previous, d.least)) * time.Microsecond
}

// pair compares a packet with the one before if they were sent at about the same time.
func (d *delay) pair(now time.Duration, v int, sent uint32) {
	gap := time.Duration(int32(sent-d.lastSent)) * time.Microsecond
	if max(gap, -gap) >= nearTime {
		return
	}
	if now-d.pairAt >= nearFor {
		d.near, d.pairs = 0, 0
	}
	d.pairs, d.pairAt = d.pairs+1, now
	d.near += (float64(abs(v-d.last)) - d.near) / float64(min(d.pairs, jitterShare))
}

// stands reports whether a queue stands on a path of the given round trip: packets
// that fall now fall from it.
//
// Why two ways: a short queue that other flows fill and empty is gone again a few packets later,
// so where jitter is known apart from queues the last packet tells. Otherwise a queue that comes
// and goes looks like jitter, and so only one that held up the last packets all counts.
func (d *delay) stands(now, rtt time.Duration) bool {
	least := max(queueMin, rtt/queuePerRTT)
	if d.pairs >= jitterShare && now-d.pairAt < nearFor {
		return d.above(d.last) > max(least, time.Duration(queuePerNear*d.near)*time.Microsecond)
	}
	return d.queue(now) > max(least, time.Duration(queuePerJitter*d.jitter)*time.Microsecond)
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
