package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// versionVariable is set to the version by the linker, which passes over a
// variable that the program does not have.
const versionVariable = "github.com/signpost-dns/signpost/internal/cli.version"

// compile builds a program into file, statically linked, for any machine of the
// platform whatever the builder's own settings.
func compile(ctx context.Context, program, version string, platform v1.Platform, file string) error {
	link := "-s -w -X " + versionVariable + "=" + version
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", link, "-o", file, program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+platform.OS, "GOARCH="+platform.Architecture, "GOAMD64=v1", "GOARM64=v8.0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile %s for %s: %w\n%s", program, platform, err, bytes.TrimSpace(output))
	}
	return nil
}
