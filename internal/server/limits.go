package server

import (
	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
)

// nodeLimits are the limits of a deploy in the node's words.
func nodeLimits(l client.MachineLimits) node.MachineLimits {
	return node.MachineLimits{
		MemoryBytes: l.MemoryBytes, CommandBytes: l.CommandBytes, EntryBytes: l.EntryBytes, ResultBytes: l.ResultBytes,
		ExportBytes: l.ExportBytes, LogBytes: l.LogBytes, EventBytes: l.EventBytes, FuelCommand: l.FuelCommand, FuelEntry: l.FuelEntry,
		FuelBase: l.FuelBase, FuelPerByte: l.FuelPerByte, StackBytes: l.StackBytes,
	}
}

// clientLimits are a machine's limits in the client's words.
func clientLimits(l node.MachineLimits) client.MachineLimits {
	return client.MachineLimits{
		MemoryBytes: l.MemoryBytes, CommandBytes: l.CommandBytes, EntryBytes: l.EntryBytes, ResultBytes: l.ResultBytes,
		ExportBytes: l.ExportBytes, LogBytes: l.LogBytes, EventBytes: l.EventBytes, FuelCommand: l.FuelCommand, FuelEntry: l.FuelEntry,
		FuelBase: l.FuelBase, FuelPerByte: l.FuelPerByte, StackBytes: l.StackBytes,
	}
}
