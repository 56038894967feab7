package plan

import (
	"cmp"
	"time"

	"github.com/signpost-dns/signpost/internal/dns"
)

// Object names an object that asks for record sets.
type Object struct {
	Kind      string // lower case, as in a claim's resource label: "service", "ingress"
	Namespace string // "" for cluster-scoped objects
	Name      string
	Created   time.Time // tells the older of two askers; the zero time is the oldest
}

// Resource returns the label by which a claim names the object:
// "service/default/nginx", "node/n1".
func (o Object) Resource() string {
	if o.Namespace == "" {
		return o.Kind + "/" + o.Name
	}
	return o.Kind + "/" + o.Namespace + "/" + o.Name
}

// older orders askers by age, then namespace, name and kind.
func (o Object) older(p Object) int {
	return cmp.Or(o.Created.Compare(p.Created), cmp.Compare(o.Namespace, p.Namespace),
		cmp.Compare(o.Name, p.Name), cmp.Compare(o.Kind, p.Kind))
}

// Want is one record set that an object asks for.
type Want struct {
	By  Object
	Set dns.RecordSet // TTL final; a host name as target is a CNAME, whatever becomes of it

	// Alias says what shall become of a CNAME where the provider has aliases.
	Alias AliasMode
	// AliasZone is the hosted zone in which the target of an alias lies; "" where
	// that is for the plan to find out.
	AliasZone string
	// EvaluateHealth overrides [Rules.EvaluateHealth] for an alias.
	EvaluateHealth *bool
	// Stack is what the target's object says of its addresses.
	Stack Stack
	// Zone is the ID of the only hosted zone that may hold the set; "" is any.
	Zone string
	// Adopt claims the set if it stands without a claim and has the same values;
	// unless a TXT in the zone may be somebody's claim of it.
	Adopt bool
	// Mate claims the set too if Mate's mark stands at its name, and some of its
	// values: the object is one that Mate published.
	Mate bool
}

// Equal reports whether two wants ask for the same, and are the same object's.
func (w Want) Equal(v Want) bool {
	if (w.EvaluateHealth == nil) != (v.EvaluateHealth == nil) || w.EvaluateHealth != nil && *w.EvaluateHealth != *v.EvaluateHealth {
		return false
	}
	return w.By == v.By && w.Set.Equal(v.Set) && w.Alias == v.Alias && w.AliasZone == v.AliasZone && w.Stack == v.Stack &&
		w.Zone == v.Zone && w.Adopt == v.Adopt && w.Mate == v.Mate
}

// AliasMode says whether a CNAME may become an alias.
type AliasMode int

const (
	// AliasAuto makes an alias of a CNAME to a host name that the provider
	// knows as a cloud's own, unless [Rules.PreferCNAME].
	AliasAuto AliasMode = iota
	// AliasNever leaves a CNAME as it is.
	AliasNever
	// AliasAlways makes an A and an AAAA alias of a CNAME, whatever its target is:
	// a host name of the cloud, one of the zone AliasZone, or one of the same zone.
	AliasAlways
	// AliasA and AliasAAAA make one alias of this type.
	AliasA
	AliasAAAA
)

// Stack is of which families the addresses of a target are.
type Stack int

const (
	StackUnknown Stack = iota
	StackIPv4
	StackDual
)

// Intent is what one object wants. Wants and an Unknown exclude each other:
// absence and ignorance are different answers. What an object without wants
// held may be deleted, what an unknown one holds is left as it is.
type Intent struct {
	By       Object
	Wants    []Want
	Problems []Problem
	// Unknown is why it could not be told what the object wants, "" if it could.
	Unknown string
	// Names is the names that an unknown object asks for, as far as they can be
	// read: what stands there may be its part of what objects share.
	Names []dns.Name
	// Unclear is names at which it could not be told what the object wants, and
	// why: they are left as they are. Of its other names the wants tell.
	Unclear map[dns.Name]string
}

// Problem is a user's mistake on his object: it is shown there, and is no error.
type Problem struct {
	Reason  Reason
	Message string // what is wrong, and what to do
}

// Reason is a stable word for why something is not as asked. The list is
// closed; docs/reasons.md explains each.
type Reason string

// Reasons of problems, found in the object alone.
const (
	BadHostname    Reason = "BadHostname"    // a host name is no domain name
	BadTarget      Reason = "BadTarget"      // a target is neither address nor name
	BadTTL         Reason = "BadTTL"         // the ttl annotation is unusable; the default is used
	BadAnnotation  Reason = "BadAnnotation"  // another annotation has a value outside its list
	PrefixesDiffer Reason = "PrefixesDiffer" // both annotation prefixes are there and disagree; the newer wins
	NoTarget       Reason = "NoTarget"       // names are asked for and there is nothing to point them at yet
	TargetConflict Reason = "TargetConflict" // targets cannot stand together at one name; one of them is used
	BadTemplate    Reason = "BadTemplate"    // a template of the flags fails on the object, or names what it lacks
	BadEndpoint    Reason = "BadEndpoint"    // a field of a DNSEndpoint cannot be read
	Denied         Reason = "Denied"         // the object's Namespace may not ask for the name
	NoNode         Reason = "NoNode"         // no node can serve a Service that asks for addresses of nodes
	PortConflict   Reason = "PortConflict"   // another Service has the port on every node that is fit
	NotOpen        Reason = "NotOpen"        // the firewall has not let the Service's ports in
	ExposedByOther Reason = "ExposedByOther" // another deployment has the Service open
	NotClosed      Reason = "NotClosed"      // a deleted Service waits for its ports to be closed, and nobody closes them
	NotImplemented Reason = "NotImplemented" // this version cannot follow what the object asks for; what it holds stays
)

// Reasons of refusals, found in planning.
const (
	NoZone        Reason = "NoZone"        // no hosted zone holds the name
	NotManaged    Reason = "NotManaged"    // the type is not among those that are managed
	Conflict      Reason = "Conflict"      // another object holds the name with something else
	NotOwned      Reason = "NotOwned"      // the record set exists and has no claim of ours
	ClaimTaken    Reason = "ClaimTaken"    // the name of the claim holds something else
	Orphan        Reason = "Orphan"        // a claim of ours stays, and its record set is gone
	ApexProtected Reason = "ApexProtected" // NS and SOA at the apex, CNAME at the apex
	PrivateTarget Reason = "PrivateTarget" // a private address would come into a public zone
	NotSupported  Reason = "NotSupported"  // the provider cannot hold such a set
	Oversize      Reason = "Oversize"      // the group exceeds what one batch may hold
	PolicyForbids Reason = "PolicyForbids" // the policy forbids the change
	Frozen        Reason = "Frozen"        // what the object wants is unknown at present
	Held          Reason = "Held"          // too much would be deleted at once: it waits for a person
	Grace         Reason = "Grace"         // it will be deleted, unless an object asks for it again in time
	Moving        Reason = "Moving"        // it is wanted in another zone, and goes when it stands there
	Rejected      Reason = "Rejected"      // the service refused the change
)
