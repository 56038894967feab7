// Package plan decides what to change so that a zone holds what objects want.
//
// It is pure: no I/O, clock, logger or metrics; the same input in any order
// gives the same plan. The unit is the owner name with all its types,
// identifiers and claims; a zone's plan is the plans of its names put together.
// It may import dns and claim.
package plan
