package cli

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// approveCommand leaves an approval where a Signpost that reads manifests finds
// it.
type approveCommand struct {
	IDs     []string `arg:"" name:"id" help:"What to approve."`
	Objects string   `name:"objects" group:"objects" placeholder:"DIR" help:"The directory of manifests that the running Signpost reads."`
}

func approveWord() command {
	return command{
		name:  "approve",
		brief: "let deletions go that are held because they are many",
		detail: `Where too much would be deleted in a zone at once, Signpost holds all deletions
there, and says under which ID. This approves them: exactly those that the ID
was made for, and only as long as nothing asks for them again. "signpost plan"
shows what is held, with its ID.

The approval is left in the file ` + approvalName + ` in the directory of --objects.
A running Signpost looks there every second while something is held, and takes
the approval out when it has acted on it. Where objects come from an API server,
approve with --approve=ID among the arguments of "signpost run".`,
		new: func() runner { return &approveCommand{} },
	}
}

func (c *approveCommand) check() error {
	for _, id := range c.IDs {
		if err := checkApproval(id); err != nil {
			return err
		}
	}
	return nil
}

// Run leaves the approvals.
func (c *approveCommand) Run(_ context.Context, call *call) error {
	if c.Objects == "" {
		return errorf("add --objects=DIR if it reads manifests from DIR; else give --approve="+strings.Join(c.IDs, " --approve=")+
			" to \"signpost run\", in a cluster among the arguments of its Deployment, and take it out afterwards",
			"it is not known where the Signpost that shall delete reads its objects")
	}
	if err := approvalsIn(c.Objects).add(c.IDs); err != nil {
		return errorf("it must be a directory in which you may write", "--objects=%s: %w", c.Objects, err)
	}
	return write(call.System, fmt.Sprintf("Approved. A running Signpost with --objects=%s acts on it at once,\n"+
		"and \"signpost run --once\" the next time.\n", c.Objects))
}

// checkApproval refuses what is no ID of a hold.
func checkApproval(id string) error {
	if regexp.MustCompile(`^[0-9a-f]{10}$`).MatchString(id) {
		return nil
	}
	return errorf(`it is ten digits and letters from a to f; "signpost plan" shows it`, "%q is no ID of held deletions", id)
}
