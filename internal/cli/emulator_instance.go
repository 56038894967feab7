package cli

import (
	"net/netip"
	"os"
	"strings"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// instanceOptions make the emulator an EC2 instance's metadata service too, and give the account roles.
type instanceOptions struct {
	Instance     bool     `name:"instance" group:"instance" help:"Answer instance metadata, version 2, for AWS_EC2_METADATA_SERVICE_ENDPOINT."`
	PublicIPv4   string   `name:"public-ipv4" group:"instance" placeholder:"ADDRESS" help:"The instance's public address."`
	IPv6         string   `name:"ipv6" group:"instance" placeholder:"ADDRESS" help:"Its IPv6 address."`
	InstanceRole string   `name:"instance-role" group:"instance" placeholder:"ROLE" help:"The role whose credentials it has: one of --role."`
	Hops         int      `name:"hops" group:"instance" default:"1" placeholder:"N" help:"How far the caller is; a pod without host network is 2 away, beyond the hop limit of 1."`
	Roles        []string `name:"role" group:"instance" sep:"none" comma:"ok" placeholder:"ROLE[=FILE]" help:"A role of the account, arn:aws:iam::123456789012:role/ROLE, held to the IAM policy in this JSON file. Repeatable."`
}

// host returns the instance that the flags describe; false if there is none.
func (o *instanceOptions) host() (h emulator.Host, ok bool, err error) {
	address := func(flag, text string, v4 bool) netip.Addr {
		if text == "" || err != nil {
			return netip.Addr{}
		}
		addr, bad := netip.ParseAddr(text)
		if bad != nil || addr.Is4() != v4 {
			err = errorf("write --public-ipv4=203.0.113.7 or --ipv6=2001:db8::7", "--%s: %q is no address of this family", flag, text)
		}
		return addr
	}
	h = emulator.Host{Role: o.InstanceRole, Hops: o.Hops,
		PublicIPv4: address("public-ipv4", o.PublicIPv4, true), IPv6: address("ipv6", o.IPv6, false)}
	if err == nil && o.Hops < 1 {
		err = errorf("write --hops=1 for a process of the instance itself", "--hops: %d is less than the instance itself", o.Hops)
	}
	return h, o.Instance, err
}

// prepare gives the server its roles and its instance.
func (o *instanceOptions) prepare(server *emulator.Server) error {
	for _, entry := range o.Roles {
		name, file, _ := strings.Cut(entry, "=")
		role := emulator.Role{Name: name}
		if file != "" {
			var err error
			if role.Policy, err = os.ReadFile(file); err != nil {
				return errorf("write --role=ROLE=policy.json", "--role: %w", err)
			}
		}
		if _, err := server.AddRole(role); err != nil {
			return errorf("write --role=ROLE=policy.json, the file holding a policy document of IAM as JSON", "--role: %w", err)
		}
	}
	h, ok, err := o.host()
	if err != nil || !ok {
		return err
	}
	if err := server.SetHost(h); err != nil {
		return errorf("add --role="+o.InstanceRole, "--instance-role: %w", err)
	}
	return nil
}
