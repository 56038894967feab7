package cli

import "slices"

// foreignRow is one or several flags that share a fate. They are written as
// NAME or NAME:KIND, separated by blanks; see [foreignKind].
type foreignRow struct {
	flags string

	// One of these says what becomes of the flags.
	refused bool   // the start: without them other records would be wanted, or other zones written to
	why     string // they can be passed over
	of      string // they belong to a provider or source of ExternalDNS's that is refused by itself
	becomes string // the flag of ours that stands for them, or FLAG=VALUE
	hint    string // they are unknown, and this is what to write
}

// foreignRows is every flag that any release of ExternalDNS has or had, but for
// those that Signpost has in all builds. A flag that a command has itself is
// read as that command says, whatever stands here.
func foreignRows() []foreignRow {
	return slices.Concat(foreignWays(), foreignSources(), foreignProviders(), formerProviders())
}

// foreignWays are the flags of things that ExternalDNS does in another way.
func foreignWays() []foreignRow {
	return []foreignRow{
		{refused: true, flags: "webhook-server:bool"},

		{why: "everything that is read is watched", flags: "listen-endpoint-events:bool"},
		{why: "DNSEndpoints are read as externaldns.k8s.io/v1alpha1, as ExternalDNS does since 0.21", flags: "crd-source-apiversion crd-source-kind"},
		{why: "claims have the newer names anyway", flags: "txt-new-format-only:bool"},
		{why: "there is only one", flags: "cli-backend"},

		{becomes: "server", flags: "master"},
		{becomes: "log-level=debug", flags: "debug:bool"},
		{becomes: "aws-batch-change-size", flags: "aws-max-change-count:int"},
		{becomes: "create-ptr", flags: "rfc2136-create-ptr:bool"},
		{hint: "leave it out: without a kubeconfig the cluster around the process is used", flags: "in-cluster:bool"},
		{hint: "--domain-filter=DOMAIN chooses zones", flags: "zone"},
		{hint: "--metrics-address=:PORT serves /healthz too", flags: "health-port"},
	}
}

func foreignSources() []foreignRow {
	return []foreignRow{
		{of: "source unstructured", flags: "unstructured-resource:list"},
		{of: "source gloo-proxy", flags: "gloo-namespace:list"},
		{of: "source skipper-routegroup", flags: "skipper-routegroup-groupversion"},
		{of: "source connector", flags: "connector-source-server"},
		{of: "source openshift-route", flags: "openshift-router-name"},
		{of: "source traefik-proxy", flags: "traefik-enable-legacy:bool traefik-disable-new:bool traefik-disable-legacy:bool"},
		{of: "source istio-gateway", flags: "istio-ingress-gateway:list"},
		{of: "source contour-ingressroute", flags: "contour-load-balancer"},
		{of: "source cloudfoundry", flags: "cf-api-endpoint cf-username cf-password"},
	}
}

// foreignProviders are the flags of the DNS services that ExternalDNS has, and of where it keeps ownership.
func foreignProviders() []foreignRow {
	return []foreignRow{
		{of: "registry crd", flags: "crd-registry-namespace"},
		{of: "registry dynamodb", flags: "dynamodb-region dynamodb-table"},

		{of: "provider webhook", flags: "webhook-provider-url webhook-provider-read-timeout:duration webhook-provider-write-timeout:duration " +
			"webhook-provider-read-header-timeout:duration webhook-provider-idle-timeout:duration webhook-provider-max-body-size:int64"},
		{of: "provider google", flags: "google-project google-batch-change-size:int google-batch-change-interval:duration google-zone-visibility:|public|private"},
		{of: "provider rfc2136", flags: "rfc2136-host:list rfc2136-port:int rfc2136-zone:list rfc2136-insecure:bool rfc2136-tsig-keyname " +
			"rfc2136-tsig-secret rfc2136-tsig-secret-alg rfc2136-axfr:bool rfc2136-tsig-axfr:bool rfc2136-min-ttl:duration " +
			"rfc2136-gss-tsig:bool rfc2136-kerberos-username rfc2136-kerberos-password rfc2136-kerberos-realm rfc2136-batch-change-size:int " +
			"rfc2136-use-tls:bool rfc2136-skip-tls-verify:bool rfc2136-load-balancing-strategy:random|round-robin|disabled"},
		{of: "providers rfc2136 and pdns", flags: "tls-ca tls-client-cert tls-client-cert-key"},
		{of: "provider inmemory", flags: "inmemory-zone:list"},
		{of: "provider aws-sd", flags: "aws-sd-service-cleanup:bool aws-sd-create-tag:map"},
		{of: "provider alibabacloud", flags: "alibaba-cloud-config-file alibaba-cloud-zone-type:|public|private"},
		{of: "Azure providers", flags: "azure-config-file azure-resource-group azure-subscription-id azure-user-assigned-identity-client-id " +
			"azure-zones-cache-duration:duration azure-maxretries-count:int zone-name-filter:list"},
		{of: "provider cloudflare", flags: "cloudflare-proxied:bool cloudflare-custom-hostnames:bool " +
			"cloudflare-custom-hostnames-min-tls-version:1.0|1.1|1.2|1.3 " +
			"cloudflare-custom-hostnames-certificate-authority:google|ssl_com|lets_encrypt|none cloudflare-dns-records-per-page:int " +
			"cloudflare-regional-services:bool cloudflare-region-key cloudflare-record-comment cloudflare-zones-per-page:int " +
			"batch-change-size:int batch-change-interval:duration"},
		{of: "provider coredns", flags: "coredns-prefix coredns-strictly-owned:bool"},
		{of: "provider exoscale", flags: "exoscale-apienv exoscale-apizone exoscale-apikey exoscale-apisecret " +
			"exoscale-zones-cache-duration:duration exoscale-endpoint"},
		{of: "provider godaddy", flags: "godaddy-api-key godaddy-api-secret godaddy-api-ttl:int64 godaddy-api-ote:bool"},
		{of: "provider ns1", flags: "ns1-endpoint ns1-ignoressl:bool ns1-min-ttl:int"},
		{of: "provider oci", flags: "oci-config-file oci-compartment-ocid oci-zone-scope:|GLOBAL|PRIVATE oci-auth-instance-principal:bool " +
			"oci-zones-cache-duration:duration"},
		{of: "provider ovh", flags: "ovh-endpoint ovh-api-rate-limit:int ovh-enable-cname-relative:bool"},
		{of: "provider pdns", flags: "pdns-server pdns-server-id pdns-api-key pdns-skip-tls-verify:bool pdns-tls-enabled:bool"},
		{of: "provider pihole", flags: "pihole-server pihole-password pihole-tls-skip-verify:bool pihole-api-version"},
	}
}

// formerProviders are the flags of the DNS services that ExternalDNS once had.
func formerProviders() []foreignRow {
	return []foreignRow{
		{of: "provider akamai", flags: "akamai-serviceconsumerdomain akamai-client-token akamai-client-secret akamai-access-token " +
			"akamai-edgerc-path akamai-edgerc-section"},
		{of: "provider bluecat", flags: "bluecat-config-file bluecat-dns-configuration bluecat-dns-deploy-type bluecat-dns-server-name " +
			"bluecat-dns-view bluecat-gateway-host bluecat-root-zone bluecat-skip-tls-verify:bool"},
		{of: "provider digitalocean", flags: "digitalocean-api-page-size:int"},
		{of: "provider dyn", flags: "dyn-customer-name dyn-username dyn-password dyn-min-ttl:int"},
		{of: "provider ibmcloud", flags: "ibmcloud-config-file ibmcloud-proxied:bool"},
		{of: "provider infoblox", flags: "infoblox-grid-host infoblox-wapi-username infoblox-wapi-password infoblox-wapi-version infoblox-view " +
			"infoblox-fqdn-regex infoblox-name-regex infoblox-wapi-port:int infoblox-max-results:int infoblox-cache-duration:int " +
			"infoblox-ssl-verify:bool infoblox-create-ptr:bool"},
		{of: "provider plural", flags: "plural-cluster plural-provider"},
		{of: "provider rcodezero", flags: "rcodezero-txt-encrypt:bool"},
		{of: "provider tencentcloud", flags: "tencent-cloud-config-file tencent-cloud-zone-type"},
		{of: "provider transip", flags: "transip-account transip-keyfile"},
	}
}

// foreignValues returns the values that ExternalDNS's flags of choice have or
// had, separated by blanks; those that Signpost has are among them.
func foreignValues() map[string]string {
	return map[string]string{
		"source": "service ingress node pod crd gateway-httproute gateway-grpcroute gateway-tlsroute gateway-tcproute gateway-udproute " +
			"unstructured fake empty ambassador-host connector contour-httpproxy contour-ingressroute cloudfoundry " +
			"f5-transportserver f5-virtualserver gloo-proxy istio-gateway istio-virtualservice kong-tcpingress " +
			"openshift-route skipper-routegroup traefik-proxy",
		"provider": "aws google rfc2136 webhook inmemory alibabacloud aws-sd azure azure-dns azure-private-dns civo cloudflare " +
			"coredns skydns dnsimple exoscale gandi godaddy linode ns1 oci ovh pdns pihole scaleway digitalocean akamai plural " +
			"transip ibmcloud tencentcloud ultradns designate rdns bluecat dyn infoblox rcodezero safedns vinyldns vultr hetzner",
		"registry": "txt noop aws-sd crd dynamodb",
	}
}
