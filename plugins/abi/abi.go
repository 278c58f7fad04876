package abi

// Version is the version of the guest ABI. A module says which one it speaks
// by exporting the marker function of that version (ExportMarker).
const Version = 1

// HostVersion counts changes of what a guest can observe of its host: the
// random stream, the WASI answers, the rounding of time. Replicas of one
// machine must run the same HostVersion. 2 charges fuel for what its functions
// read and write.
const HostVersion = 2

// ImportModule is the namespace of the host functions of this ABI.
const ImportModule = "wraft"

// WASIModule is the namespace of WASI preview 1.
const WASIModule = "wasi_snapshot_preview1"

// AssemblyScriptModule is the namespace from which AssemblyScript takes its
// abort function, the only one offered there.
const AssemblyScriptModule = "env"

// Names of the exports of a module. All but ExportInitialize and ExportVersion
// are required.
const (
	ExportMemory     = "memory"
	ExportMarker     = "wraft_abi_v1"
	ExportAlloc      = "wraft_alloc"
	ExportApply      = "wraft_apply"
	ExportQuery      = "wraft_query"
	ExportSnapshot   = "wraft_snapshot"
	ExportRestore    = "wraft_restore"
	ExportInitialize = "_initialize"
	// ExportVersion returns the number that the author gave to this version of
	// the module. An upgrade hands it to the ExportRestore of the next one.
	ExportVersion = "wraft_version"
	// ExportCommand marks a WASI command (a program with a main that runs
	// once). It cannot be a machine; it is named to give a helpful refusal.
	ExportCommand = "_start"
)

// ReservedPrefix starts the names of exports that the host itself adds. A
// module whose own exports start with it is refused.
const ReservedPrefix = "wraft."

// Statuses of a result. Zero is success, positive numbers are the machine's
// own error codes, negative ones are the host's: a module that answers with a
// negative status gets StatusMalformed instead.
const (
	StatusOK int32 = 0
	// StatusTrap: the call ended in a trap (or in proc_exit); its effects were
	// rolled back. The text of the result names the trap.
	StatusTrap int32 = -1
	// StatusLimits: a limit of the machine was exceeded (size of the command
	// or of the result, or the module refused the input buffer); its effects
	// were rolled back.
	StatusLimits int32 = -2
	// StatusMalformed: the module's answer breaks the ABI (a result outside
	// its memory, a wrong count, a reserved status); its effects were rolled
	// back.
	StatusMalformed int32 = -3
	// StatusFuel: the call spent more fuel than it may; its effects were rolled
	// back.
	StatusFuel int32 = -4
	// StatusStack: the call needed more stack than it may; its effects were
	// rolled back.
	StatusStack int32 = -5
)

// Answers of the streaming imports snapshot_write and restore_read.
const (
	// StreamOK is snapshot_write's answer when it took all bytes.
	StreamOK int32 = 0
	// StreamFailed says that the stream is broken or over its limit. The
	// module should return a non-zero status from its export.
	StreamFailed int32 = -1
)

// Levels of the import log. Other numbers count as LogInfo.
const (
	LogDebug int32 = 0
	LogInfo  int32 = 1
	LogWarn  int32 = 2
	LogError int32 = 3
)

// Byte sizes of the fixed parts of messages in linear memory.
const (
	// CountBytes is the u32 count at the start of an entry's input.
	CountBytes = 4
	// LengthBytes is the u32 length before each command.
	LengthBytes = 4
	// ResultHeaderBytes is the i32 status and u32 length before each result.
	ResultHeaderBytes = 8
)
