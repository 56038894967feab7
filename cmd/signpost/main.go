// Command signpost points DNS names at what runs. Everything it does is in
// internal/cli; here arguments go in and an exit code comes out.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/signpost-dns/signpost/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second signal ends the process at once
	os.Exit(cli.Main(ctx, os.Args[1:], cli.OS()))
}
