//go:build race

package simulation

const (
	racing  = true
	bounded = 3
)
