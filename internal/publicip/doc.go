// Package publicip knows the public address of the host that it runs on, and publishes it without Kubernetes.
//
// It hides how an address is learned (a [Finder]: instance metadata, the host's interfaces, echo services), when it is
// believed ([Watch]), and how a name comes to point at it ([Publisher]): by a compare-and-swap that adopts what nobody
// claims, since a person named that very name, and refuses what somebody else does.
//
// What holds: no address is an answer of its own ([ErrNoAddress]) and differs from not knowing; neither ever deletes
// anything; an address that the internet cannot reach is never published. It may import dns, claim, plan and provider.
//
//	finder, err := publicip.New(publicip.Options{From: "auto"})
//	addr, err := finder.Find(ctx, publicip.IPv4)
//	p := publicip.Publisher{Provider: route53, ZoneID: "Z1", Owner: "publish-ip", TTL: 60, Naming: naming}
//	outcome, err := p.Publish(ctx, "registry.example.com.", map[publicip.Family]netip.Addr{publicip.IPv4: addr})
package publicip
