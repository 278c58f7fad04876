package client

import "time"

// MetaGroup is the group whose log describes the cluster: nodes, machines, tokens.
const MetaGroup GroupID = 1

// LogEntry is one entry of a group's log.
type LogEntry struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	Type  string `json:"type"` // noop, command or config
	Bytes int    `json:"bytes"`
	// Time is how long the term's leader had led, WallTime its wall clock; of entries
	// with commands.
	Time     time.Duration `json:"time_ns,omitempty"`
	WallTime time.Time     `json:"wall_time,omitzero"`
	Commands []LogCommand  `json:"commands,omitempty"`
	// Configuration is that of a config entry, in words.
	Configuration string `json:"configuration,omitempty"`
	// Unreadable says why the data is nothing that this release knows.
	Unreadable string `json:"unreadable,omitempty"`
}

// LogCommand is one command of an entry.
type LogCommand struct {
	Kind     string `json:"kind"` // call, keyed-call, session, upgrade, export or restore
	Session  uint64 `json:"session,omitempty"`
	Key      string `json:"key,omitempty"`
	Sequence uint64 `json:"sequence,omitempty"`
	// Bytes is how long the data is, of which less may be shown.
	Bytes int `json:"bytes"`
	// Data is what the machine gets, or an order for the host; nil when it was not asked for.
	Data []byte `json:"data,omitzero"`
}
