// Command wasmbuild compiles one plugin project, for scripts that run before
// there is a wraftd:
//
//	wasmbuild DIR OUT.wasm
//
// It tells the language from the project and prints what it built, with which
// compiler, and the digest that a deployment of the module will show.
package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/signal"

	"github.com/wraft/wraft/internal/toolchain"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: wasmbuild DIR OUT.wasm")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := build(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "wasmbuild:", err)
		os.Exit(1)
	}
}

func build(ctx context.Context, dir, out string) error {
	name, err := toolchain.Detect(dir)
	if err != nil {
		return err
	}
	compiler, err := toolchain.Find(name)
	if err != nil {
		return err
	}
	if err := compiler.Build(ctx, dir, out); err != nil {
		return err
	}
	binary, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	fmt.Printf("built %s (%s, %d bytes, sha256:%x)\n", out, compiler.Version, len(binary), sha256.Sum256(binary))
	return nil
}
