// Package simulation lets Signpost live in random worlds, in virtual time: hours of faults in a second.
//
// A world is Route 53 (internal/emulator), a Kubernetes API server (test/apiserver), one or two replicas of the real controller
// with the real provider, the real cache and the real lease, and everything that may happen to them: Ingresses and Services,
// behind load balancers, on nodes and headless, come, change and go; names collide; people and other owners edit the zones;
// calls are throttled, refused, cut off before and after they take effect, or arrive when nobody waits for them any more; the
// API server is down, silent, slow, forbids, or shows empty lists; leases cannot be renewed; processes are killed at any time,
// also in the middle of a write, and begin anew.
//
// In a third of the worlds nodes are EC2 instances, and processes expose Services on them (--expose) beside the rest and
// under the same lease: such Services come, change their ports, are withdrawn and deleted; nodes become unfit, move and go;
// people edit security groups; EC2 throttles, denies, fails, and cuts calls off before and after they take effect.
//
// After every call that changes a zone:
//
//   - only what was ours by its claim was changed or deleted, or had lost just its claim and was as its object wants it beside another
//     set of ours; and no claim but ours was touched. A claim at the very name of a set, as old versions of ExternalDNS wrote them,
//     claims it, unless the set stands whose claim it is by its name in the format of today;
//   - every set that was written has its claim, and no set lost its claim and stayed;
//   - what went had a cause: no object wanted it, at a time that the process could still have had before its eyes; the object that
//     its claim named was not unknown, nor its kind unreadable;
//   - no more went in ten minutes than the guard lets go, but for what a person approved: also when lists came back empty, and with a Lease
//     all leaders together;
//   - nobody else held the lease.
//
// After every call that changes a zone, a security group or an exposed Service:
//
//   - no address that exposure publishes for a Service, or did until a TTL ago, and that resolvers may have from a zone,
//     belongs to a node whose port is not open from everywhere. Excused is what is closed within 10 minutes after people
//     changed a security group or the Service's port, and where replicas write side by side since leases are denied them, and
//     from then on until it is seen open again; so is, while lists of Services come back empty or did until 2 minutes ago, what
//     is closed after 15 minutes of that, or when a process began meanwhile, or for a Service that was withdrawn; and an
//     instance that is gone. A Service that is deleted is closed at once. An address that still stands in a zone a TTL after
//     the Service gave it up, since the zone could not be written, may be closed.
//
// When all trouble has ended, the zones are as the objects say within 15 minutes and 300 calls, by a model of their own (see
// judgement), and then nothing is written and at most 10 calls a minute are made. No port is open, and no instance in a
// security group, without a Service that asks for it there; every Service is on as many fit nodes as it can be; those that
// were deleted are gone.
//
// What it does not assert: what calls of EC2 do that arrive when nobody waits for them any more, since EC2 compares nothing
// before it swaps; the order of writes that arrive after their process has given them up (compare-and-swap must suffice for
// them, and the first three points hold for them too); which of several contradicting objects gets a name, but that one of
// them does, or that two who agreed before keep a part each; what is to happen at names that something foreign obstructs,
// but that it stays. The planner's own rules have their own tests.
//
// A world is made from a seed. What happens in it, and when, is the same each time; how goroutines interleave is not, so that a
// replay may need more than one try:
//
//	go test ./test/simulation -run TestSimulation -seed=1044 -hours=6 -journal -v
//	make soak
package simulation
