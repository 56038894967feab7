// Command image builds Signpost's container image, for every platform at once,
// without a container engine and without a base image:
//
//	go run ./deploy/image -version v1.2.3 -o dist/signpost.tar
//
// The archive it writes is an OCI image layout and what "docker save" writes, in
// one: docker load, podman load, ctr images import, kind load image-archive and
// skopeo copy oci-archive:dist/signpost.tar take it as it is.
//
// The same source, version and Go release make the same bytes. Times in the image
// are zero, or SOURCE_DATE_EPOCH where that is set (reproducible-builds.org).
//
// It may import nothing of Signpost's: it knows the program by the name of its
// package alone.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// plan is what to build.
type plan struct {
	Package   string // of the program, as go build takes it
	Tag       name.Tag
	Version   string
	Platforms []v1.Platform // at least one; the first is what an engine that knows one platform gets
	Created   time.Time
	Output    string // the archive's file name
}

func run(ctx context.Context, args []string, getenv func(string) string, told io.Writer) error {
	p, err := parse(args, getenv, told)
	if err != nil {
		return err
	}
	if err := p.build(ctx, told); err != nil {
		return err
	}
	fmt.Fprintf(told, "%s is in %s; load it with: docker load -i %s\n", p.Tag, p.Output, p.Output)
	return nil
}

func parse(args []string, getenv func(string) string, told io.Writer) (plan, error) {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.SetOutput(told)
	version := flags.String("version", "dev", "what the program says it is, and the image's `tag`")
	output := flags.String("o", "dist/signpost.tar", "the `file` to write")
	platforms := flags.String("platform", "linux/amd64,linux/arm64", "`platforms`, separated by commas")
	repository := flags.String("name", "ghcr.io/signpost-dns/signpost", "the image's `name` without its tag")
	program := flags.String("package", "github.com/signpost-dns/signpost/cmd/signpost", "the program's Go `package`")
	if err := flags.Parse(args); err != nil {
		return plan{}, err
	}
	if flags.NArg() > 0 {
		return plan{}, fmt.Errorf("%q: there are flags only", flags.Arg(0))
	}
	p := plan{Package: *program, Version: *version, Output: *output}
	var err error
	if p.Tag, err = name.NewTag(*repository+":"+*version, name.StrictValidation); err != nil {
		return plan{}, fmt.Errorf("-name and -version: %w", err)
	}
	if p.Platforms, err = parsePlatforms(*platforms); err != nil {
		return plan{}, fmt.Errorf("-platform: %w", err)
	}
	if p.Created, err = parseEpoch(getenv("SOURCE_DATE_EPOCH")); err != nil {
		return plan{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return p, nil
}

func parsePlatforms(list string) ([]v1.Platform, error) {
	var platforms []v1.Platform
	for text := range strings.SplitSeq(list, ",") {
		switch text {
		case "linux/amd64", "linux/arm64":
		default:
			return nil, fmt.Errorf("%q: the platforms are linux/amd64 and linux/arm64", text)
		}
		p, err := v1.ParsePlatform(text)
		if err != nil {
			return nil, err
		}
		for _, before := range platforms {
			if before.Equals(*p) {
				return nil, fmt.Errorf("%s is named twice", text)
			}
		}
		platforms = append(platforms, *p)
	}
	return platforms, nil
}

func parseEpoch(seconds string) (time.Time, error) {
	if seconds == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, fmt.Errorf("%q is no number of seconds since 1970", seconds)
	}
	return time.Unix(n, 0).UTC(), nil
}
