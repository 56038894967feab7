package cli

import (
	"fmt"
	"strings"
	"testing"
)

// What ExternalDNS refuses after its flags have been read, Signpost refuses
// before anything is opened, and says what to write instead. The first column is
// what ExternalDNS says.
func TestRefusalsOfExternalDNS(t *testing.T) {
	const selector, ptr = "write it like a kubectl label selector, for example team=web,env!=test", "--managed-record-types=PTR --managed-record-types=A"
	tests := []struct{ theirs, args, message, hint string }{
		{"FQDN Template must be set if ignoring annotations", "--ignore-hostname-annotation",
			"--ignore-hostname-annotation leaves no name to publish", "give --fqdn-template too"},
		{"txt-prefix and txt-suffix are mutual exclusive", "--registry=noop --txt-prefix=a --txt-suffix=b",
			"--txt-prefix and --txt-suffix exclude each other", "keep the one that the zone's TXT record sets were made with"},
		{"--label-filter does not specify a valid label selector", "--label-filter=!!",
			"--label-filter=!!: unable to parse requirement: found '!', expected: identifier", selector},
		{"--annotation-filter does not specify a valid label selector", "--annotation-filter=!!",
			"--annotation-filter=!!: unable to parse requirement: found '!', expected: identifier", selector},
		{"--annotation-prefix cannot be empty", "--annotation-prefix=",
			"--annotation-prefix is empty", "leave it out for both external-dns.kubernetes.io/ and external-dns.alpha.kubernetes.io/"},
		{"--annotation-prefix must end with '/'", "--annotation-prefix=dns.example.com",
			"--annotation-prefix=dns.example.com: a prefix is a domain with a slash at its end", "write it like external-dns.kubernetes.io/"},
		{"--kube-api-qps must be greater than 0", "--kube-api-qps=0",
			"--kube-api-qps: 0 is no limit that lets anything through", "leave it out for no limit"},
		{"--create-ptr requires PTR in --managed-record-types", "--create-ptr",
			"--create-ptr needs PTR among --managed-record-types", "add --managed-record-types=PTR, beside the types that are managed already"},
		{`--fqdn-template[0] "…": template: …`, "--fqdn-template={{.Name",
			"template: --fqdn-template:1: unclosed action", "write a Go template, for example {{.Name}}.example.com"},
		{`unsupported service type filter: "…"`, "--service-type-filter=LoadBalancers", "--service-type-filter=LoadBalancers: no such Service type",
			"choose from ClusterIP, NodePort, LoadBalancer and ExternalName, one a flag; case matters"},
		{"--ingress-class is mutually exclusive with the kubernetes.io/ingress.class annotation filter",
			"--ingress-class=a --annotation-filter=kubernetes.io/ingress.class=a",
			"--ingress-class and --annotation-filter on kubernetes.io/ingress.class exclude each other", "keep --ingress-class, it reads that annotation too"},
		{"NAT64 prefixes need to be /96 prefixes", "--nat64-networks=64:ff9b::/64",
			"--nat64-networks: a NAT64 network is one of IPv6 with 96 bits", "write it like 64:ff9b::/96"},
		{"failed to create NAT64 source wrapper", "--nat64-networks=64:ff9b::",
			"--nat64-networks=64:ff9b:: is no network", "write networks such as 192.0.2.0/24 or 2001:db8::/32, one a flag"},
		{"the AES Encryption key must be 32 bytes long", "--txt-encrypt-aes-key=short",
			"--txt-encrypt-aes-key: want 32 octets, as they are or in base64",
			"give the key that ExternalDNS was given; does it come from a file or Secret that ends in a line end?"},
		{"the AES Encryption key must be set when TXT record encryption is enabled", "--txt-encrypt-enabled",
			"--txt-encrypt-enabled: the key is missing with which claims are encrypted", "add --txt-encrypt-aes-key=KEY, or leave --txt-encrypt-enabled out"},
		// What it lets pass, and then does not do.
		{"", "--target-net-filter=10.0.0.0/99", "--target-net-filter=10.0.0.0/99 is no network",
			"write networks such as 192.0.2.0/24 or 2001:db8::/32, one a flag"},
		{"", "--managed-record-types=A,AAAA", `--managed-record-types: "A,AAAA" holds a comma, and lists are not split at commas`,
			"give the flag once for each value: --managed-record-types=A --managed-record-types=AAAA"},
		{"", "--domain-filter=a.example,b.example", `--domain-filter: "a.example,b.example" holds a comma, and lists are not split at commas`,
			"give the flag once for each value: --domain-filter=a.example --domain-filter=b.example"},
		{"", "--default-targets=a..b", "--default-targets=a..b: a label is empty (two dots in a row, or a dot at the start)",
			"write an address or a host name, one a flag"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			_, err := judge(append(strings.Fields(tt.args), "--source=service", "--provider=aws"), nil)
			if all := apart(err); err != nil && len(all) == 1 {
				err = all[0]
			}
			wantError(t, err, tt.message, tt.hint)
		})
	}
	for _, fine := range []string{
		"--create-ptr " + ptr,
		"--registry=noop --txt-owner-id= --txt-encrypt-enabled --txt-encrypt-aes-key=short",
		"--policy=", // its own word, where ours is upsert-only
		"--source=ingress --source=ingress",
		"--managed-record-types=CAA --managed-record-types=DNAME --managed-record-types=MX --managed-record-types=NAPTR --exclude-record-types=SRV",
	} {
		if _, err := judge(append(strings.Fields(fine), "--source=service", "--provider=aws"), nil); err != nil {
			t.Errorf("%s: %v", fine, err)
		}
	}
}

// All that is wrong is told at once where that is possible, each with its remedy.
func TestSeveralMistakes(t *testing.T) {
	_, err := judge(strings.Fields("--source=service --provider=aws --label-filter=!! --force-default-targets --service-type-filter=x"), nil)
	var said []string
	for _, one := range apart(err) {
		if hintOf(one) == "" {
			t.Errorf("%v has no hint", one)
		}
		flag, _, _ := strings.Cut(one.Error(), " ")
		said = append(said, flag)
	}
	if got, want := fmt.Sprint(said), "[--label-filter=!!: --service-type-filter=x: --force-default-targets]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
