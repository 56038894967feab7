package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/signpost-dns/signpost/internal/emulator"
	"github.com/signpost-dns/signpost/internal/lease"
	"github.com/signpost-dns/signpost/test/e2e/cluster"
)

// farm is a world whose nodes are EC2 instances, with the roles and policies that are published for --expose.
type farm struct {
	*world
	base string
}

func newFarm(t *testing.T, nodes int) *farm {
	t.Helper()
	w := newWorld(t)
	w.env = append(w.env, "AWS_REGION=eu-west-1")
	w.user = w.deployed("expose")
	w.policy(policies(t, "one-zone.json", "expose.json", w.zone))
	f := &farm{world: w, base: w.aws.AddSecurityGroup(emulator.SecurityGroup{ID: "sg-base", Name: "nodes"})}
	for n := 1; n <= nodes; n++ {
		f.addNode(n)
	}
	return f
}

// group is the name of the security group of the deployment, which sees the namespace alone.
func (f *farm) group() string {
	return "signpost-k.example.com-" + f.Name + strings.TrimPrefix(lease.Name("farm", "", "", ""), "signpost")
}

func (f *farm) nodeName(n int) string { return fmt.Sprintf("%s-%d", f.Name, n) }

func (f *farm) addNode(n int) {
	f.t.Helper()
	id := fmt.Sprintf("i-%017d", n)
	if err := f.aws.AddInstance(emulator.Instance{ID: id, Groups: []string{f.base}, Tags: map[string]string{"KubernetesCluster": "k.example.com"},
		PrivateIP: netip.MustParseAddr(fmt.Sprintf("10.0.0.%d", n)), PublicIP: netip.MustParseAddr(fmt.Sprintf("54.1.1.%d", n))}); err != nil {
		f.t.Fatal(err)
	}
	f.Apply(fmt.Sprintf(`
apiVersion: v1
kind: Node
metadata:
  name: %s
  labels: {kops.k8s.io/instancegroup: general}
spec: {providerID: "aws:///eu-west-1a/%s"}
`, f.nodeName(n), id))
	f.ready(n, true)
}

func (f *farm) ready(n int, ready bool) {
	f.t.Helper()
	status := "False"
	if ready {
		status = "True"
	}
	f.Status("node/"+f.nodeName(n), map[string]any{
		"addresses": []any{map[string]any{"type": "InternalIP", "address": fmt.Sprintf("10.0.0.%d", n)},
			map[string]any{"type": "ExternalIP", "address": fmt.Sprintf("54.1.1.%d", n)}},
		"conditions": []any{map[string]any{"type": "Ready", "status": status}},
	})
}

// awaitFirewall waits until the group of the cluster is on exactly these nodes, with these rules.
func (f *farm) awaitFirewall(want string) {
	f.t.Helper()
	read := func() string {
		var got []string
		for _, g := range f.aws.SecurityGroups() {
			if g.ID == f.base {
				continue
			}
			line := g.Name + ":"
			for n := 1; n < 9; n++ {
				if i, ok := f.aws.Instance(fmt.Sprintf("i-%017d", n)); ok && slices.Contains(i.Groups, g.ID) {
					line += fmt.Sprintf(" %d", n)
				}
			}
			for _, r := range g.Rules {
				line += fmt.Sprintf(" | %d/%s %s", r.From, r.Protocol, r.Source)
			}
			got = append(got, line)
		}
		return strings.Join(got, "\n")
	}
	await(f.t, want, read)
}

// await asks again until the answer is as wanted.
func await(t *testing.T, want string, read func() string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for read() != want && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	if d := cmp.Diff(want, read()); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
}

func (f *farm) awaitAddresses(want string) {
	f.t.Helper()
	await(f.t, want, func() string {
		var s corev1.Service
		f.Get("service/udp-server", &s)
		ips := slices.Clone(s.Spec.ExternalIPs)
		for _, i := range s.Status.LoadBalancer.Ingress {
			ips = append(ips, "status:"+i.IP)
		}
		return strings.Join(ips, " ")
	})
}

func (f *farm) exposeFlags() []string {
	return []string{"--source=service", "--provider=aws", "--policy=sync", "--registry=txt", "--txt-owner-id=farm", "--delete-grace=0",
		"--expose", "--namespace=" + f.Name}
}

func (f *farm) udpRecords(addresses ...string) []string {
	records := []string{f.claim("a-udp-server.example.com.", "farm", "service", "udp-server")}
	for _, a := range addresses {
		records = append(records, "udp-server.example.com. 300 A "+a)
	}
	return records
}

// deployed applies the published manifests with components of theirs, and returns their service account.
func (w *world) deployed(components ...string) *cluster.User {
	w.t.Helper()
	dir := w.t.TempDir()
	here, err := filepath.EvalSymlinks(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	shipped, err := filepath.Abs("../../deploy/kustomize")
	if err != nil {
		w.t.Fatal(err)
	}
	if shipped, err = filepath.Rel(here, shipped); err != nil {
		w.t.Fatal(err)
	}
	own := fmt.Sprintf("namespace: %s\nnameSuffix: -%[1]s\nresources: [%[2]s/base]\n", w.Name, shipped)
	for _, c := range components {
		own += fmt.Sprintf("components: [%s/components/%s]\n", shipped, c)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(own), 0o600); err != nil {
		w.t.Fatal(err)
	}
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), here)
	if err != nil {
		w.t.Fatal(err)
	}
	manifests, err := rendered.AsYaml()
	if err != nil {
		w.t.Fatal(err)
	}
	w.Apply(string(manifests))
	return w.ServiceAccount(w.Name, "signpost-"+w.Name)
}

// policies joins the documents of deploy/iam, for a zone.
func policies(t *testing.T, first, second, zone string) string {
	t.Helper()
	var joined struct {
		Version   string
		Statement []json.RawMessage
	}
	for _, name := range []string{first, second} {
		text, err := os.ReadFile("../../deploy/iam/" + name)
		if err != nil {
			t.Fatal(err)
		}
		before := joined.Statement
		joined.Statement = nil
		if err := json.Unmarshal(text, &joined); err != nil {
			t.Fatal(err)
		}
		joined.Statement = append(before, joined.Statement...)
	}
	text, err := json.Marshal(joined)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "Z0123456789EXAMPLE", zone)
}

// The example of external-ips, whose user changes to Signpost: what it left is taken over, nodes are chosen, ports opened and names made; a node is
// lost and replaced; the Service is deleted, and its port is closed before it is gone.
func TestUDPServerOfExternalIPs(t *testing.T) {
	f := newFarm(t, 3)
	f.leftByExternalIPs()
	f.ApplyFile("../../examples/udp-server/external-ips.yaml")
	p := f.start(f.exposeFlags()...)
	open := " | 6315/udp 0.0.0.0/0 | 6315/udp ::/0"
	f.awaitZone(f.zone, f.udpRecords("54.1.1.1", "54.1.1.2")...)
	f.awaitFirewall(f.group() + ": 1 2" + open)
	f.awaitAddresses("10.0.0.1 10.0.0.2")

	f.ready(1, false)
	f.awaitZone(f.zone, f.udpRecords("54.1.1.2", "54.1.1.3")...)
	f.awaitFirewall(f.group() + ": 1 2 3" + open) // names of the first are remembered for their TTL
	f.awaitAddresses("10.0.0.1 10.0.0.2 10.0.0.3")

	f.Delete("service/udp-server")
	f.awaitFirewall("")
	f.awaitZone(f.zone)
	if code := p.stop(); code != 0 {
		t.Errorf("stopped by a signal it exits with %d", code)
	}
}

// leftByExternalIPs is what external-ips made for the example: a group on one node and a record set with its claim.
func (f *farm) leftByExternalIPs() {
	f.t.Helper()
	group := f.aws.AddSecurityGroup(emulator.SecurityGroup{Name: "udp-server." + f.Name + ".k.example.com", Tags: map[string]string{"external-ips/k.example.com": "owned"},
		Rules: []emulator.Rule{{Protocol: "udp", From: 6315, To: 6315, Source: netip.MustParsePrefix("0.0.0.0/0")}}})
	i, _ := f.aws.Instance("i-00000000000000001")
	i.Groups = append(i.Groups, group)
	if err := f.aws.AddInstance(i); err != nil {
		f.t.Fatal(err)
	}
	f.edit(f.zone, "CREATE", emulator.RecordSet{Name: "udp-server.example.com", Type: "A", TTL: 300, Values: []string{"54.1.1.1"}})
	f.edit(f.zone, "CREATE", emulator.RecordSet{Name: "udp-server.example.com", Type: "TXT", TTL: 300,
		Values: []string{`"heritage=external-ips,external-ips/owner=farm,external-ips/resource=service/default/other"`}})
}

// The same in today's way: a load balancer class, and addresses in the status. A plan says it all before.
func TestUDPServerOfToday(t *testing.T) {
	f := newFarm(t, 2)
	f.ApplyFile("../../examples/udp-server/service.yaml", "../../examples/udp-server/deployment.yaml")
	out, code := f.plan(f.exposeFlags()...)
	for _, line := range []string{"+ service/" + f.Name + "/udp-server on node " + f.nodeName(1), "+ security group " + f.group(),
		"+ allow 6315/udp from 0.0.0.0/0", "+ attach " + f.group() + " to i-00000000000000002"} {
		if !strings.Contains(out, line) {
			t.Errorf("the plan does not say %q:\n%s", line, out)
		}
	}
	if code != 2 {
		t.Errorf("the plan exits with %d, want 2", code)
	}
	if groups := f.aws.SecurityGroups(); len(groups) != 1 {
		t.Errorf("the plan made security groups: %v", groups)
	}
	out, _ = f.plan(append(f.exposeFlags(), "-o=json")...)
	var said struct{ Exposure []string }
	if err := json.Unmarshal([]byte(out), &said); err != nil || !slices.Contains(said.Exposure, "+ security group "+f.group()+" in vpc-1") {
		t.Errorf("as JSON the plan is %v\n%s", err, out)
	}
	if log := f.mustOnce(append(f.exposeFlags(), "--dry-run")...); !strings.Contains(log, "+ allow 6315/udp from 0.0.0.0/0") {
		t.Errorf("a dry run does not say what it would open:\n%s", log)
	}
	f.awaitAddresses("")
	if groups := f.aws.SecurityGroups(); len(groups) != 1 {
		t.Errorf("dry runs made security groups: %v", groups)
	}

	p := f.start(f.exposeFlags()...)
	f.awaitAddresses("status:10.0.0.1 status:10.0.0.2")
	f.awaitZone(f.zone, f.udpRecords("54.1.1.1", "54.1.1.2")...)
	if code := p.stop(); code != 0 {
		t.Errorf("stopped by a signal it exits with %d", code)
	}
}

// Without the flag nothing of it happens.
func TestWithoutExpose(t *testing.T) {
	f := newFarm(t, 1)
	f.ApplyFile("../../examples/udp-server/external-ips.yaml")
	f.mustOnce("--source=service", "--provider=aws", "--policy=sync", "--registry=txt", "--txt-owner-id=farm", "--namespace="+f.Name)
	f.wantZone(f.zone)
	f.awaitAddresses("")
	if groups := f.aws.SecurityGroups(); len(groups) != 1 {
		t.Errorf("there are security groups: %v", groups)
	}
}

// plan runs signpost plan.
func (f *farm) plan(args ...string) (out string, code int) {
	f.t.Helper()
	cmd := f.command(f.t.Context(), append([]string{"plan"}, args...))
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}
