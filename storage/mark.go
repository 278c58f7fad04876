package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The mark file has two slots, written in turn, each in a sector of its own:
//
//	crc32c   u32, little end first, of all that follows
//	version  u8
//	boot     u64, little end first
//	sequence u64, little end first: every synced batch up to it was acknowledged
//
// A write that a power loss tears leaves the other slot.
const (
	markVersion    = 1
	markSlotBytes  = 4 + 1 + 8 + 8
	markSlotOffset = 512 // of the second slot
)

// markSyncDelay bounds by how much the mark's sync lags behind its write. A power
// loss may take the mark back by that much, the end of a process takes nothing.
const markSyncDelay = 10 * time.Millisecond

// markSlot is what one slot says.
type markSlot struct {
	boot, sequence uint64
}

func (m markSlot) encode() []byte {
	b := make([]byte, markSlotBytes)
	b[4] = markVersion
	binary.LittleEndian.PutUint64(b[5:], m.boot)
	binary.LittleEndian.PutUint64(b[13:], m.sequence)
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return b
}

func decodeMarkSlot(b []byte) (markSlot, bool) {
	if len(b) < markSlotBytes {
		return markSlot{}, false
	}
	b = b[:markSlotBytes]
	if crc32.Checksum(b[4:], castagnoli) != binary.LittleEndian.Uint32(b) || b[4] != markVersion {
		return markSlot{}, false
	}
	return markSlot{boot: binary.LittleEndian.Uint64(b[5:]), sequence: binary.LittleEndian.Uint64(b[13:])}, true
}

// mark remembers which batches were acknowledged. Pebble takes rot in the last
// blocks of its log for the log's end; the mark tells the two apart at the next
// start.
//
// Crash argument: a slot is written after the sync of the batch it names and before
// anybody hears of it. So the mark is never ahead of what the log had; and it is
// behind what was acknowledged only by what was written within markSyncDelay
// before a power loss.
type mark struct {
	file vfs.File
	boot uint64
	fail func(error)

	mu       sync.Mutex // guards the fields below; held across a write, never across a sync
	sequence uint64
	slot     int64
	dirty    bool

	wake chan struct{} // capacity 1: the file is dirty
	stop chan struct{}
	done chan struct{}
}

// readMark returns the newest slot that is whole, and whether both were.
func readMark(d directory) (m markSlot, whole bool, err error) {
	b, err := d.read(markName)
	if errors.Is(err, fs.ErrNotExist) {
		return markSlot{}, false, nil
	}
	if err != nil {
		return markSlot{}, false, fmt.Errorf("storage: read %s: %w", markName, err)
	}
	first, ok1 := decodeMarkSlot(b)
	second, ok2 := decodeMarkSlot(b[min(markSlotOffset, len(b)):])
	if second.sequence > first.sequence {
		first = second
	}
	return first, ok1 && ok2, nil
}

// openMark begins a file that says m in both slots, and the goroutine that syncs it.
func openMark(d directory, m markSlot, fail func(error)) (*mark, error) {
	b := make([]byte, markSlotOffset+markSlotBytes)
	copy(b, m.encode())
	copy(b[markSlotOffset:], m.encode())
	if err := d.write(markName, b); err != nil {
		return nil, err
	}
	f, err := d.fs.OpenReadWrite(d.join(markName), writeCategory)
	if err != nil {
		return nil, fmt.Errorf("storage: open %s: %w", markName, err)
	}
	k := &mark{
		file: f, boot: m.boot, sequence: m.sequence, fail: fail,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go k.run()
	return k, nil
}

// advance notes that the batch of a sequence, and all before it, are durable.
func (k *mark) advance(sequence uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if sequence <= k.sequence {
		return nil // a later batch was faster, and covers this one
	}
	b := markSlot{boot: k.boot, sequence: sequence}.encode()
	if _, err := k.file.WriteAt(b, k.slot*markSlotOffset); err != nil {
		return fmt.Errorf("storage: write %s: %w", markName, err)
	}
	k.sequence, k.slot = sequence, 1-k.slot
	if !k.dirty {
		k.dirty = true
		k.wake <- struct{}{} // it has room: the syncer emptied it before it cleared dirty
	}
	return nil
}

// run syncs the file behind the writes: one sync for all of markSyncDelay.
func (k *mark) run() {
	defer close(k.done)
	timer := time.NewTimer(markSyncDelay)
	defer timer.Stop()
	for {
		select {
		case <-k.stop:
			return
		case <-k.wake:
		}
		timer.Reset(markSyncDelay)
		select {
		case <-k.stop:
			return
		case <-timer.C:
		}
		if err := k.sync(); err != nil {
			k.fail(err)
			return
		}
	}
}

func (k *mark) sync() error {
	k.mu.Lock()
	k.dirty = false
	k.mu.Unlock()
	if err := k.file.Sync(); err != nil {
		return fmt.Errorf("storage: sync %s: %w", markName, err)
	}
	return nil
}

// close ends the syncer and closes the file; it is synced first when all is well.
func (k *mark) close(sync bool) error {
	close(k.stop)
	<-k.done
	var err error
	if sync {
		err = k.sync()
	}
	return errors.Join(err, k.file.Close())
}
