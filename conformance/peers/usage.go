package peers

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wraft/wraft/conformance/cluster"
)

// usage is the processor time that was used since the machine started.
type usage struct {
	nodes time.Duration // by the nodes
	all   time.Duration // by everything, and by whoever else the host serves
}

// tick is the unit of processor time in /proc (USER_HZ, 100 on all architectures of Go's).
const tick = 10 * time.Millisecond

// errProc is that of a /proc that does not look like Linux's.
var errProc = errors.New("peers: processor time cannot be read, which needs Linux's /proc")

func takeUsage(c *cluster.Cluster) (u usage, err error) {
	for _, n := range c.Nodes {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.PID()))
		if err != nil {
			return u, fmt.Errorf("%w: %w", errProc, err)
		}
		used, err := processTime(string(text))
		if err != nil {
			return u, err
		}
		u.nodes += used
	}
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, fmt.Errorf("%w: %w", errProc, err)
	}
	u.all, err = machineTime(string(text))
	return u, err
}

// processTime reads the user and system time of a process from its stat.
func processTime(stat string) (time.Duration, error) {
	// Why from the last bracket on: a process may be called anything.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const user, system = 11, 12
	if len(fields) <= system {
		return 0, fmt.Errorf("%w: %.100q", errProc, stat)
	}
	return ticks(fields[user], fields[system])
}

// machineTime reads all time that was neither idle nor spent on waiting for disks. Stolen
// time counts: it was not ours either.
func machineTime(stat string) (time.Duration, error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	const first, idle, wait, behind = 1, 4, 5, 9
	if len(fields) < behind || fields[0] != "cpu" {
		return 0, fmt.Errorf("%w: %.100q", errProc, line)
	}
	var busy []string
	for i := first; i < behind; i++ {
		if i != idle && i != wait {
			busy = append(busy, fields[i])
		}
	}
	return ticks(busy...)
}

// ticks is the sum of numbers of ticks.
func ticks(texts ...string) (sum time.Duration, err error) {
	for _, text := range texts {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errProc, err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}
