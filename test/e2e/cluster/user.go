package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// User is somebody whom the API server knows.
type User struct {
	Name       string       // as in "system:serviceaccount:default:signpost"
	Config     *rest.Config // not to be changed: copy it
	Kubeconfig string       // path of a file with the same credentials, for a program's --kubeconfig
}

// newUser writes the kubeconfig into a file of its own in dir.
func newUser(name string, config *rest.Config, dir string) (*User, error) {
	const only = "test"
	k := api.NewConfig()
	k.Clusters[only] = &api.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	k.AuthInfos[only] = &api.AuthInfo{
		Token:                 config.BearerToken,
		ClientCertificateData: config.CertData,
		ClientKeyData:         config.KeyData,
	}
	k.Contexts[only] = &api.Context{Cluster: only, AuthInfo: only}
	k.CurrentContext = only
	content, err := clientcmd.Write(*k)
	if err != nil {
		return nil, fmt.Errorf("write the kubeconfig of %s: %w", name, err)
	}
	path := filepath.Join(dir, strings.ReplaceAll(name, ":", "_")+".kubeconfig")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return nil, fmt.Errorf("write the kubeconfig of %s: %w", name, err)
	}
	return &User{Name: name, Config: config, Kubeconfig: path}, nil
}

// User makes a service account in this namespace that may do what the ClusterRoles and Roles in the YAML say and no
// more, and returns it with a token. The roles get names of their own, so that tests do not meet in them.
func (n *Namespace) User(roles string) *User {
	n.t.Helper()
	objs, err := parse(strings.NewReader(roles))
	if err != nil {
		n.t.Fatal(err)
	}
	n.users++
	account := fmt.Sprintf("user-%d", n.users)
	all := []*unstructured.Unstructured{n.object("v1", "ServiceAccount", account)}
	for _, role := range objs {
		if kind := role.GetKind(); kind != "ClusterRole" && kind != "Role" {
			n.t.Fatalf("%s: want ClusterRoles and Roles only; Apply other objects, and see ServiceAccount", describe(role))
		}
		role.SetName(n.Name + "-" + account + "-" + role.GetName())
		binding := n.object(rbacv1.SchemeGroupVersion.String(), role.GetKind()+"Binding", role.GetName())
		binding.Object["roleRef"] = map[string]any{"apiGroup": rbacv1.GroupName, "kind": role.GetKind(), "name": role.GetName()}
		binding.Object["subjects"] = []any{map[string]any{"kind": "ServiceAccount", "namespace": n.Name, "name": account}}
		all = append(all, role, binding)
	}
	n.applyAll(all)
	return n.ServiceAccount(n.Name, account)
}

func (n *Namespace) object(apiVersion, kind, name string) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind}}
	obj.SetName(name)
	return obj
}

// ServiceAccount returns a service account that is in the cluster already, say by Apply, with a new token, which is
// valid for an hour.
func (n *Namespace) ServiceAccount(namespace, name string) *User {
	n.t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	token := &authenticationv1.TokenRequest{}
	if err := n.Client.SubResource("token").Create(n.t.Context(), account, token); err != nil {
		n.t.Fatalf("request a token for service account %s/%s: %v", namespace, name, err)
	}
	config := rest.AnonymousClientConfig(n.Admin.Config)
	config.BearerToken = token.Status.Token
	user, err := newUser("system:serviceaccount:"+namespace+":"+name, config, n.t.TempDir())
	if err != nil {
		n.t.Fatal(err)
	}
	return user
}

// awaitPermissions returns when the API server grants the subjects of obj, if that is a binding, all that its role
// allows: the server learns of roles and bindings by watching them, some milliseconds after they are written.
func (n *Namespace) awaitPermissions(obj *unstructured.Unstructured) error {
	if obj.GroupVersionKind().Group != rbacv1.GroupName || !strings.HasSuffix(obj.GetKind(), "Binding") {
		return nil
	}
	// Both kinds of binding, and both kinds of role, have the same fields here.
	var binding rbacv1.RoleBinding
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(obj.Object, &binding); err != nil {
		return err
	}
	role := n.object(rbacv1.SchemeGroupVersion.String(), binding.RoleRef.Kind, binding.RoleRef.Name)
	if binding.RoleRef.Kind == "Role" {
		role.SetNamespace(binding.Namespace)
	}
	err := n.Client.Get(n.t.Context(), client.ObjectKeyFromObject(role), role)
	if apierrors.IsNotFound(err) {
		return nil // such a binding is allowed, and grants nothing
	}
	if err != nil {
		return err
	}
	var rules struct {
		Rules []rbacv1.PolicyRule `json:"rules"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(role.Object, &rules); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(n.t.Context(), 30*time.Second)
	defer cancel()
	for _, subject := range binding.Subjects {
		for _, review := range reviews(subject, binding.Namespace, rules.Rules) {
			if err := n.awaitAllowed(ctx, review); err != nil {
				return fmt.Errorf("wait until %s %s may do what its role allows: %w", subject.Kind, subject.Name, err)
			}
		}
	}
	return nil
}

func (n *Namespace) awaitAllowed(ctx context.Context, spec authorizationv1.SubjectAccessReviewSpec) error {
	return wait.PollUntilContextCancel(ctx, 10*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		review := &authorizationv1.SubjectAccessReview{Spec: spec}
		err := n.Client.Create(ctx, review)
		return review.Status.Allowed, err
	})
}

// reviews asks for each single permission of rules whether subject has it; namespace is empty for all namespaces.
func reviews(subject rbacv1.Subject, namespace string, rules []rbacv1.PolicyRule) []authorizationv1.SubjectAccessReviewSpec {
	var who authorizationv1.SubjectAccessReviewSpec
	switch subject.Kind {
	case rbacv1.ServiceAccountKind:
		who.User = "system:serviceaccount:" + subject.Namespace + ":" + subject.Name
	case rbacv1.UserKind:
		who.User = subject.Name
	case rbacv1.GroupKind:
		who.Groups = []string{subject.Name}
	}
	var out []authorizationv1.SubjectAccessReviewSpec
	for _, rule := range rules {
		for _, verb := range rule.Verbs {
			for _, path := range rule.NonResourceURLs {
				ask := who
				ask.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Path: path, Verb: verb}
				out = append(out, ask)
			}
			for _, at := range resources(rule) {
				ask := who
				at.Namespace, at.Verb = namespace, verb
				ask.ResourceAttributes = &at
				out = append(out, ask)
			}
		}
	}
	return out
}

// resources lists what a rule's verbs apply to.
func resources(rule rbacv1.PolicyRule) []authorizationv1.ResourceAttributes {
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	var out []authorizationv1.ResourceAttributes
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, name := range names {
				resource, sub, _ := strings.Cut(resource, "/")
				out = append(out, authorizationv1.ResourceAttributes{Group: group, Resource: resource, Subresource: sub, Name: name})
			}
		}
	}
	return out
}
