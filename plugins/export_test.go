package plugins

// Spoil puts a call into the journal that can't be replayed, as only a fault of
// this package could.
func (i *Instance) Spoil() {
	i.journal.add(Moment{Index: 1}, 0, []byte("12345678X"))
}
