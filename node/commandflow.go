package node

import "time"

const (
	// flowParts of flowPart each are the window over which commands are counted.
	flowParts = 12
	flowPart  = 5 * time.Second
	// flowCommandsMin is how many a window has to have for anything to follow from them.
	flowCommandsMin = 60
)

// commandFlow counts the commands of a group by the region that they come from, over the
// last minute.
type commandFlow struct {
	parts [flowParts]map[string]uint64
	part  int64 // of time, the newest there is
}

// roll forgets what is older than the window.
func (f *commandFlow) roll(now time.Duration) {
	part := int64(now / flowPart)
	for range min(part-f.part, flowParts) {
		f.part++
		f.parts[f.part%flowParts] = nil
	}
	if f.part < part { // Why: a longer gap has emptied them all
		f.part = part
	}
}

// add counts commands from a region, "" for one that is not known.
func (f *commandFlow) add(now time.Duration, region string, commands uint64) {
	f.roll(now)
	at := &f.parts[f.part%flowParts]
	if *at == nil {
		*at = map[string]uint64{}
	}
	(*at)[region] += commands
}

// dominant is the region from which two thirds of the commands come, "" for none: there is
// no such region, or there are too few commands.
func (f *commandFlow) dominant(now time.Duration) string {
	f.roll(now)
	sums, total := map[string]uint64{}, uint64(0)
	for _, part := range f.parts {
		for region, n := range part {
			sums[region] += n
			total += n
		}
	}
	for region, n := range sums {
		if total >= flowCommandsMin && n >= total-total/3 {
			return region
		}
	}
	return ""
}
