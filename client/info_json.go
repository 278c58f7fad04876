package client

import (
	"encoding/json"
	"time"
)

// nodeInfoJSON is NodeInfo as it travels: a round trip in microseconds, since
// the unit of a bare number must stand in its name.
type nodeInfoJSON struct {
	plainNodeInfo
	RTTMicros int64 `json:"rtt_us"`
}

// plainNodeInfo has NodeInfo's fields without its methods, so that encoding it
// does not call them again.
type plainNodeInfo NodeInfo

// MarshalJSON writes the round trip as rtt_us.
func (n NodeInfo) MarshalJSON() ([]byte, error) {
	return json.Marshal(nodeInfoJSON{plainNodeInfo(n), n.RTT.Microseconds()})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (n *NodeInfo) UnmarshalJSON(data []byte) error {
	var in nodeInfoJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*n = NodeInfo(in.plainNodeInfo)
	n.RTT = time.Duration(in.RTTMicros) * time.Microsecond
	return nil
}
