package apiserver

import (
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
)

// discover answers what is asked beside the resources: which there are, the version, and whether the server lives.
func (s *Server) discover(path string) (answer, error) {
	switch path = strings.TrimSuffix(path, "/"); path {
	case "/version":
		return encoded(http.StatusOK, version.Info{Major: "1", Minor: "37", GitVersion: "v1.37.2"}), nil
	case "/healthz", "/livez", "/readyz":
		return plain(http.StatusOK, []byte("ok")), nil
	case "/api":
		return encoded(http.StatusOK, metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}}), nil
	case "/apis":
		return encoded(http.StatusOK, s.groups()), nil
	}
	for _, t := range s.tables {
		if path == "/api/"+t.Version && t.Group == "" || path == "/apis/"+t.GroupVersion().String() && t.Group != "" {
			return encoded(http.StatusOK, s.resources(t.GroupVersion())), nil
		}
	}
	return answer{}, noSuchPath()
}

func (s *Server) groups() metav1.APIGroupList {
	list := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
	at := map[string]int{}
	for _, t := range s.tables {
		if t.Group == "" {
			continue
		}
		v := metav1.GroupVersionForDiscovery{GroupVersion: t.GroupVersion().String(), Version: t.Version}
		i, ok := at[t.Group]
		if !ok {
			i = len(list.Groups)
			at[t.Group] = i
			list.Groups = append(list.Groups, metav1.APIGroup{Name: t.Group, PreferredVersion: v})
		}
		g := &list.Groups[i]
		if len(g.Versions) == 0 || g.Versions[len(g.Versions)-1] != v {
			g.Versions = append(g.Versions, v)
		}
	}
	return list
}

func (s *Server) resources(gv schema.GroupVersion) metav1.APIResourceList {
	list := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: gv.String()}
	for _, t := range s.tables {
		if t.GroupVersion() == gv {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: t.Plural, Kind: t.Kind, Namespaced: !t.Cluster,
				Verbs: metav1.Verbs{"create", "delete", "get", "list", "patch", "update", "watch"}})
		}
	}
	return list
}
