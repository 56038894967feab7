// Command prebuild builds the test cluster's programs ahead of the tests that need them, for two reasons: `go test` of
// several packages shows what a test tells only at its end, and it counts the minutes of the build as the test's.
// It prints the folder that holds them.
//
//	go run ./test/e2e/cluster/prebuild && go test ./...
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/signpost-dns/signpost/test/e2e/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := cluster.Build(ctx, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "prebuild:", err)
		os.Exit(1)
	}
	fmt.Println(dir)
}
