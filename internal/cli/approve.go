package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	coordination "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"

	"github.com/signpost-dns/signpost/internal/lease"
	"github.com/signpost-dns/signpost/internal/objects"
)

// approveCommand leaves an approval where a Signpost finds it.
type approveCommand struct {
	IDs        []string      `arg:"" name:"id" help:"ID of the held deletions, ten digits and letters from a to f."`
	Objects    string        `name:"objects" group:"objects" placeholder:"DIR" help:"The directory of manifests that the running Signpost reads, if it reads one."`
	Kubeconfig string        `name:"kubeconfig" group:"objects" placeholder:"FILE" help:"Connect to the cluster of this kubeconfig file. Without it: $$KUBECONFIG, else ~/.kube/config if it exists, else the cluster around this process."`
	Server     string        `name:"server" group:"objects" placeholder:"URL" help:"Address of the API server, in place of the kubeconfig's."`
	Lease      lease.Options `embed:""`
}

func approveWord() command {
	return command{
		name:  "approve",
		brief: "let deletions go that are held because they are many",
		detail: `Where too much would be deleted in a zone at once, Signpost holds all deletions
there, and says under which ID. This approves them: exactly those that the ID
was made for, and only as long as nothing asks for them again. "signpost plan"
shows what is held, with its ID.

In a cluster the approval is an annotation on the Lease of the deployment that
holds the ID, which is looked for in all namespaces, or in that of
--lease-namespace. With --objects it is left in a file in that directory,
` + approvalName + `. A running Signpost looks every second while something is
held, one with --once at its next start, and takes the approval out when it has
acted on it. One that has no Lease and reads no manifests takes --approve=ID
among the arguments of "signpost run".`,
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
func (c *approveCommand) Run(ctx context.Context, call *call) error {
	if c.Objects == "" {
		return c.annotate(ctx, call)
	}
	if err := approvalsIn(c.Objects).add(c.IDs); err != nil {
		return errorf("it must be a directory in which you may write", "--objects=%s: %w", c.Objects, err)
	}
	return write(call.System, fmt.Sprintf("Approved. A running Signpost with --objects=%s acts on it at once,\n"+
		"and \"signpost run --once\" the next time.\n", c.Objects))
}

// otherwise says how else to approve.
func (c *approveCommand) otherwise() string {
	return "add --objects=DIR if it reads manifests from DIR; if it has no Lease, give --approve=" + strings.Join(c.IDs, " --approve=") +
		" to \"signpost run\", in a cluster among the arguments of its Deployment, and take it out afterwards"
}

// approveTime is how long the API server may take.
const approveTime = 30 * time.Second

// annotate leaves the approvals on the Leases under which they are held.
func (c *approveCommand) annotate(ctx context.Context, call *call) error {
	feed, err := objects.Open(objects.Options{Kubeconfig: c.Kubeconfig, Server: c.Server}, nil, call.log)
	if err != nil {
		return errorf(c.otherwise(), "the Signpost that shall delete is looked for in a cluster: %w", err)
	}
	cluster, ok := feed.(*objects.Cluster)
	if !ok {
		return errorf(c.otherwise(), "%s is no cluster", feed)
	}
	config := rest.CopyConfig(cluster.Config())
	config.Timeout = approveTime
	client, err := coordinationv1.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	leases, err := client.Leases(c.Lease.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=signpost"})
	switch {
	case apierrors.IsForbidden(err) && c.Lease.Namespace == "":
		return errorf("name its namespace with --lease-namespace, or use the kubectl command that it printed", "find the Lease under which it is held: %w", err)
	case err != nil:
		return errorf(c.otherwise(), "find the Lease under which it is held: %w", err)
	}
	for _, id := range c.IDs {
		held, err := c.holder(leases.Items, id)
		if err != nil {
			return err
		}
		if err := approveOn(ctx, client, held, id); err != nil {
			return errorf("your user needs the verb patch on this Lease", "approve %s on the Lease %s/%s: %w", id, held.Namespace, held.Name, err)
		}
		if err := write(call.System, fmt.Sprintf("Approved %s on the Lease %s/%s. Its holder acts on it within seconds.\n", id, held.Namespace, held.Name)); err != nil {
			return err
		}
	}
	return nil
}

// holder returns the Lease of the deployment that holds an ID.
func (c *approveCommand) holder(leases []coordination.Lease, id string) (*coordination.Lease, error) {
	var all []string
	for i, l := range leases {
		if c.Lease.Name != "" && l.Name != c.Lease.Name {
			continue
		}
		states, err := parseGuards(l.Annotations[guardKey])
		if err != nil {
			continue // nothing is held there that anybody can read
		}
		for _, s := range states {
			if s.ID == id {
				return &leases[i], nil
			}
			if s.ID != "" {
				all = append(all, s.ID+" by "+l.Namespace+"/"+l.Name)
			}
		}
	}
	if len(all) == 0 {
		return nil, errorf(c.otherwise(), "no Signpost with a Lease holds %s, or any other deletions", id)
	}
	slices.Sort(all)
	return nil, errorf(c.otherwise(), "no Signpost with a Lease holds %s; what is held: %s", id, strings.Join(all, ", "))
}

// approveOn adds an ID to what is approved on a Lease.
func approveOn(ctx context.Context, client coordinationv1.LeasesGetter, l *coordination.Lease, id string) error {
	ids := splitIDs(l.Annotations[approveKey])
	if !slices.Contains(ids, id) {
		ids = append(ids, id)
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{approveKey: joinIDs(ids)}}})
	if err != nil {
		return fmt.Errorf("write the annotation: %w", err)
	}
	changed, err := client.Leases(l.Namespace).Patch(ctx, l.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return err
	}
	l.Annotations = changed.Annotations
	return nil
}

// checkApproval refuses what is no ID of a hold.
func checkApproval(id string) error {
	if regexp.MustCompile(`^[0-9a-f]{10}$`).MatchString(id) {
		return nil
	}
	return errorf(`it is ten digits and letters from a to f; "signpost plan" shows it`, "%q is no ID of held deletions", id)
}
