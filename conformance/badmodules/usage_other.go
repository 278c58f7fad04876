//go:build !unix

package badmodules

import "time"

// processorTime is not known here.
func processorTime() time.Duration { return 0 }
