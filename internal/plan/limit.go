package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Limit says how many deletions in a zone are too many to happen unasked. The
// zero Limit is "30%".
type Limit struct {
	form limitForm
	n    int
}

type limitForm int

const (
	usual limitForm = iota
	share
	number
	unlimited
)

const (
	usualShare = 30
	// fewNames is how many deletions a share never forbids: of a handful of names
	// any share is soon reached.
	fewNames = 10
	// handful is of how many names all may go.
	handful = 3
)

// Unlimited is the limit that nothing exceeds.
func Unlimited() Limit { return Limit{form: unlimited} }

// ParseLimit reads "30%", a share of our names in a zone, "25", a number of
// deletions (0: none unasked), or "unlimited".
func ParseLimit(text string) (Limit, error) {
	if text == "unlimited" {
		return Unlimited(), nil
	}
	digits, isShare := strings.CutSuffix(text, "%")
	n, err := strconv.ParseUint(digits, 10, 31)
	switch {
	case err != nil:
		return Limit{}, fmt.Errorf("%q is neither a share nor a number", text)
	case isShare && n > 100:
		return Limit{}, fmt.Errorf("%q is more than all", text)
	case isShare && n == usualShare:
		return Limit{}, nil
	case isShare:
		return Limit{share, int(n)}, nil
	}
	return Limit{number, int(n)}, nil
}

// String returns the limit as [ParseLimit] reads it.
func (l Limit) String() string {
	switch l.form {
	case usual:
		return fmt.Sprintf("%d%%", usualShare)
	case share:
		return fmt.Sprintf("%d%%", l.n)
	case number:
		return strconv.Itoa(l.n)
	default:
		return "unlimited"
	}
}

// Exceeded reports whether it is too much that some go of so many: more than the
// number; more than the share, and more than ten; or all of more than three.
func (l Limit) Exceeded(gone, of int) bool {
	percent := l.n
	switch l.form {
	case unlimited:
		return false
	case number:
		if gone > l.n {
			return true
		}
	case usual:
		percent = usualShare
		fallthrough
	case share:
		if gone > fewNames && 100*gone > percent*of {
			return true
		}
	}
	return gone > handful && gone >= of
}

// ExceededAtStart is [Limit.Exceeded] where it is not known what happened before,
// so that what goes may have been more of what stood then: the few that a share
// never forbids are too much if they are more than a handful and no more than as
// many are left. A share of half and more, or a number, says itself what it means.
func (l Limit) ExceededAtStart(gone, of int) bool {
	minority := l.form == usual || l.form == share && l.n < 50
	return l.Exceeded(gone, of) || minority && gone > handful && 2*gone >= of
}

// Hold is deletions that wait for a person. The zero Hold is none.
type Hold struct {
	ID   string    // by which a person approves: the same for the same keys of the same zone, in whatever process
	Keys []dns.Key // owner names and types, sorted
}

// NewHold returns the hold of these keys of a zone.
func NewHold(zone dns.Zone, keys []dns.Key) Hold {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, dns.Key.Compare)
	keys = slices.Compact(keys)
	sum := sha256.New()
	write := func(words ...string) {
		// A hash takes everything.
		_, _ = io.WriteString(sum, strings.Join(words, " ")+"\n")
	}
	write(zone.ID)
	for _, k := range keys {
		write(string(k.Name), string(k.Type))
	}
	return Hold{ID: hex.EncodeToString(sum.Sum(nil))[:10], Keys: keys}
}
