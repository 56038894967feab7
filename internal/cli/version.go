package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by -ldflags "-X .../internal/cli.version=v1.2.3" where the
// build has no Git to ask.
var version string

// Build says what this program was built from.
type Build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // the checkout differed from the commit
	Go       string `json:"go"`
	Platform string `json:"platform"` // linux/arm64
}

// CurrentBuild returns what is known of this build. Its version is "devel" if
// nothing is.
func CurrentBuild() Build {
	b := Build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		if b.Version == "" && info.Main.Version != "(devel)" {
			b.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	return b
}

// String returns the build in one line.
func (b Build) String() string {
	commit := ""
	if b.Commit != "" {
		commit = "commit " + b.Commit[:min(12, len(b.Commit))] + ", "
		if b.Modified {
			commit = "changed since " + commit
		}
	}
	return fmt.Sprintf("signpost %s (%s%s, %s)", b.Version, commit, b.Go, b.Platform)
}

type versionCommand struct {
	Output string `name:"output" short:"o" enum:"text,json" default:"text" help:"text or json."`
}

func versionWord() command {
	return command{
		name:   "version",
		brief:  "say which build this is",
		detail: "Says which build this is.",
		new:    func() runner { return &versionCommand{} },
	}
}

// Run prints the build.
func (c *versionCommand) Run(_ context.Context, call *call) error {
	text := []byte(CurrentBuild().String())
	if c.Output == "json" {
		var err error
		if text, err = json.MarshalIndent(CurrentBuild(), "", "  "); err != nil {
			return fmt.Errorf("print the version: %w", err)
		}
	}
	if _, err := fmt.Fprintf(call.Stdout, "%s\n", text); err != nil {
		return fmt.Errorf("print the version: %w", err)
	}
	return nil
}
