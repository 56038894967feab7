// Package expose lets the world reach Services on the addresses of nodes, without a load balancer.
//
// It hides which nodes are chosen, in which order addresses, ports and names change hands, and what of it is kept on
// the Service. As in a plan, what to do is computed first, from what stands and what is asked for, and then done:
//
//	asks + nodes + what the Services note ──decide──▶ members of each Service ──▶ firewall opens
//	──▶ Service is written ──▶ DNS follows the Service ──▶ (TTL) ──▶ Service is written ──▶ firewall closes
//
// What holds: a name never points at a node whose port is not open and which the Service does not know; a port is open
// only while a Service asks for it, since a finalizer keeps a deleted one until the port is closed, and for some minutes
// when one vanishes otherwise; nothing is taken from a Service because nothing fit is known; everything needed to go on after a crash stands on the Service,
// whose author may edit it, and so opens nothing but nodes of the cluster.
//
// Deciding is pure. [Controller] reads and writes Services; a [Firewall] is ec2 or [None]. It may import plan and
// Kubernetes packages.
package expose
