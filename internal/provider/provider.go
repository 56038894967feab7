// Package provider is the way to a DNS service: the interface that each service
// implements, and the errors by which the engine decides what to do next.
//
// An implementation hides the service's wire format, its escapes, paging and
// messages. It keeps no state of the zone, never retries, and never paces
// itself: the engine above it has the one retry layer. It may import dns and
// its own service's SDK, and no logger. The suite in providertest holds each
// implementation to what the comments here promise.
//
//	zones, err := p.Zones(ctx)
//	sets, next, err := p.Page(ctx, zones[0], "")
//	err = p.Apply(ctx, zones[0], dns.Batch{{{New: &set}}})
//	if errors.Is(err, provider.ErrConflict) { /* read again */ }
package provider

import (
	"context"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Provider is one account at a DNS service. Its methods may be called
// concurrently. Each request that it sends to its service is announced by
// [Begin]. Every error that comes from the service's own answer is an
// [*Error]; any other error means that the outcome is unknown.
type Provider interface {
	// Zones returns the hosted zones that the configuration chooses, sorted by
	// apex and ID. A list may come with an error, which says why a part of it is
	// as it was last time (see [Accounts.Zones]).
	Zones(ctx context.Context) ([]dns.Zone, error)

	// Page returns record sets of the zone in the service's order, starting at
	// the cursor ("" is the start), and the cursor for the next page, "" after
	// the last. The zone may change between pages. Apex SOA and NS are included.
	//
	// Sets are canonical, and carry the listed spelling where it differs.
	Page(ctx context.Context, zone dns.Zone, from Cursor) (sets []dns.RecordSet, next Cursor, err error)

	// Passed reports whether every set at a name lies before the cursor, so that
	// pages from there on hold none of them. Nothing lies before "". Where the
	// service's order is in doubt the answer is no.
	Passed(cursor Cursor, name dns.Name) bool

	// At returns all record sets at exactly these owner names, of all types and
	// identifiers, sorted by key. It takes as many calls as the service needs; a
	// name without record sets is no error.
	At(ctx context.Context, zone dns.Zone, names []dns.Name) ([]dns.RecordSet, error)

	// Apply makes the changes of all groups in their order, each as a
	// compare-and-swap: if the zone does not hold exactly a change's Old, the
	// answer is [ErrConflict], and so it is if what the zone holds at a name
	// forbids New (a CNAME beside other types, simple beside routed sets).
	// If Traits().Atomic, either all of the batch happens or none of it.
	//
	// Within a group every Old goes before the first New comes. Old is taken
	// away as it was listed; New is written in the canonical spelling, whatever
	// listed spelling it carries. A change whose New equals Old leaves the set as
	// it was listed.
	//
	// Before, with the batch {CREATE www A 192.0.2.2}:
	//
	//	www  300 IN A 192.0.2.1
	//
	// After: the same zone, and ErrConflict.
	Apply(ctx context.Context, zone dns.Zone, batch dns.Batch) error

	// Upsert is Apply for where the permission to delete is missing: an update
	// writes New over whatever stands at its key, an assertion is left out, and a
	// creation stays what it is. The caller has read the names just before, since
	// nothing is compared; what another writer does in between is lost. A group
	// that deletes is [ErrRejected] before any call. Of a service whose batches
	// have limits an update counts twice what it writes.
	Upsert(ctx context.Context, zone dns.Zone, batch dns.Batch) error

	// Traits says what the service can hold. It does not change.
	Traits() dns.Traits
}

// Cursor is a place in a zone's order, in the provider's own notation.
type Cursor string
