package cli

import (
	"log/slog"
	"slices"

	"github.com/signpost-dns/signpost/internal/conditions"
	"github.com/signpost-dns/signpost/internal/dnsendpoint"
	"github.com/signpost-dns/signpost/internal/objects"
	"github.com/signpost-dns/signpost/internal/source"
)

// statuses returns what writes the status of DNSEndpoints; nil where none are read
// from an API server, and for a command that makes one pass or writes nothing.
func (o *engineOptions) statuses(feed objects.Feed, kinds []source.Kind, log *slog.Logger) (*conditions.Board, error) {
	cluster, ok := feed.(*objects.Cluster)
	reads := slices.ContainsFunc(kinds, func(k source.Kind) bool { return k.GVK == dnsendpoint.GVK() })
	if !ok || !reads || o.Once || o.DryRun {
		return nil, nil
	}
	return conditions.Open(cluster.Config(), log)
}
