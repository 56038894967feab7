package zone_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/provider"
	"github.com/signpost-dns/signpost/internal/provider/memory"
	"github.com/signpost-dns/signpost/internal/zone"
)

// An account that asks to wait makes its own zones wait, and no other account's.
func TestAccountsWaitAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := dns.Zone{ID: "Z1", Name: "example.com."}, dns.Zone{ID: "Z2", Name: "example.org."}
		busy := memory.New(dns.Traits{Atomic: true}, one)
		throttles := 3
		busy.Before = func(context.Context, memory.Call) error {
			if throttles--; throttles >= 0 {
				return &provider.Error{Kind: provider.ErrThrottled, Op: "Zones"}
			}
			return nil
		}
		governors := zone.NewGovernors(zone.GovernorConfig{})
		account := zone.Account{Governor: governors}
		took := func(p provider.Provider) time.Duration {
			begun := time.Now()
			if _, err := zone.List(t.Context(), p, account, zone.Audit, slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			return time.Since(begun)
		}
		slow := took(provider.Join(provider.Account{Name: "busy", Provider: busy}))
		quick := took(provider.Join(provider.Account{Name: "quiet", Provider: memory.New(dns.Traits{Atomic: true}, two)}))
		if slow < time.Second || quick > 0 {
			t.Errorf("the busy account took %v, the quiet one %v", slow, quick)
		}
		stats := governors.Stats()
		if stats.Throttled != 3 || stats.Calls[zone.Audit] != 5 {
			t.Errorf("together they had %d throttles in %d calls", stats.Throttled, stats.Calls[zone.Audit])
		}
	})
}
