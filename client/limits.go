package client

// MachineLimits bound what a machine may use: bytes, and units of fuel, the cost of
// running code (docs/ABI.md has the table). In a deploy 0 means the default. What a
// machine runs under never changes with defaults.
type MachineLimits struct {
	// MemoryBytes is the most linear memory an instance may have. Twice as much
	// counts against the memory of each of the machine's nodes.
	MemoryBytes uint64 `json:"memory_bytes,omitempty"`
	// CommandBytes is the longest command, and query, that the machine takes.
	CommandBytes uint64 `json:"command_bytes,omitempty"`
	// EntryBytes is the most that commands applied together may have.
	EntryBytes uint64 `json:"entry_bytes,omitempty"`
	// ResultBytes is the longest answer to commands applied together, or to a query.
	ResultBytes uint64 `json:"result_bytes,omitempty"`
	// ExportBytes is the most that the machine's snapshot export may write.
	ExportBytes uint64 `json:"export_bytes,omitempty"`
	// LogBytes is the most text that one call may log; more is dropped.
	LogBytes uint64 `json:"log_bytes,omitempty"`
	// EventBytes is the most that one call may emit.
	EventBytes uint64 `json:"event_bytes,omitempty"`
	// FuelCommand is what one command may spend, FuelEntry what commands applied
	// together may.
	FuelCommand uint64 `json:"fuel_command,omitempty"`
	FuelEntry   uint64 `json:"fuel_entry,omitempty"`
	// FuelBase, and FuelPerByte for each byte of memory, is what other calls may
	// spend: queries, exports, the start.
	FuelBase    uint64 `json:"fuel_base,omitempty"`
	FuelPerByte uint64 `json:"fuel_per_byte,omitempty"`
	// StackBytes is the most stack that a call may use.
	StackBytes uint64 `json:"stack_bytes,omitempty"`
}
