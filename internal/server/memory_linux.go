package server

import (
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/wraft/wraft/internal/nodeconfig"
)

// memoryFiles are where Linux says how much memory a process may use.
type memoryFiles struct {
	meminfo string // /proc/meminfo
	own     string // /proc/self/cgroup
	groups  string // /sys/fs/cgroup
}

// availableMemory is the least of the physical memory and the limits of the control
// groups that the process is in; 0 when nothing can be read.
func availableMemory() uint64 {
	return memoryFiles{"/proc/meminfo", "/proc/self/cgroup", "/sys/fs/cgroup"}.least()
}

func (f memoryFiles) least() uint64 {
	least := f.physical()
	for _, name := range f.limits() {
		if n, ok := readNumber(name); ok && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}

// physical reads the line "MemTotal: N kB".
func (f memoryFiles) physical() uint64 {
	text, err := os.ReadFile(f.meminfo)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "MemTotal:" {
			n, err := strconv.ParseUint(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return n * uint64(nodeconfig.KiB)
		}
	}
	return 0
}

// limits are the files with limits: of the process's group and of all above it, in
// version 2 (a line "0::/path") and version 1 (a line "N:memory:/path").
func (f memoryFiles) limits() []string {
	text, err := os.ReadFile(f.own)
	if err != nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(strings.TrimSpace(string(text))) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root, file := f.groups, "memory.max"
		if parts[1] != "" {
			root, file = path.Join(f.groups, "memory"), "memory.limit_in_bytes"
		}
		if parts[1] != "" && parts[1] != "memory" {
			continue
		}
		for dir := path.Join("/", parts[2]); ; dir = path.Dir(dir) {
			out = append(out, path.Join(root, dir, file))
			if dir == "/" {
				break
			}
		}
	}
	return out
}

// readNumber reads a file that holds one number; "max" is none.
func readNumber(name string) (uint64, bool) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}
