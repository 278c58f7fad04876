package entries

import (
	"fmt"
	"strings"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// Read makes an entry readable, with dataBytesMax of the data of each command; below 1 with
// none. It shares nothing with the entry.
func Read(e raft.Entry, dataBytesMax int) client.LogEntry {
	out := client.LogEntry{Index: uint64(e.Index), Term: uint64(e.Term), Type: e.Type.String(), Bytes: len(e.Data)}
	switch e.Type {
	case raft.EntryConfig:
		c, err := confchange.Decode(e.Data)
		if err != nil {
			out.Unreadable = err.Error()
			break
		}
		out.Configuration = Configuration(c)
	case raft.EntryCommand:
		b, err := node.DecodeBatch(e.Data)
		if err != nil {
			out.Unreadable = err.Error()
			break
		}
		out.Time, out.WallTime = time.Duration(b.Elapsed), time.Unix(0, b.Wall).UTC()
		for _, c := range b.Commands {
			out.Commands = append(out.Commands, command(c, dataBytesMax))
		}
	}
	return out
}

func command(c node.Command, dataBytesMax int) client.LogCommand {
	out := client.LogCommand{Kind: kindWord(c.Kind), Session: uint64(c.Session), Sequence: c.Sequence}
	data := c.Data
	if c.Kind == node.CommandKeyed {
		if key, call, ok := node.SplitKeyed(c.Data); ok {
			out.Key, data = key, call
		}
	}
	out.Bytes = len(data)
	if dataBytesMax > 0 {
		out.Data = append([]byte{}, data[:min(len(data), dataBytesMax)]...)
	}
	return out
}

func kindWord(k node.CommandKind) string {
	switch k {
	case node.CommandCall:
		return "call"
	case node.CommandKeyed:
		return "keyed-call"
	case node.CommandOpenSession, node.CommandTimedSession:
		return "session"
	case node.CommandUpgrade:
		return "upgrade"
	case node.CommandExport:
		return "export"
	case node.CommandRestore:
		return "restore"
	}
	return fmt.Sprintf("kind %d", k)
}

// Configuration is "voters 1 2 3, learners 4", with the voters that go out of a joint one.
func Configuration(c raft.Configuration) string {
	var parts []string
	list := func(what string, members []raft.Member) {
		if len(members) == 0 {
			return
		}
		words := []string{what}
		for _, m := range members {
			word := fmt.Sprint(uint64(m.Node))
			if m.Incarnation > 1 {
				word += fmt.Sprintf("(life %d)", m.Incarnation)
			}
			words = append(words, word)
		}
		parts = append(parts, strings.Join(words, " "))
	}
	list("voters", c.Voters)
	list("outgoing", c.Outgoing)
	list("learners", c.Learners)
	return strings.Join(parts, ", ")
}
