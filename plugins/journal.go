package plugins

// journal holds the calls applied since the last image. Image plus journal are
// the state before the current entry; when that entry traps, the image is
// loaded and the journal replayed.
//
// Why: copying the memory before every entry would cost more than the entry.
// The copy is taken once the journal has grown in proportion to the memory, so
// that its cost per entry stays below one page copied.
type journal struct {
	calls []journalCall
	bytes []byte // inputs of all calls, one after the other
}

type journalCall struct {
	at       Moment
	position uint32
	end      int // of its input in bytes
}

// Bounds of the journal for small memories; larger memories allow one call
// per journalPageBytes and a quarter of the memory in inputs.
const (
	journalCallsMin  = 1024
	journalBytesMin  = 4 * mib
	journalPageBytes = 4 * kib
	journalShare     = 4
)

func (j *journal) add(at Moment, position uint32, input []byte) {
	j.bytes = append(j.bytes, input...)
	j.calls = append(j.calls, journalCall{at, position, len(j.bytes)})
}

// full reports whether it is time for a new image of a memory of that size.
func (j *journal) full(memoryBytes int) bool {
	return len(j.calls) >= max(journalCallsMin, memoryBytes/journalPageBytes) ||
		len(j.bytes) >= max(journalBytesMin, memoryBytes/journalShare)
}

func (j *journal) reset() { j.calls, j.bytes = j.calls[:0], j.bytes[:0] }

// each calls f for every call in order until f fails.
func (j *journal) each(f func(at Moment, position uint32, input []byte) error) error {
	start := 0
	for _, c := range j.calls {
		if err := f(c.at, c.position, j.bytes[start:c.end]); err != nil {
			return err
		}
		start = c.end
	}
	return nil
}
