// Package examples holds the manifests that the documentation shows and the
// demo plays with.
package examples

import "embed"

// Demo is the directory that "signpost demo" runs on where no checkout is at
// hand: demo/*.yaml.
//
//go:embed demo
var Demo embed.FS
