package abi

// Error numbers of WASI preview 1, as far as the host answers with them.
const (
	ErrnoSuccess uint32 = 0
	ErrnoBadf    uint32 = 8
	ErrnoFault   uint32 = 21
	ErrnoInval   uint32 = 28
	ErrnoNosys   uint32 = 52
	ErrnoSpipe   uint32 = 70
)

// Clocks of WASI preview 1. Both count log time.
const (
	ClockRealtime  uint32 = 0
	ClockMonotonic uint32 = 1
)

// Descriptors that exist in a guest: standard input is empty, the other two
// go to the machine's bounded log.
const (
	FdStdin  uint32 = 0
	FdStdout uint32 = 1
	FdStderr uint32 = 2
)

// Layout of the structures of WASI preview 1 that poll_oneoff and fd_write
// exchange, in bytes.
const (
	IovecBytes        = 8
	SubscriptionBytes = 48
	EventBytes        = 32
	FdstatBytes       = 24
	FilestatBytes     = 64
)

// Kinds of events of poll_oneoff.
const (
	EventClock   byte = 0
	EventFdRead  byte = 1
	EventFdWrite byte = 2
)

// SubclockAbstime is the flag of a clock subscription whose timeout is a point
// in time instead of a duration.
const SubclockAbstime uint16 = 1

// FiletypeCharacterDevice is what the standard descriptors claim to be.
const FiletypeCharacterDevice byte = 2

// wasi is the whole of WASI preview 1. Toolchains link files and sockets in
// even where a program uses none, so every name resolves; what a machine
// cannot have answers with an error number.
var wasi = map[string]string{
	"args_get":                "ii:i",
	"args_sizes_get":          "ii:i",
	"environ_get":             "ii:i",
	"environ_sizes_get":       "ii:i",
	"clock_res_get":           "ii:i",
	"clock_time_get":          "iIi:i",
	"fd_advise":               "iIIi:i",
	"fd_allocate":             "iII:i",
	"fd_close":                "i:i",
	"fd_datasync":             "i:i",
	"fd_fdstat_get":           "ii:i",
	"fd_fdstat_set_flags":     "ii:i",
	"fd_fdstat_set_rights":    "iII:i",
	"fd_filestat_get":         "ii:i",
	"fd_filestat_set_size":    "iI:i",
	"fd_filestat_set_times":   "iIIi:i",
	"fd_pread":                "iiiIi:i",
	"fd_prestat_get":          "ii:i",
	"fd_prestat_dir_name":     "iii:i",
	"fd_pwrite":               "iiiIi:i",
	"fd_read":                 "iiii:i",
	"fd_readdir":              "iiiIi:i",
	"fd_renumber":             "ii:i",
	"fd_seek":                 "iIii:i",
	"fd_sync":                 "i:i",
	"fd_tell":                 "ii:i",
	"fd_write":                "iiii:i",
	"path_create_directory":   "iii:i",
	"path_filestat_get":       "iiiii:i",
	"path_filestat_set_times": "iiiiIIi:i",
	"path_link":               "iiiiiii:i",
	"path_open":               "iiiiiIIii:i",
	"path_readlink":           "iiiiii:i",
	"path_remove_directory":   "iii:i",
	"path_rename":             "iiiiii:i",
	"path_symlink":            "iiiii:i",
	"path_unlink_file":        "iii:i",
	"poll_oneoff":             "iiii:i",
	"proc_exit":               "i:",
	"proc_raise":              "i:i",
	"random_get":              "ii:i",
	"sched_yield":             ":i",
	"sock_accept":             "iii:i",
	"sock_recv":               "iiiiii:i",
	"sock_send":               "iiiii:i",
	"sock_shutdown":           "ii:i",
}
