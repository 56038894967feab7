package cli

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/signpost-dns/signpost/internal/claim"
	"github.com/signpost-dns/signpost/internal/controller"
	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// Options is what the command line itself owns of a controller's options: what
// is chosen from where to where, ownership, scope and pace. Run and plan share
// it, so that the arguments of one serve the other.
type Options struct {
	Sources  []string `name:"source" group:"sources" enum:"${sources}" placeholder:"KIND" help:"Kinds of objects to read: ${sourcelist}. Give it once for each."`
	Provider string   `name:"provider" group:"provider" enum:",aws" default:"" placeholder:"NAME" help:"The DNS service: aws (Amazon Route 53)."`

	DomainFilter   []string `name:"domain-filter" group:"provider" placeholder:"DOMAIN" help:"Only names equal to or below this domain (.example.com: only below), in zones that are equal to or below it. Repeatable."`
	ExcludeDomains []string `name:"exclude-domains" group:"provider" placeholder:"DOMAIN" help:"No names equal to or below this domain. Repeatable."`
	RegexFilter    string   `name:"regex-domain-filter" group:"provider" placeholder:"REGEX" help:"Only names that match this expression (RE2), and zones whose name does. Takes the place of --domain-filter and --exclude-domains."`
	RegexExclusion string   `name:"regex-domain-exclusion" group:"provider" placeholder:"REGEX" help:"No names that match this expression, which is asked before --regex-domain-filter. Takes the place of --domain-filter and --exclude-domains."`

	Policy        string   `name:"policy" group:"changes" enum:",sync,upsert-only,create-only" default:"" placeholder:"POLICY" help:"sync (create, update, delete), upsert-only (never delete) or create-only. Not given: upsert-only."`
	ManagedTypes  []string `name:"managed-record-types" group:"changes" default:"A,AAAA,CNAME" placeholder:"TYPE" help:"Types of record sets to manage. Repeatable."`
	ExcludeTypes  []string `name:"exclude-record-types" group:"changes" placeholder:"TYPE" help:"Types of record sets to leave alone, even if managed. Repeatable."`
	RefusePrivate bool     `name:"refuse-private-targets" group:"changes" negatable:"" help:"Publish no private address (RFC 1918, 4193, 6598, loopback, link-local) in a public zone."`
	DryRun        bool     `name:"dry-run" group:"changes" help:"Say what would change, and change nothing."`

	MaxDeletes  string        `name:"max-deletes" group:"changes" default:"30%" placeholder:"LIMIT" help:"What may be deleted in a zone within 10 minutes before a person is asked: a share of our names there, such as 30%, a number, or unlimited. Of a share ten are never too much; all of more than three always are."`
	DeleteGrace time.Duration `name:"delete-grace" group:"changes" default:"10s" placeholder:"DURATION" help:"How long a deletion waits for the object to come back; not with --once."`
	Approve     []string      `name:"approve" group:"changes" placeholder:"ID" help:"Let the deletions go that are held under this ID. Repeatable."`

	Registry    string `name:"registry" group:"ownership" enum:"txt,noop" default:"txt" help:"Where it is kept whose record sets are: txt (in TXT record sets beside them) or noop (nowhere: every record set of a managed type under --domain-filter counts as ours)."`
	OwnerID     string `name:"txt-owner-id" group:"ownership" default:"default" placeholder:"ID" help:"Who we are. Two that share a zone must differ."`
	TXTPrefix   string `name:"txt-prefix" group:"ownership" placeholder:"TEXT" help:"Put before the names of ownership TXT record sets; may hold %{record_type}."`
	TXTSuffix   string `name:"txt-suffix" group:"ownership" placeholder:"TEXT" help:"Put behind the first label of the names of ownership TXT record sets; not together with --txt-prefix."`
	TXTWildcard string `name:"txt-wildcard-replacement" group:"ownership" placeholder:"LABEL" help:"Stands for * in the names of ownership TXT record sets."`
	ClaimOptions

	Once    bool          `name:"once" group:"pace" help:"Check everything once and exit."`
	Timeout time.Duration `name:"timeout" group:"pace" default:"10m" placeholder:"DURATION" help:"How long --once, plan, explain and adopt may take; 0 is as long as it takes."`
	PaceOptions

	MetricsAddress string `name:"metrics-address" group:"watching" default:":7979" placeholder:"ADDRESS" help:"Where the status page, /explain, /metrics, /healthz and /readyz are served."`
}

// Settings is what valid [Options] mean.
type Settings struct {
	Sources  []string // sorted, unique, not empty
	Provider string
	Filter   dns.Filter
	Policy   string     // sync, upsert-only or create-only
	Types    []dns.Type // sorted, unique, not empty
	Owned    bool       // claims are kept; if not, Owner and the affixes mean nothing
	Owner    string
	Prefix   string
	Suffix   string
	Wildcard string
	Pacing   controller.Pacing
	Batch    dns.BatchSize

	MaxDeletes  plan.Limit
	DeleteGrace time.Duration
}

// Settings judges the options and returns what they mean, or an [Error].
func (o *Options) Settings() (Settings, error) {
	s := Settings{
		Sources:  slices.Compact(slices.Sorted(slices.Values(o.Sources))),
		Provider: o.Provider,
		Policy:   o.Policy,
		Owned:    o.Registry == "txt",
		Owner:    o.OwnerID,
		Prefix:   o.TXTPrefix,
		Suffix:   o.TXTSuffix,
		Wildcard: o.TXTWildcard,
		Batch:    o.batch(),
	}
	if s.Policy == "" {
		s.Policy = "upsert-only"
	}
	if err := o.checkChoice(); err != nil {
		return Settings{}, err
	}
	if err := o.checkOwnership(); err != nil {
		return Settings{}, err
	}
	if err := o.checkDeletions(&s); err != nil {
		return Settings{}, err
	}
	if err := o.checkConsole(); err != nil {
		return Settings{}, err
	}
	if o.Timeout < 0 {
		return Settings{}, errorf("write a time such as 10m, or 0 for as long as it takes", "--timeout: %s is less than nothing", o.Timeout)
	}
	var err error
	if s.Pacing, err = o.pacing(); err != nil {
		return Settings{}, err
	}
	if s.Filter, err = o.filter(); err != nil {
		return Settings{}, err
	}
	if s.Types, err = o.types(); err != nil {
		return Settings{}, err
	}
	return s, nil
}

// filter returns which names are published. As with ExternalDNS an expression
// takes the lists' place.
func (o *Options) filter() (dns.Filter, error) {
	if o.RegexFilter != "" || o.RegexExclusion != "" {
		f, err := dns.NewRegexFilter(o.RegexFilter, o.RegexExclusion)
		if err != nil {
			return f, errorf(`write an expression of RE2, such as \.example\.com$`, "--regex-domain-filter or --regex-domain-exclusion: %w", err)
		}
		return f, nil
	}
	f, err := dns.NewFilter(o.DomainFilter, o.ExcludeDomains)
	if err != nil {
		return f, errorf("write domains such as example.com", "--domain-filter or --exclude-domains: %w", err)
	}
	return f, nil
}

func (o *Options) checkChoice() error {
	var missing, hints []string
	if len(o.Sources) == 0 {
		missing = append(missing, "--source")
		hints = append(hints, "--source=service --source=ingress")
	}
	if o.Provider == "" {
		missing = append(missing, "--provider")
		hints = append(hints, "--provider=aws")
	}
	if len(missing) == 0 {
		return nil
	}
	return errorf("add "+strings.Join(hints, " "), "missing: %s", strings.Join(missing, " and "))
}

// checkDeletions reads when deletions wait.
func (o *Options) checkDeletions(s *Settings) error {
	for _, id := range o.Approve {
		if err := checkApproval(id); err != nil {
			return fmt.Errorf("--approve: %w", err)
		}
	}
	if s.DeleteGrace = o.DeleteGrace; o.DeleteGrace < 0 {
		return errorf("write a time such as 10s, or 0", "--delete-grace: %s is less than nothing", o.DeleteGrace)
	}
	if o.MaxDeletes == "" {
		return nil
	}
	var err error
	if s.MaxDeletes, err = plan.ParseLimit(o.MaxDeletes); err != nil {
		return errorf("write a share such as 30%, a number such as 25 (0: none without being asked), or unlimited", "--max-deletes: %w", err)
	}
	return nil
}

// checkConsole judges the metrics' address, which --once does not serve: what it
// accepts must work without it too.
func (o *Options) checkConsole() error {
	_, port, err := net.SplitHostPort(o.MetricsAddress)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return errorf("write :PORT or ADDRESS:PORT, such as :7979", "--metrics-address: %q is no address to serve at", o.MetricsAddress)
	}
	return nil
}

// checkOwnership holds the owner id to what a claim can carry.
func (o *Options) checkOwnership() error {
	if o.TXTPrefix != "" && o.TXTSuffix != "" {
		return errorf("keep the one that the zone's TXT record sets were made with",
			"--txt-prefix and --txt-suffix exclude each other")
	}
	if o.Registry != "txt" {
		return nil
	}
	if err := claim.ValidateOwner(o.OwnerID); err != nil {
		return ownerError("txt-owner-id", o.OwnerID, err)
	}
	return nil
}

func ownerError(flag, owner string, err error) error {
	hint := "any other text will do that tells this deployment from others in the same zone, such as the cluster's name"
	if strings.HasSuffix(owner, "\n") {
		hint = "does it come from a file or Secret that ends in a line end?"
	}
	return errorf(hint, "--%s: %w", flag, err)
}

// types returns the managed types that are not excluded.
func (o *Options) types() ([]dns.Type, error) {
	known := []string{"A", "AAAA", "CAA", "CNAME", "DNAME", "MX", "NAPTR", "NS", "PTR", "SRV", "TXT"}
	check := func(flag string, types []string) error {
		for _, t := range types {
			if slices.Contains(known, t) {
				continue
			}
			hint := "the types are " + strings.Join(known, ", ")
			if upper := strings.ToUpper(t); slices.Contains(known, upper) {
				hint = "write it in capitals: --" + flag + "=" + upper
			}
			return errorf(hint, "--%s: %q is no type of record set", flag, t)
		}
		return nil
	}
	if err := check("managed-record-types", o.ManagedTypes); err != nil {
		return nil, err
	}
	if err := check("exclude-record-types", o.ExcludeTypes); err != nil {
		return nil, err
	}
	var types []dns.Type
	for _, t := range o.ManagedTypes {
		if !slices.Contains(o.ExcludeTypes, t) {
			types = append(types, dns.Type(t))
		}
	}
	if len(types) == 0 {
		return nil, &Error{
			Err:  fmt.Errorf("no type of record set is left to manage"),
			Hint: "take some away from --exclude-record-types, or leave --managed-record-types out for A, AAAA and CNAME",
		}
	}
	slices.Sort(types)
	return slices.Compact(types), nil
}
