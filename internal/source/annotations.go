package source

import (
	"fmt"
	"slices"
	"strings"

	"github.com/signpost-dns/signpost/internal/plan"
)

// The two prefixes of ExternalDNS: the second is that of its releases before
// 0.22.
const (
	newPrefix = "external-dns.kubernetes.io/"
	oldPrefix = "external-dns.alpha.kubernetes.io/"
)

// adoptAnnotation claims record sets that stand without a claim, as the object
// wants them: "true". It has a prefix of its own, since ExternalDNS knows nothing
// of the kind.
const adoptAnnotation = "signpost.dev/adopt"

// targetAnnotation is the target annotation under a prefix of its own: it wins, and takes words that ExternalDNS would
// take for host names.
const targetAnnotation = "signpost.dev/target"

// classAnnotation named an Ingress's class before spec.ingressClassName did.
const classAnnotation = "kubernetes.io/ingress.class"

// ourController is the value of the controller annotation that leaves an object
// to us.
const ourController = "dns-controller"

// Keys behind the prefix.
const (
	hostnameKey              = "hostname"
	internalHostnameKey      = "internal-hostname"
	targetKey                = "target"
	ttlKey                   = "ttl"
	controllerKey            = "controller"
	hostnameSourceKey        = "ingress-hostname-source"
	gatewayHostnameSourceKey = "gateway-hostname-source"
	accessKey                = "access"
	endpointsTypeKey         = "endpoints-type"
	recordTypeKey            = "record-type"
)

func isRead(key string) bool {
	switch key {
	case hostnameKey, internalHostnameKey, targetKey, ttlKey, controllerKey, hostnameSourceKey,
		gatewayHostnameSourceKey, accessKey, endpointsTypeKey, recordTypeKey:
		return true
	}
	return shapesSets(key)
}

// annotations are those of one object that Signpost reads.
type annotations struct {
	byKey   map[string]note // by the key behind the prefix
	differs []plan.Problem
}

// note is an annotation under its full key, or a field that means the same.
type note struct {
	key, value string
	field      bool
}

// where names the annotation in a message.
func (n note) where() string {
	if n.field {
		return n.key
	}
	return "annotation " + n.key
}

// readAnnotations collects what stands under the prefixes; an earlier prefix
// wins over a later one, unless it has no value there.
func readAnnotations(all map[string]string, prefixes []string) annotations {
	a := annotations{byKey: map[string]note{}}
	for _, prefix := range prefixes {
		for full, value := range all {
			if key, ok := strings.CutPrefix(full, prefix); ok && isRead(key) {
				a.add(key, note{key: full, value: value})
			}
		}
	}
	if n := (note{key: targetAnnotation, value: all[targetAnnotation]}); n.value != "" {
		a.byKey[targetKey] = n
	}
	slices.SortFunc(a.differs, func(p, q plan.Problem) int { return strings.Compare(p.Message, q.Message) })
	return a
}

func (a *annotations) add(key string, n note) {
	winner, taken := a.byKey[key]
	loser := n
	if !taken || winner.value == "" && key != controllerKey && key != recordTypeKey {
		winner, loser = n, winner
	}
	a.byKey[key] = winner
	if taken && winner.value != loser.value {
		a.differs = append(a.differs, problem(plan.PrefixesDiffer,
			"annotations %s (%s) and %s (%s) differ: the former is used; remove the latter, or give --annotation-prefix if two controllers are meant",
			winner.key, quote(winner.value), loser.key, quote(loser.value)))
	}
}

// get returns an annotation that has a value. An empty one counts as absent:
// templates of manifests write such.
func (a annotations) get(key string) (note, bool) {
	n := a.byKey[key]
	return n, n.value != ""
}

const maxMessage = 400

func problem(reason plan.Reason, format string, args ...any) plan.Problem {
	return plan.Problem{Reason: reason, Message: clip(fmt.Sprintf(format, args...), maxMessage)}
}

// quote shows a user's text on one line, and not all of a very long one.
func quote(s string) string { return fmt.Sprintf("%q", clip(s, 100)) }

func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
