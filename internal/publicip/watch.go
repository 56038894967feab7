package publicip

import (
	"context"
	"net/netip"
	"time"
)

// confirm is how soon a new address is asked for again.
const confirm = 5 * time.Second

// Seen is what [Watch] has learned of one family: an address that was seen twice in a row and differs from the one told
// before, or why none could be learned.
type Seen struct {
	Family Family
	Addr   netip.Addr
	Err    error
}

// Watch asks for the addresses every so often, and tells what it learns, until ctx ends. An error changes nothing that
// was told: the address may well be what it was.
func Watch(ctx context.Context, finder Finder, families []Family, every time.Duration, tell func(Seen)) {
	told, candidate := map[Family]netip.Addr{}, map[Family]netip.Addr{}
	for {
		wait := every
		for _, f := range families {
			addr, err := finder.Find(ctx, f)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				tell(Seen{Family: f, Err: err})
			case addr == told[f]:
				delete(candidate, f)
			case addr == candidate[f]:
				delete(candidate, f)
				told[f] = addr
				tell(Seen{Family: f, Addr: addr})
			default:
				candidate[f] = addr
				wait = min(confirm, every)
			}
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}
