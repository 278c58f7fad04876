package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/internal/compileworker"
)

// compileWorkerName is the subcommand that a node starts itself with.
const compileWorkerName = "compile-worker"

// compileWorkerCommand compiles one module for a node that runs. It is hidden: it
// speaks a protocol of its own on its standard streams.
func (p *Program) compileWorkerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: compileWorkerName, Short: "Compile a module for a running node", Args: exactArgs(), Hidden: true}
	var l compileworker.Limits
	dir := cmd.Flags().String("dir", "", "empty folder for the compiled code")
	cmd.Flags().DurationVar(&l.CPU, "cpu", 0, "most processor time")
	cmd.Flags().DurationVar(&l.Wall, "wall", 0, "most time")
	cmd.Flags().Int64Var(&l.MemoryBytes, "memory", 0, "most resident memory in bytes")
	cmd.RunE = func(*cobra.Command, []string) error {
		return compileworker.Work(p.Stdin, p.Stdout, *dir, l)
	}
	return cmd
}

// compileWorker is the command line of this program as a worker, and the name to
// call it by.
func compileWorker() (command []string, name string, err error) {
	program, err := compileworker.OwnProgram()
	if err != nil {
		return nil, "", err
	}
	return []string{program, compileWorkerName}, os.Args[0], nil
}
