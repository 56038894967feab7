// Package events tells people who look at an object what became of it, by
// Kubernetes Events (events.k8s.io/v1): "kubectl describe" shows them.
//
// It hides the client, which has its own rate limit and connection pool so that
// a flood of Events keeps nothing else waiting, the queue before it, and what to
// do with each failure. What holds:
//
//   - [Recorder.Tell] never waits: what finds no room in the queue is counted and
//     dropped, good news before bad;
//   - good news (changed record sets) is only told where [Options] ask for it, and
//     at most 10 times a second: what comes faster waits in the queue;
//   - what was told within the last minutes about the same object in the same
//     words becomes one Event that counts. client-go's own recorder is not used
//     since it counts all of one reason as one Event, with the words of the first;
//   - that Events are forbidden (403) is logged once, with the rule that is
//     missing, and ends nothing.
//
// Who decides that something is news is the caller: each thing once, until it
// changes. The package may import Kubernetes' libraries and the logger, and no
// other room.
//
//	r, err := events.Open(options, config, self, log)
//	go r.Run(ctx)
//	r.Tell(events.Note{About: ref, Reason: "NotOwned", Action: "Refused", Text: "..."})
package events
