// Package deploy_test renders what this folder ships and holds it to what the
// README beside it promises: the least rights, in the cluster and in AWS.
package deploy_test

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Two kustomizations of a user's own: the whole in a namespace that belongs to
// others too, and beside another installation.
var usersOwn = map[string]string{
	"own/base":    "namespace: kube-system\nnameSuffix: -private\nresources: [../../base]\n",
	"own/overlay": "namespace: dns\nnameSuffix: -private\nresources: [../../overlays/example]\n",
	"own/expose":  "namespace: dns\nresources: [../../base]\ncomponents: [../../components/expose]\n",
}

// everything names each kustomization with the namespace that it installs to.
var everything = map[string]string{
	"base":                 "signpost",
	"overlays/example":     "signpost",
	"overlays/access-keys": "signpost",
	"own/base":             "kube-system",
	"own/overlay":          "dns",
}

// installation is what a kustomization renders to, each kind at most once.
type installation struct {
	namespace  *corev1.Namespace
	account    *corev1.ServiceAccount
	role       *rbacv1.ClusterRole
	binding    *rbacv1.ClusterRoleBinding
	leases     *rbacv1.Role
	leasing    *rbacv1.RoleBinding
	deployment *appsv1.Deployment
	service    *corev1.Service
}

func render(t *testing.T, kustomization string) installation {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(tree(t), "/"+kustomization)
	if err != nil {
		t.Fatalf("render %s: %v", kustomization, err)
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme,
		json.SerializerOptions{Yaml: true, Strict: true})
	var in installation
	for _, r := range resources.Resources() {
		object, _, err := decoder.Decode([]byte(r.MustYaml()), nil, nil)
		if err != nil {
			t.Fatalf("%s: %s: %v", kustomization, r.CurId(), err)
		}
		in.add(t, object)
	}
	if in.account == nil || in.role == nil || in.binding == nil || in.deployment == nil || in.service == nil {
		t.Fatalf("%s: an object is missing: %+v", kustomization, in)
	}
	if n := len(in.deployment.Spec.Template.Spec.Containers); n != 1 {
		t.Fatalf("%s: %d containers, want 1", kustomization, n)
	}
	return in
}

// tree is a copy of kustomize/ with the users' own beside it, so that rendering
// reads nothing else.
func tree(t *testing.T) filesys.FileSystem {
	t.Helper()
	memory := filesys.MakeFsInMemory()
	write := func(file string, content []byte) {
		if err := memory.WriteFile("/"+file, content); err != nil {
			t.Fatal(err)
		}
	}
	shipped := os.DirFS("kustomize")
	err := fs.WalkDir(shipped, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(shipped, file)
		if err != nil {
			return err
		}
		write(file, content)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder, content := range usersOwn {
		write(path.Join(folder, "kustomization.yaml"), []byte(content))
	}
	return memory
}

func (in *installation) add(t *testing.T, object runtime.Object) {
	t.Helper()
	switch o := object.(type) {
	case *corev1.Namespace:
		in.namespace = o
	case *corev1.ServiceAccount:
		in.account = o
	case *rbacv1.ClusterRole:
		in.role = o
	case *rbacv1.ClusterRoleBinding:
		in.binding = o
	case *rbacv1.Role:
		in.leases = o
	case *rbacv1.RoleBinding:
		in.leasing = o
	case *appsv1.Deployment:
		in.deployment = o
	case *corev1.Service:
		in.service = o
	default:
		t.Fatalf("%T is rendered, and no test looks at it", object)
	}
}

func (in *installation) pod() corev1.PodSpec         { return in.deployment.Spec.Template.Spec }
func (in *installation) container() corev1.Container { return in.pod().Containers[0] }

func TestNamesAgree(t *testing.T) {
	for kustomization, namespace := range everything {
		t.Run(kustomization, func(t *testing.T) {
			in := render(t, kustomization)
			for kind, got := range map[string]string{
				"ServiceAccount": in.account.Namespace, "Deployment": in.deployment.Namespace, "Service": in.service.Namespace,
				"Role": in.leases.Namespace, "RoleBinding": in.leasing.Namespace,
			} {
				if got != namespace {
					t.Errorf("the %s is in namespace %q, want %q", kind, got, namespace)
				}
			}
			if in.namespace != nil && in.namespace.Name != namespace {
				t.Errorf("the namespace made is %q, want %q", in.namespace.Name, namespace)
			}
			if got := in.pod().ServiceAccountName; got != in.account.Name {
				t.Errorf("the pod runs as %q, but the ServiceAccount is %q", got, in.account.Name)
			}
			wantSubjects := []rbacv1.Subject{{Kind: "ServiceAccount", Name: in.account.Name, Namespace: namespace}}
			if diff := cmp.Diff(wantSubjects, in.binding.Subjects); diff != "" {
				t.Errorf("subjects of the binding (-want +got):\n%s", diff)
			}
			wantRole := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: in.role.Name}
			if diff := cmp.Diff(wantRole, in.binding.RoleRef); diff != "" {
				t.Errorf("role of the binding (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(wantSubjects, in.leasing.Subjects); diff != "" {
				t.Errorf("subjects of the binding for leases (-want +got):\n%s", diff)
			}
			wantRole = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: in.leases.Name}
			if diff := cmp.Diff(wantRole, in.leasing.RoleRef); diff != "" {
				t.Errorf("role of the binding for leases (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSelectorsMatch(t *testing.T) {
	for kustomization := range everything {
		t.Run(kustomization, func(t *testing.T) {
			in := render(t, kustomization)
			pods := labels.Set(in.deployment.Spec.Template.Labels)
			selector := in.deployment.Spec.Selector
			// Selectors cannot be changed later, so that a label more is a break.
			if diff := cmp.Diff(map[string]string{"app.kubernetes.io/name": "signpost"}, selector.MatchLabels); diff != "" || len(selector.MatchExpressions) > 0 {
				t.Errorf("selector of the Deployment (-want +got):\n%s%v", diff, selector.MatchExpressions)
			}
			for owner, labelled := range map[string]map[string]string{"Deployment": selector.MatchLabels, "Service": in.service.Spec.Selector} {
				if len(labelled) == 0 || !labels.SelectorFromSet(labelled).Matches(pods) {
					t.Errorf("the %s selects %v, and the pods have %v", owner, labelled, pods)
				}
			}
		})
	}
}

func TestRBACIsTheLeast(t *testing.T) {
	read := []string{"get", "list", "watch"}
	want := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"services", "pods", "nodes", "namespaces"}, Verbs: read},
		{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"ingresses"}, Verbs: read},
		{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: read},
		{APIGroups: []string{"externaldns.k8s.io"}, Resources: []string{"dnsendpoints"}, Verbs: read},
		{APIGroups: []string{"externaldns.k8s.io"}, Resources: []string{"dnsendpoints/status"}, Verbs: []string{"update"}},
		{APIGroups: []string{"gateway.networking.k8s.io"},
			Resources: []string{"gateways", "listenersets", "httproutes", "grpcroutes", "tlsroutes", "tcproutes", "udproutes"}, Verbs: read},
		{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
	}
	wantLeases := []rbacv1.PolicyRule{
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"get", "create", "update"}},
	}
	for kustomization := range everything {
		in := render(t, kustomization)
		if diff := cmp.Diff(want, in.role.Rules); diff != "" {
			t.Errorf("%s: rules (-want +got):\n%s", kustomization, diff)
		}
		if diff := cmp.Diff(wantLeases, in.leases.Rules); diff != "" {
			t.Errorf("%s: rules in its own namespace (-want +got):\n%s", kustomization, diff)
		}
	}
}

// The component adds one rule and one argument, to any overlay.
func TestExposeComponent(t *testing.T) {
	base, in := render(t, "base"), render(t, "own/expose")
	want := append(base.role.Rules, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"services", "services/status"}, Verbs: []string{"update"}})
	if diff := cmp.Diff(want, in.role.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(append(base.container().Args, "--expose"), in.container().Args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

// The values are those of the Pod Security Standard "restricted", with a
// read-only root besides.
func TestPodIsRestricted(t *testing.T) {
	yes, no, id := true, false, int64(65532)
	wantPod := &corev1.PodSecurityContext{
		RunAsNonRoot: &yes, RunAsUser: &id, RunAsGroup: &id, FSGroup: &id,
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	wantContainer := &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	for kustomization := range everything {
		t.Run(kustomization, func(t *testing.T) {
			in := render(t, kustomization)
			pod := in.pod()
			if diff := cmp.Diff(wantPod, pod.SecurityContext); diff != "" {
				t.Errorf("security context of the pod (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(wantContainer, in.container().SecurityContext); diff != "" {
				t.Errorf("security context of the container (-want +got):\n%s", diff)
			}
			if pod.HostNetwork || pod.HostPID || pod.HostIPC || len(pod.Volumes) > 0 || len(pod.InitContainers) > 0 {
				t.Error("the pod reaches for its node, mounts a volume or begins with another container")
			}
		})
	}
}

func TestPodRuns(t *testing.T) {
	get := func(path string) corev1.ProbeHandler {
		return corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("http")}}
	}
	for kustomization := range everything {
		t.Run(kustomization, func(t *testing.T) {
			in := render(t, kustomization)
			c := in.container()
			if diff := cmp.Diff([]corev1.ContainerPort{{Name: "http", ContainerPort: 7979}}, c.Ports); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
			if c.LivenessProbe == nil || c.ReadinessProbe == nil {
				t.Fatal("a probe is missing")
			}
			if diff := cmp.Diff(get("/healthz"), c.LivenessProbe.ProbeHandler); diff != "" {
				t.Errorf("liveness (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(get("/readyz"), c.ReadinessProbe.ProbeHandler); diff != "" {
				t.Errorf("readiness (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(intstr.FromString("http"), in.service.Spec.Ports[0].TargetPort); diff != "" {
				t.Errorf("port of the Service (-want +got):\n%s", diff)
			}
			if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("resources are not bounded: %+v", c.Resources)
			}
			if d := in.deployment.Spec; d.Replicas == nil || *d.Replicas != 2 || d.Strategy.Type != appsv1.RollingUpdateDeploymentStrategyType {
				t.Errorf("replicas %v, strategy %q: nobody stands by", d.Replicas, d.Strategy.Type)
			}
			fields := map[string]string{}
			for _, e := range c.Env {
				if e.ValueFrom != nil && e.ValueFrom.FieldRef != nil {
					fields[e.Name] = e.ValueFrom.FieldRef.FieldPath
				}
			}
			if diff := cmp.Diff(map[string]string{"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}, fields); diff != "" {
				t.Errorf("what the pod knows of itself (-want +got):\n%s", diff)
			}
			if name, tag, _ := strings.Cut(c.Image, ":"); name != "ghcr.io/signpost-dns/signpost" || tag == "" || tag == "latest" {
				t.Errorf("image %q: want the project's, with a tag that stays", c.Image)
			}
			if len(c.Command) > 0 {
				t.Errorf("command %q: the image's own is the right one", c.Command)
			}
		})
	}
}

func TestArguments(t *testing.T) {
	repeatable := []string{"--source", "--domain-filter", "--zone-id-filter"}
	for kustomization := range everything {
		t.Run(kustomization, func(t *testing.T) {
			given := map[string][]string{}
			for _, argument := range arguments(t, kustomization) {
				flag, value, found := strings.Cut(argument, "=")
				if !strings.HasPrefix(flag, "--") || !found || value == "" {
					t.Errorf("argument %q: want --flag=value", argument)
				}
				given[flag] = append(given[flag], value)
			}
			for flag, values := range given {
				if len(values) > 1 && !slices.Contains(repeatable, flag) {
					t.Errorf("%s is given %d times", flag, len(values))
				}
			}
			for flag, want := range map[string][]string{
				"--source": {"service", "ingress"}, "--provider": {"aws"}, "--policy": {"upsert-only"}, "--registry": {"txt"},
			} {
				if diff := cmp.Diff(want, given[flag]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", flag, diff)
				}
			}
			// Whoever applies an example as it stands must not get at a zone.
			for _, domain := range given["--domain-filter"] {
				if domain != "example.com" && !strings.HasSuffix(domain, ".example.com") {
					t.Errorf("--domain-filter=%s is not reserved for examples (RFC 2606)", domain)
				}
			}
			if len(given["--domain-filter"]) == 0 || len(given["--txt-owner-id"]) == 0 {
				t.Error("a domain filter or an owner id is missing")
			}
		})
	}
}

// arguments returns the command line of the pod that a kustomization makes.
func arguments(t *testing.T, kustomization string) []string {
	t.Helper()
	in := render(t, kustomization)
	return in.container().Args
}

func TestCredentials(t *testing.T) {
	base, irsa, keys := render(t, "base"), render(t, "overlays/example"), render(t, "overlays/access-keys")
	const roleARN = "eks.amazonaws.com/role-arn"
	if role := irsa.account.Annotations[roleARN]; !strings.HasPrefix(role, "arn:aws:iam::") {
		t.Errorf("example: %s is %q", roleARN, role)
	}
	if base.account.Annotations[roleARN] != "" || keys.account.Annotations[roleARN] != "" {
		t.Error("a role is named outside the example")
	}
	want := []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "signpost-aws"}}}}
	if diff := cmp.Diff(want, keys.container().EnvFrom); diff != "" {
		t.Errorf("access-keys: environment (-want +got):\n%s", diff)
	}
	for name, in := range map[string]installation{"base": base, "example": irsa, "access-keys": keys} {
		for _, e := range in.container().Env {
			if e.Value != "" || e.ValueFrom == nil || e.ValueFrom.FieldRef == nil {
				t.Errorf("%s: %v: nothing is to stand in the manifest itself", name, e)
			}
		}
	}
	if len(base.container().EnvFrom) > 0 || len(irsa.container().EnvFrom) > 0 {
		t.Error("a Secret is read outside access-keys")
	}
}

func TestNamespaceIsOnlyMadeByTheExample(t *testing.T) {
	if in := render(t, "base"); in.namespace != nil {
		t.Error("the base makes a namespace, which may belong to others")
	}
	in := render(t, "overlays/example")
	if in.namespace == nil || in.namespace.Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
		t.Errorf("the example's namespace is %v, want one that enforces restricted pods", in.namespace)
	}
}
