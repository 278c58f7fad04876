// Command wraftd runs nodes of a wraft cluster and talks to them; see package
// internal/cli.
package main

import (
	"os"

	"github.com/wraft/wraft/internal/cli"
)

func main() { os.Exit(cli.Main()) }
