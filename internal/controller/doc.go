// Package controller is the loop: objects come in, their intents are kept in an
// index by owner name, and the names that an event touches are planned and
// written by the worker of each zone that holds them.
//
// It hides the order of things at start (nothing is planned before every kind
// has been read or is known to be unreadable), the window that makes one batch
// of a burst, the passes over whole zones that repair drift, and who has been
// told what. After the start no error of the data or of the provider ends the
// loop: it is reported, and tried again.
//
// The package may import every room but cli, console and emulator.
//
//	c := controller.New(controller.Config{Feed: feed, Deriver: deriver, Provider: p, Rules: rules, Log: log})
//	err := c.Run(ctx)             // until ctx ends
//	report, err := c.Once(ctx)    // one pass
package controller
