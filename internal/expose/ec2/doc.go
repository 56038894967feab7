// Package ec2 is the firewall of EC2 instances: one security group in each VPC that the cluster's exposed nodes are in.
//
// It hides EC2's API, its limits, and the groups that openfresh/external-ips made, one for each Service, which it takes
// over. Invariants: only groups with our tag, and those of external-ips for this cluster, are touched; in ours only
// rules that bear our description; what opens comes before what closes; when nothing changed it takes two calls.
//
// It speaks EC2's query protocol (version 2016-11-15) with the SDK's credentials and signatures: the SDK's own client
// of EC2 has some 700 operations, none of which the linker can drop. It may import expose and the AWS SDK.
package ec2
