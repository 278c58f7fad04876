package node

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/wraft/wraft/internal/sumhash"
)

const (
	// KeysMax bounds the idempotency keys of one machine, but for what one entry may add.
	// The oldest key goes for a new one when it is older than KeyKept; until then new ones
	// are refused.
	KeysMax = 1 << 17
	// KeyAnswerBytesMax bounds the answers stored under them in the same manner.
	KeyAnswerBytesMax = 64 << 20
	// KeyLifetime is the log time after which a key is forgotten at the latest.
	KeyLifetime = 24 * time.Hour
	// KeyKept is the log time for which a key is remembered whatever comes: longer than
	// any request waits.
	KeyKept = 10 * time.Minute
	// KeyBytesMax bounds a key.
	KeyBytesMax = 255
)

// keyed is what one idempotency key stands for.
type keyed struct {
	key    string
	call   [sha256.Size]byte // of the command's data
	answer Answer
	number uint64 // Keys.taken when it was stored: its place in age
	at     int64  // log time then
}

// Keys is the idempotency table of one machine: exactly once for clients without a
// session. It is replicated state like Sessions: every method is a function of the log
// alone.
//
// Why beside the sessions: a session numbers its commands and tells which answers it
// holds, so little has to be kept for it. Of a key nobody ever says that it is done with,
// so it is kept for a time, and so that a repeat is never taken for something new, what
// does not fit is refused and not forgotten.
type Keys struct {
	byKey map[string]*list.Element // of *keyed
	age   *list.List               // oldest first
	taken uint64                   // how many were ever stored
	now   int64                    // log time
	bytes int                      // of keys and answers
	sum   sumhash.Sum              // of everything but taken
}

// NewKeys returns an empty table.
func NewKeys() *Keys { return &Keys{byKey: map[string]*list.Element{}, age: list.New()} }

// Len is the number of keys remembered.
func (t *Keys) Len() int { return len(t.byKey) }

// Judge says what to do with a command under a key, and returns the stored answer for
// VerdictReplay.
func (t *Keys) Judge(key string, call []byte) (Verdict, Answer) {
	if place, ok := t.byKey[key]; ok {
		k := place.Value.(*keyed)
		if k.call != sha256.Sum256(call) {
			return VerdictReused, Answer{}
		}
		return VerdictReplay, k.answer
	}
	if t.full(1) {
		return VerdictFull, Answer{}
	}
	return VerdictExecute, Answer{}
}

// Store remembers the answer of a command that Judge told to execute. The answer's data
// is kept.
func (t *Keys) Store(key string, call []byte, a Answer) {
	t.taken++
	t.add(&keyed{key: key, call: sha256.Sum256(call), answer: a, number: t.taken, at: t.now})
}

// Advance moves the table to a log time, which never goes back, and forgets what may go.
func (t *Keys) Advance(now int64) {
	t.now = now
	for t.age.Len() > 0 {
		old := now - t.age.Front().Value.(*keyed).at
		if old < int64(KeyLifetime) && (old < int64(KeyKept) || !t.full(BatchCommandsMax)) {
			return
		}
		t.forgetOldest()
	}
}

// full reports whether there is no room for some more.
func (t *Keys) full(more int) bool {
	return len(t.byKey)+more > KeysMax || t.bytes >= KeyAnswerBytesMax
}

func (t *Keys) add(k *keyed) {
	t.byKey[k.key] = t.age.PushBack(k)
	t.bytes += len(k.key) + len(k.answer.Data)
	t.sum.Add(k.part())
}

func (t *Keys) forgetOldest() {
	k := t.age.Remove(t.age.Front()).(*keyed)
	delete(t.byKey, k.key)
	t.bytes -= len(k.key) + len(k.answer.Data)
	t.sum.Remove(k.part())
}

// part is the share of a key in the sum.
func (k *keyed) part() sumhash.Part {
	a := k.answer
	b := make([]byte, 0, 128+len(k.key)+len(a.Data))
	for _, v := range [...]uint64{k.number, uint64(k.at), uint64(a.Index), uint64(a.Term), uint64(uint32(a.Status)), uint64(len(k.key))} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = append(append(b, k.key...), k.call[:]...)
	return sumhash.Of(append(b, a.Data...))
}

// AppendHash appends what the table is named by; nothing as long as no key was stored, so
// that replicas of an older release agree.
func (t *Keys) AppendHash(b []byte) []byte {
	if t.taken == 0 {
		return b
	}
	return t.sum.Append(binary.LittleEndian.AppendUint64(append(b, "keys"...), t.taken))
}

// KeyedCommand is a command under an idempotency key of 1 to KeyBytesMax bytes.
func KeyedCommand(key string, call []byte) Command {
	data := append(make([]byte, 0, 1+len(key)+len(call)), byte(len(key)))
	return Command{Kind: CommandKeyed, Data: append(append(data, key...), call...)}
}

// SplitKeyed takes the data of a CommandKeyed apart.
func SplitKeyed(data []byte) (key string, call []byte, ok bool) {
	if len(data) == 0 || data[0] == 0 || len(data) <= int(data[0]) {
		return "", nil, false
	}
	n := 1 + int(data[0])
	return string(data[1:n]), data[n:], true
}
