package e2e

import (
	"net/http"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// The manifests of deploy/kustomize suffice: their service account may do what
// their arguments need, and the probes that they name answer.
func TestDeployedAsPublished(t *testing.T) {
	w := newWorld(t)
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../../deploy/kustomize/base")
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := rendered.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	w.Apply("{apiVersion: v1, kind: Namespace, metadata: {name: signpost}}\n---\n" + string(manifests))
	w.user = w.ServiceAccount("signpost", "signpost")
	var deployment appsv1.Deployment
	if err := w.Client.Get(t.Context(), types.NamespacedName{Namespace: "signpost", Name: "signpost"}, &deployment); err != nil {
		t.Fatal(err)
	}

	w.Apply(dev1Ingress)
	container := deployment.Spec.Template.Spec.Containers[0]
	p := w.start(container.Args...)
	w.awaitZone(w.zone, w.dev1Records("300")...)

	for _, path := range []string{container.LivenessProbe.HTTPGet.Path, container.ReadinessProbe.HTTPGet.Path} {
		code, body := p.page(path)
		if code != http.StatusOK {
			t.Errorf("GET %s = %d %q; want 200", path, code, body)
		}
		if path == "/readyz" {
			for _, name := range []string{"source service", "source ingress", "credentials", "zones"} {
				if !strings.Contains(body, name+": ") {
					t.Errorf("/readyz does not name %q:\n%s", name, body)
				}
			}
		}
	}
}
