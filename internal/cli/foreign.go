package cli

import (
	"fmt"
	"slices"
	"strings"
)

// foreignFlag is a flag that ExternalDNS has or had and that Signpost does not
// act on. Treatment follows from what would happen without it: it is refused if
// other records would be wanted, or other zones written to, else accepted with one warning.
type foreignFlag struct {
	name    string
	bool    bool // takes no value
	refused bool
	why     string // why it can be passed over
}

// foreignFlags is the one table of such flags.
func foreignFlags() []foreignFlag {
	return []foreignFlag{
		{name: "txt-new-format-only", bool: true, why: "claims have the newer names anyway"},
		{name: "cli-backend", why: "there is only one"},

		// Pace and caching: Signpost reads a zone once and writes what changes.
		{name: "min-event-sync-interval", why: "changes are acted on as they come"},
		{name: "txt-cache-interval", why: "a zone is not read again for every change"},
		{name: "provider-cache-time", why: "a zone is not read again for every change"},
		{name: "aws-zones-cache-duration", why: "a zone is not read again for every change"},
		{name: "aws-batch-change-size", why: "batches follow Route 53's own limits"},
		{name: "aws-batch-change-size-bytes", why: "batches follow Route 53's own limits"},
		{name: "aws-batch-change-size-values", why: "batches follow Route 53's own limits"},
		{name: "aws-batch-change-interval", why: "the pace follows what Route 53 allows"},
		{name: "aws-api-retries", why: "retries follow what Route 53 answers"},
		{name: "kube-api-qps", why: "objects are watched, not asked for"},
		{name: "kube-api-burst", why: "objects are watched, not asked for"},
		{name: "kube-api-request-timeout", why: "objects are watched, not asked for"},
		{name: "request-timeout", why: "objects are watched, not asked for"},
		{name: "listen-endpoint-events", bool: true, why: "everything that is read is watched"},

		{name: "compatibility", refused: true},
		{name: "nat64-networks", refused: true},
		{name: "create-ptr", bool: true, refused: true},
		{name: "rfc2136-create-ptr", bool: true, refused: true},
		{name: "fqdn-template", refused: true},
		{name: "target-template", refused: true},
		{name: "fqdn-target-template", refused: true},
		{name: "combine-fqdn-annotation", bool: true, refused: true},
		{name: "ignore-hostname-annotation", bool: true, refused: true},
		{name: "default-targets", refused: true},
		{name: "force-default-targets", bool: true, refused: true},
		{name: "target-net-filter", refused: true},
		{name: "exclude-target-net", refused: true},
		{name: "prefer-alias", bool: true, refused: true},
		{name: "regex-domain-filter", refused: true},
		{name: "regex-domain-exclusion", refused: true},
		{name: "publish-host-ip", bool: true, refused: true},
		{name: "always-publish-not-ready-addresses", bool: true, refused: true},
		{name: "resolve-service-load-balancer-hostname", bool: true, refused: true},
		{name: "expose-internal-ipv6", bool: true, refused: true},
		{name: "min-ttl", refused: true},
		{name: "txt-encrypt-enabled", bool: true, refused: true},
		{name: "txt-encrypt-aes-key", refused: true},
		{name: "migrate-from-txt-owner", refused: true},
		{name: "aws-assume-role", refused: true},
		{name: "aws-assume-role-external-id", refused: true},
		{name: "aws-profile", refused: true},
		{name: "aws-zone-tags", refused: true},
		{name: "aws-zone-match-parent", bool: true, refused: true},
		{name: "pod-source-domain", refused: true},
		{name: "gateway-name", refused: true},
		{name: "gateway-namespace", refused: true},
		{name: "gateway-label-filter", refused: true},
	}
}

// refuses reports whether this value of the flag must end the start. Off and
// empty mean the same as not given, whatever the flag.
func (f foreignFlag) refuses(value string) bool {
	if f.bool && parseBool(value) == no {
		return false
	}
	return f.refused && value != ""
}

func (f foreignFlag) refusal(from string) error {
	flag := "--" + f.name
	if from != "" {
		flag += " (from " + from + ")"
	}
	return errorf("without it Signpost would do something else than ExternalDNS did, so that it does not start; "+
		"leave it out if nothing depends on it", "%s is not in Signpost yet", flag)
}

// foreign reads a flag of that table.
func (s *scan) foreign(name, value string, hasValue bool) (handled bool, err error) {
	if !s.model.controller() {
		return false, nil
	}
	table := foreignFlags()
	find := func(name string) int {
		return slices.IndexFunc(table, func(f foreignFlag) bool { return f.name == name })
	}
	i := find(name)
	if i < 0 {
		bare, negated := strings.CutPrefix(name, "no-")
		if i = find(bare); !negated || i < 0 || !table[i].bool {
			return false, nil
		}
		value, hasValue = "false", true
	}
	f := table[i]
	switch {
	case f.bool && !hasValue:
		value = "true"
	case !hasValue:
		if value, err = s.next("--" + name); err != nil {
			return false, err
		}
	}
	if f.refuses(value) {
		return false, f.refusal("")
	}
	if warning := fmt.Sprintf("--%s has no effect: %s", f.name, f.why); !f.refused && !slices.Contains(s.warnings, warning) {
		s.warnings = append(s.warnings, warning)
	}
	return true, nil
}

// foreignValue explains a value that ExternalDNS has or had and Signpost has
// not; "" if ExternalDNS never had it either.
func foreignValue(flag, value string) string {
	known := map[string]string{
		"source": "node pod crd gateway-httproute gateway-grpcroute gateway-tlsroute gateway-tcproute gateway-udproute " +
			"unstructured fake empty ambassador-host connector contour-httpproxy contour-ingressroute cloudfoundry " +
			"f5-transportserver f5-virtualserver gloo-proxy istio-gateway istio-virtualservice kong-tcpingress " +
			"openshift-route skipper-routegroup traefik-proxy",
		"provider": "google rfc2136 webhook inmemory alibabacloud aws-sd azure azure-dns azure-private-dns civo cloudflare " +
			"coredns skydns dnsimple exoscale godaddy linode ns1 oci ovh pdns pihole scaleway digitalocean akamai plural " +
			"transip gandi ibmcloud tencentcloud ultradns designate rdns bluecat dyn infoblox rcodezero safedns vinyldns vultr hetzner",
		"registry": "aws-sd crd dynamodb",
	}
	if !slices.Contains(strings.Fields(known[flag]), value) {
		return ""
	}
	switch flag {
	case "source":
		return "leave it out only if its records may go: under --policy=sync they are deleted"
	case "registry":
		return "ownership is kept in TXT records (--registry=txt), or nowhere (--registry=noop); " +
			"records that another registry marks are not taken for ours"
	}
	return "ExternalDNS can stay for the zones of " + value + ", beside Signpost"
}

// chartValue returns the value of ExternalDNS's Helm chart that always becomes
// this flag, which therefore cannot stand in extraArgs as well; "" if none does.
func chartValue(flag string) string {
	return map[string]string{
		"log-level":  "logLevel",
		"log-format": "logFormat",
		"interval":   "interval",
		"policy":     "policy",
		"registry":   "registry",
		"provider":   "provider.name",
	}[flag]
}
