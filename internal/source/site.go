package source

import (
	"fmt"
	"net/netip"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Targets that stand for the address under which the world sees the site of the cluster, say that of an office's line.
const (
	publicIPv4 = "public-ip"
	publicIPv6 = "public-ipv6"
)

// siteName is the name of the only object of each kind of address.
const siteName = "site"

// PublicAddress is the address of one family under which the world sees the site. No API server knows it: a [Lookup]
// answers with it where that is asked for [PublicIPv4] or [PublicIPv6].
type PublicAddress struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Addr              netip.Addr `json:"addr"`
}

// PublicIPv4 is the kind of the object that holds the site's IPv4 address.
func PublicIPv4() schema.GroupVersionKind { return siteGroup().WithKind("PublicIPv4") }

// PublicIPv6 is the kind of the object that holds the site's IPv6 address.
func PublicIPv6() schema.GroupVersionKind { return siteGroup().WithKind("PublicIPv6") }

func siteGroup() schema.GroupVersion {
	return schema.GroupVersion{Group: "signpost.dev", Version: "v1"}
}

// NewPublicAddress returns the object of the kind that holds an address.
func NewPublicAddress(kind schema.GroupVersionKind, addr netip.Addr) *PublicAddress {
	a := &PublicAddress{Addr: addr}
	a.SetName(siteName)
	a.SetGroupVersionKind(kind)
	return a
}

// DeepCopyObject implements [runtime.Object].
func (a *PublicAddress) DeepCopyObject() runtime.Object {
	c := *a
	a.DeepCopyInto(&c.ObjectMeta)
	return &c
}

// site takes those of the values out that stand for the site's addresses, and puts the addresses to the targets. While
// one is not known it cannot be told what the object wants.
func (r *draft) site(t *targets, values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(value string) bool {
		kind := PublicIPv4()
		switch value {
		case publicIPv4:
		case publicIPv6:
			kind = PublicIPv6()
		default:
			return false
		}
		address, ok, err := get[*PublicAddress](r.look, kind, "", siteName)
		switch {
		case ok:
			t.addresses = append(t.addresses, address.Addr)
		case err == nil:
			r.cannotTell(fmt.Errorf("%s: the site's address is not known", value))
		default:
			r.cannotTell(fmt.Errorf("%s: the site's address is not known: %w", value, err))
		}
		return true
	})
}
