package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Account is a provider under the name by which people know it, such as a
// profile of a configuration.
type Account struct {
	Name     string
	Provider Provider
}

// Accounts is several accounts at one service as one provider. Each zone is the
// first account's that lists it. Every request carries its account's name (see
// [AccountOf]), since each account has a rate of its own.
type Accounts struct {
	accounts []Account

	mu   sync.Mutex
	of   map[string]Account    // by zone ID, as last listed
	last map[string][]dns.Zone // by the account's name, as last listed
}

var _ Provider = (*Accounts)(nil)

// Join returns the accounts as one provider; there is at least one.
func Join(accounts ...Account) *Accounts {
	return &Accounts{accounts: accounts, of: map[string]Account{}, last: map[string][]dns.Zone{}}
}

// Zones implements [Provider]: the zones of all accounts, of which some may have
// none that is chosen. Of an account whose zones cannot be listed now they are
// those of last time, and the error comes beside the list. If they never could be
// the error is all of the answer: one of them may be the proper place for a name
// that another account's zone would get.
func (a *Accounts) Zones(ctx context.Context) ([]dns.Zone, error) {
	var all []dns.Zone
	var none, failed []error
	of := map[string]Account{}
	a.mu.Lock()
	known := maps.Clone(a.last)
	a.mu.Unlock()
	for _, account := range a.accounts {
		zones, err := account.Provider.Zones(withAccount(ctx, account))
		if err != nil {
			err = fmt.Errorf("profile %s: %w", account.Name, err)
		}
		last, listed := known[account.Name]
		switch {
		case errors.Is(err, ErrNoZone):
			none = append(none, err)
		case err != nil && !listed:
			return nil, err
		case err != nil:
			failed, zones = append(failed, err), last
		}
		known[account.Name] = zones
		for _, z := range zones {
			if _, known := of[z.ID]; !known {
				of[z.ID] = account
				all = append(all, z)
			}
		}
	}
	if len(all) == 0 && len(none)+len(failed) > 0 {
		return nil, errors.Join(append(none, failed...)...)
	}
	slices.SortFunc(all, func(a, b dns.Zone) int { return cmp.Or(a.Name.Compare(b.Name), cmp.Compare(a.ID, b.ID)) })
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of, a.last = of, known
	return all, errors.Join(failed...)
}

// account returns whose a zone is; of one that was never listed the first's.
func (a *Accounts) account(zone dns.Zone) Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	if account, ok := a.of[zone.ID]; ok {
		return account
	}
	return a.accounts[0]
}

// Page implements [Provider].
func (a *Accounts) Page(ctx context.Context, zone dns.Zone, from Cursor) ([]dns.RecordSet, Cursor, error) {
	account := a.account(zone)
	return account.Provider.Page(withAccount(ctx, account), zone, from)
}

// Passed implements [Provider]. The accounts are of one service and share its
// order.
func (a *Accounts) Passed(cursor Cursor, name dns.Name) bool {
	return a.accounts[0].Provider.Passed(cursor, name)
}

// At implements [Provider].
func (a *Accounts) At(ctx context.Context, zone dns.Zone, names []dns.Name) ([]dns.RecordSet, error) {
	account := a.account(zone)
	return account.Provider.At(withAccount(ctx, account), zone, names)
}

// Apply implements [Provider].
func (a *Accounts) Apply(ctx context.Context, zone dns.Zone, batch dns.Batch) error {
	account := a.account(zone)
	return account.Provider.Apply(withAccount(ctx, account), zone, batch)
}

// Upsert implements [Provider].
func (a *Accounts) Upsert(ctx context.Context, zone dns.Zone, batch dns.Batch) error {
	account := a.account(zone)
	return account.Provider.Upsert(withAccount(ctx, account), zone, batch)
}

// Traits implements [Provider].
func (a *Accounts) Traits() dns.Traits { return a.accounts[0].Provider.Traits() }

// Wishes returns those of all accounts that have some, with the account's name.
func (a *Accounts) Wishes() []string {
	return a.say(func(p Provider) []string {
		if w, ok := p.(interface{ Wishes() []string }); ok {
			return w.Wishes()
		}
		return nil
	})
}

// Warnings returns those of all accounts that have some, with the account's name.
func (a *Accounts) Warnings() []string {
	return a.say(func(p Provider) []string {
		if w, ok := p.(interface{ Warnings() []string }); ok {
			return w.Warnings()
		}
		return nil
	})
}

func (a *Accounts) say(words func(Provider) []string) []string {
	var all []string
	for _, account := range a.accounts {
		for _, sentence := range words(account.Provider) {
			all = append(all, sentence+" (profile "+account.Name+")")
		}
	}
	return all
}

// accountKey is the key under which a context carries an account's name.
type accountKey struct{}

func withAccount(ctx context.Context, account Account) context.Context {
	return context.WithValue(ctx, accountKey{}, account.Name)
}

// AccountOf returns the name of the account to which a request goes, as a [Pace]
// sees it; "" where there is only one.
func AccountOf(ctx context.Context) string {
	name, _ := ctx.Value(accountKey{}).(string)
	return name
}
