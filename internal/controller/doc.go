// Package controller is the loop: objects come in, their intents are kept in an
// index by owner name, and the names that an event touches are planned and
// written by the keeper of each zone that holds them.
//
// It hides the order of things at start (nothing is planned before every kind
// has been read or is known to be unreadable), the window that makes one batch
// of a burst, the rounds through the zones that repair drift, the names that are
// owed since they were tried in vain, which of several zones holds a name, and who
// has been told what. After the start no error of the data or of the provider
// ends the loop: it is reported, and tried again after pauses that grow.
//
// One goroutine, that of Run, takes events and lists of zones; each zone has one
// more, a keeper, which plans and writes, so that no zone waits for another. The
// lock of the [Controller] guards what keepers read to plan; no call to the
// service is made under it. What a live change costs depends on the names that it
// touches, neither on the size of a zone nor on the number of zones or objects.
//
// The package may import every room but claim, cli, console and emulator.
//
//	c := controller.New(controller.Config{Feed: feed, Deriver: deriver, Provider: p, Rules: rules, Log: log})
//	err := c.Run(ctx)             // until ctx ends
//	report, err := c.Once(ctx)    // one pass
package controller
