package node

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func describeUpgrades(actions []UpgradeAction) string {
	text := ""
	for _, a := range actions {
		switch {
		case a.Prepare != nil:
			text += fmt.Sprintf("prepare %d; ", a.Prepare.Order.ID)
		case a.Spread != nil:
			text += fmt.Sprintf("spread %d; ", a.Spread.Order.ID)
		case a.Propose != nil:
			text += fmt.Sprintf("propose %d %q; ", a.Propose.Order.ID, a.Propose.Order.Refused)
		case a.Report != nil:
			text += fmt.Sprintf("report %d at %d; ", a.Report.Outcome.ID, a.Report.Outcome.Index)
		case a.Obtain != nil:
			text += fmt.Sprintf("obtain %d; ", a.Obtain.Index)
		case a.Fetch != nil:
			text += fmt.Sprintf("fetch %x; ", a.Fetch.Module[:1])
		case a.Resume != nil:
			text += fmt.Sprintf("resume %d; ", a.Resume.Group)
		}
	}
	return text
}

// desk is an upgrader under test.
type desk struct {
	*Upgrader
	t *testing.T
}

func (d desk) expect(want string) {
	d.t.Helper()
	if got := describeUpgrades(d.Next()); got != want {
		d.t.Fatalf("actions are %q, want %q", got, want)
	}
}

// later moves time to the next deadline.
func (d desk) later() {
	d.t.Helper()
	at, ok := d.NextDeadline()
	if !ok || at > d.now+upgradeRetryMax {
		d.t.Fatalf("the next try is at %v (%v)", at, ok)
	}
	d.Tick(at)
}

func pending(id DeployID) *Catalogue {
	m := MachineRecord{Name: "a", Group: 2, Seats: testSeats(1, 2, 3)}
	if id != 0 {
		m.Pending = &UpgradeRecord{ID: id, To: letterRun(byte(id))}
	}
	return &Catalogue{Machines: []MachineRecord{m}}
}

func newDesk(t *testing.T) desk { return desk{NewUpgrader(0), t} }

// TestUpgraderOfALeader walks through all steps, each failing once.
func TestUpgraderOfALeader(t *testing.T) {
	d, trouble := newDesk(t), errors.New("trouble")
	d.Lead(2, true)
	d.Observe(pending(0))
	d.expect("")
	d.Observe(pending(7))
	d.expect("prepare 7; ")
	d.expect("")
	d.Prepared(2, 7, "", trouble)
	d.expect("")
	d.later()
	d.expect("prepare 7; ")
	d.Prepared(2, 7, "no module", nil)
	d.expect("spread 7; ")
	d.Spread(2, 7, trouble)
	d.later()
	d.expect("spread 7; ")
	d.Spread(2, 7, nil)
	d.expect(`propose 7 "no module"; `)
	d.Answered(2, 7, UpgradeOutcome{}, trouble)
	d.later()
	d.expect(`propose 7 "no module"; `)
	d.Answered(2, 7, UpgradeOutcome{ID: 7, Index: 90}, nil)
	d.expect("report 7 at 90; ")
	d.Reported(2, 7, trouble)
	d.later()
	d.expect("report 7 at 90; ")
	d.Reported(2, 7, nil)
	d.expect("")
	d.Observe(pending(0))
	d.Tick(time.Hour)
	d.expect("")
	d.Observe(pending(8))
	d.expect("prepare 8; ")
}

// TestUpgraderFollowsLeadership: a follower prepares and waits; who loses the lead
// stops proposing, but reports what it has learnt.
func TestUpgraderFollowsLeadership(t *testing.T) {
	d := newDesk(t)
	d.Observe(pending(7))
	d.expect("prepare 7; ")
	d.Prepared(2, 7, "", nil)
	d.expect("")
	d.Lead(2, true)
	d.expect("spread 7; ")
	d.Lead(2, false)
	d.Spread(2, 7, nil)
	d.expect("")
	d.Lead(2, true)
	d.expect("spread 7; ")
	d.Spread(2, 7, nil)
	d.expect(`propose 7 ""; `)
	d.Lead(2, false)
	d.Answered(2, 7, UpgradeOutcome{ID: 7, Index: 90}, nil)
	d.expect("report 7 at 90; ")
}

// TestUpgraderForgetsWhatIsDecided: answers to actions of an upgrade that is over
// do not touch the next one.
func TestUpgraderForgetsWhatIsDecided(t *testing.T) {
	d := newDesk(t)
	d.Lead(2, true)
	d.Observe(pending(7))
	d.expect("prepare 7; ")
	d.Observe(pending(8))
	d.expect("prepare 8; ")
	d.Prepared(2, 7, "bad", nil)
	d.Answered(2, 7, UpgradeOutcome{ID: 7, Index: 1}, nil)
	d.Prepared(2, 8, "", nil)
	d.Spread(2, 7, nil)
	d.expect("spread 8; ")
	d.Spread(2, 8, nil)
	d.expect(`propose 8 ""; `)
	d.Answered(2, 8, UpgradeOutcome{ID: 8, Status: StatusUpgradeStale}, nil)
	d.Observe(pending(0))
	d.expect("")
}

// TestUpgraderFetchesForAnApplier: a replica that has come to an upgrade entry
// without its module gets it, however long that takes. While nobody has it, what lies
// behind the entry would do as well.
func TestUpgraderFetchesForAnApplier(t *testing.T) {
	d := newDesk(t)
	d.Await(2, Digest{0xaa}, 5)
	d.expect("fetch aa; ")
	d.Await(2, Digest{0xaa}, 5)
	d.expect("")
	for range 20 {
		d.Fetched(2, Digest{0xaa}, errors.New("nobody has it"))
		d.expect("obtain 5; ")
		d.Obtained(2, Digest{0xbb}, nil)
		d.Obtained(2, Digest{0xaa}, errors.New("nobody is further"))
		d.expect("")
		d.later()
		d.expect("fetch aa; ")
	}
	d.Fetched(3, Digest{0xaa}, nil)
	d.Fetched(2, Digest{0xbb}, nil)
	d.expect("")
	d.Fetched(2, Digest{0xaa}, nil)
	d.expect("resume 2; ")
	d.Tick(time.Hour)
	d.expect("")
}

// TestUpgraderGoesOnBehindAModule: a replica that begins from a snapshot waits for nothing
// any more, until it comes to another entry; one of a deleted machine never does.
func TestUpgraderGoesOnBehindAModule(t *testing.T) {
	d := newDesk(t)
	d.Await(2, Digest{0xaa}, 5)
	d.expect("fetch aa; ")
	d.Fetched(2, Digest{0xaa}, errors.New("nobody has it"))
	d.expect("obtain 5; ")
	d.Obtained(2, Digest{0xaa}, nil)
	d.Fetched(2, Digest{0xaa}, nil)
	d.Tick(time.Hour)
	d.expect("")
	d.Await(2, Digest{0xaa}, 9)
	d.expect("fetch aa; ")
	d.Await(2, Digest{0xaa}, 11)
	d.expect("fetch aa; ")
	d.Fetched(2, Digest{0xaa}, errors.New("nobody has it"))
	d.Observe(&Catalogue{Index: 9, NextGroup: 3})
	d.Tick(2 * time.Hour)
	d.expect("")
}
