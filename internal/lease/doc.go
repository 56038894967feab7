// Package lease lets one process of several write. The replicas of a deployment
// contend for a Lease of the Kubernetes API (coordination.k8s.io/v1); the one
// that holds it leads, the others stand by. The package hides client-go's leader
// election, what it leaves open, and how each failure of the API server is met.
//
// What holds for all contenders together:
//
//   - one at a time holds the lease, by [Lease.Check]. A leader that cannot renew
//     stops being the holder [Slack] and more before anybody else may become it,
//     counted from before its last renewal was sent; neither a late answer nor a
//     process that was frozen changes that;
//   - a leader that ends finishes its work first, then gives the lease up, and a
//     standby has it within little more than a second; one that is killed is
//     replaced within 15 seconds;
//   - what is no refusal of permission never makes a process write alone: it
//     waits, and says once why;
//   - where the API server forbids leases (403) the process writes alone, warns
//     with the rule that is missing, and joins the others when it may.
//
// Whoever deletes the Lease changes nothing: its holder writes it again, and who
// knew of a holder waits for as long as a lease lasts. Two exceptions are a
// person's to make: who has not read the Lease since its holder took it or made it
// again (a process that starts in the moment after the deletion) waits for nobody,
// and a holder whose name is struck out of it learns that with its next renewal.
//
// What stands on the Lease besides is a [Board]: people approve there, and a holder
// leaves there what the next must know.
//
// The package may import Kubernetes' libraries and the logger, and no other room.
//
//	l, err := lease.Open(options, config, lease.Name(owner, provider), log)
//	err = l.Run(ctx, func(ctx context.Context) error {
//		for batch := range batches(ctx) {
//			if err := l.Check(4 * time.Second); err != nil {
//				return err
//			}
//			write(batch) // in less than 4 s + lease.Slack
//		}
//		return nil
//	})
package lease
