package e2e

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/signpost-dns/signpost/internal/emulator"
)

// move has the world be seen from an instance with this address.
func (w *world) move(addr string) {
	w.t.Helper()
	if err := w.aws.SetHost(emulator.Host{PublicIPv4: netip.MustParseAddr(addr)}); err != nil {
		w.t.Fatal(err)
	}
}

// container returns what starts a container of an example, on an instance and in the zone of the world.
func (w *world) container(c corev1.Container) *exec.Cmd {
	w.t.Helper()
	path, err := program()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(w.t.Context(), path)
	cmd.Env = slices.Clone(w.env)
	for _, v := range w.env {
		if url, ok := strings.CutPrefix(v, "AWS_ENDPOINT_URL="); ok {
			cmd.Env = append(cmd.Env, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+url)
		}
	}
	for _, e := range c.Env {
		if e.ValueFrom == nil {
			cmd.Env = append(cmd.Env, e.Name+"="+strings.ReplaceAll(e.Value, "R53ZONEIDHERE", w.zone))
		}
	}
	for _, arg := range c.Args {
		cmd.Args = append(cmd.Args, strings.ReplaceAll(arg, "$(NODE_NAME)", "n1"))
	}
	return cmd
}

// example applies a manifest, and reads its Deployment or DaemonSet back from the API server.
func (w *world) example(file, object string, into any) {
	w.t.Helper()
	w.Apply(strings.ReplaceAll(readFile(w.t, file), "namespace: kube-system", "namespace: "+w.Name))
	switch o := into.(type) {
	case *appsv1.Deployment:
		w.Get(object, o)
	case *appsv1.DaemonSet:
		w.Get(object, o)
	}
}

// The docker registry of route53-updater's user: its record set is taken over, follows the Pod to another node, and no
// controller deletes it.
func TestDockerRegistry(t *testing.T) {
	w := newWorld(t)
	w.policy(strings.ReplaceAll(readFile(t, "../../deploy/iam/one-zone-without-list.json"), "Z0123456789EXAMPLE", w.zone))
	w.edit(w.zone, "CREATE", emulator.RecordSet{Name: "registry.example.com", Type: "A", TTL: 60, Values: []string{"54.1.1.9"}})
	var registry appsv1.Deployment
	w.example("../../examples/publish-ip/registry.yaml", "deployment/docker-registry", &registry)
	records := func(addr string) []string {
		return []string{`a-registry.example.com. 300 TXT "heritage=external-dns,external-dns/owner=publish-ip,external-dns/resource=host/registry.example.com"`,
			"registry.example.com. 60 A " + addr}
	}
	for _, addr := range []string{"54.1.1.1", "54.1.1.2"} { // the Pod is replaced, on another node
		w.move(addr)
		if out, err := w.container(registry.Spec.Template.Spec.InitContainers[0]).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		w.wantZone(w.zone, records(addr)...)
	}
	w.policy(readFile(t, "../../deploy/iam/all-zones.json"))
	for _, owner := range []string{"publish-ip", "other"} {
		w.mustOnce("--source=service", "--provider=aws", "--policy=sync", "--registry=txt", "--txt-owner-id="+owner, "--delete-grace=0", "--namespace="+w.Name)
		w.wantZone(w.zone, records("54.1.1.2")...)
	}
}

// One name a node: it follows the address, and goes with the node.
func TestNamesOfNodes(t *testing.T) {
	w := newWorld(t)
	w.policy(strings.ReplaceAll(readFile(t, "../../deploy/iam/one-zone-without-list.json"), "Z0123456789EXAMPLE", w.zone))
	var each appsv1.DaemonSet
	w.example("../../examples/publish-ip/daemonset.yaml", "daemonset/publish-ip", &each)
	w.move("54.1.1.1")
	cmd := w.container(each.Spec.Template.Spec.Containers[0])
	cmd.Args = append(cmd.Args, "--interval=1s")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	records := func(addr string) []string {
		return []string{`a-n1.nodes.example.com. 300 TXT "heritage=external-dns,external-dns/owner=publish-ip,external-dns/resource=host/n1.nodes.example.com"`,
			"n1.nodes.example.com. 60 A " + addr}
	}
	w.awaitZone(w.zone, records("54.1.1.1")...)
	w.move("54.1.1.2")
	w.awaitZone(w.zone, records("54.1.1.2")...)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	w.wantZone(w.zone)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
