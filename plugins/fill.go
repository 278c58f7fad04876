package plugins

// fillAheadMax bounds the runs that have arrived and wait. Their blocks are in the shadow
// already.
const fillAheadMax = 64

// filling brings what arrives in the shadow of an instance that is being restored to
// the rest of it: the blocks' hashes and the live guest's memory.
//
// Why on a goroutine of its own: more is read and checked meanwhile, and what has just
// been written is still near the processor. Memory that is touched for the first time
// costs as much as all else.
type filling struct {
	runs chan blockRun
	done chan struct{}
}

// blockRun is blocks that follow on each other.
type blockRun struct{ first, count uint32 }

// fill begins. What is in pages the live guest gets at the end of all images (sharing.give), the
// rest here. Until finish has returned, the hashes and the live guest's memory belong to the
// filling, and the caller writes to no block of the shadow twice.
func (i *Instance) fill(pages sharing) *filling {
	f := &filling{runs: make(chan blockRun, fillAheadMax), done: make(chan struct{})}
	i.memory.grow(i.shadow.size / blockBytes)
	go func() {
		defer close(f.done)
		for run := range f.runs {
			i.fillRun(run, pages.bytes)
		}
	}()
	return f
}

// arrived says that blocks of the shadow have their content.
func (f *filling) arrived(first, count uint32) { f.runs <- blockRun{first, count} }

// finish waits until all that has arrived is everywhere.
func (f *filling) finish() {
	close(f.runs)
	<-f.done
}

// fillRun copies blocks that are not among the first so many bytes.
func (i *Instance) fillRun(run blockRun, shared int) {
	live := i.live.memory.all()
	for n := run.first; n < run.first+run.count; n++ {
		giveWay(int(n))
		block := i.shadow.block(n)
		i.memory.replace(n, block)
		if int(n)*blockBytes >= shared {
			copy(blockOf(live, n), block)
		}
	}
}
