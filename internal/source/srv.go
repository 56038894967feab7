package source

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/signpost-dns/signpost/internal/dns"
	"github.com/signpost-dns/signpost/internal/plan"
)

// ports asks for one SRV record set a protocol, with a record for each port that
// every Node listens on. Its service label is the Service's name, as ExternalDNS
// has it.
func (r *draft) ports(s *corev1.Service, host dns.Name) {
	if len(r.d.inside) > 0 || host.Wildcard() {
		return // --target-net-filter lets addresses through only, and "_x._tcp.*" matches nothing
	}
	for _, p := range s.Spec.Ports {
		if p.NodePort == 0 {
			continue
		}
		protocol := strings.ToLower(string(p.Protocol))
		if protocol == "" {
			protocol = "tcp"
		}
		name, err := dns.ParseName(fmt.Sprintf("_%s._%s.%s", s.Name, protocol, host))
		if err != nil {
			r.problem(plan.BadHostname, "no SRV record set for %s: %v", host.Host(), err)
			return
		}
		if r.srv == nil {
			r.srv = map[dns.Name][]string{}
		}
		r.srv[name] = append(r.srv[name], fmt.Sprintf("0 50 %d %s", p.NodePort, host))
	}
}
