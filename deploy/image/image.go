package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const (
	user      = "65532:65532"
	rootsFile = "/etc/ssl/certs/ca-certificates.crt"
	passwd    = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"
	group     = "root:x:0:\nnonroot:x:65532:\n"
)

// file is a file of a layer, or a folder where Content is nil. Root owns it.
type file struct {
	Name    string // without a leading slash
	Mode    int64  // as chmod takes it
	Content []byte
}

// surroundings are the files that every platform shares.
func surroundings() []file {
	return []file{
		{"etc", 0o755, nil},
		{"etc/group", 0o644, []byte(group)},
		{"etc/passwd", 0o644, []byte(passwd)},
		{"etc/ssl", 0o755, nil},
		{"etc/ssl/certs", 0o755, nil},
		{rootsFile[1:], 0o644, roots()},
		{"tmp", 0o1777, nil},
	}
}

// roots returns Mozilla's root certificates in PEM. Those that Mozilla trusts
// for older certificates only are left out: PEM cannot say so.
func roots() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return out.Bytes()
}

// image puts a program on top of the shared layer.
func (p plan) image(platform v1.Platform, shared v1.Layer, program string) (v1.Image, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	top, err := layer([]file{{"signpost", 0o755, content}}, p.Created)
	if err != nil {
		return nil, err
	}
	created := v1.Time{Time: p.Created}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if img, err = mutate.ConfigFile(img, p.config(platform)); err != nil {
		return nil, err
	}
	return mutate.Append(img,
		mutate.Addendum{Layer: shared, MediaType: types.OCILayer, History: v1.History{Created: created, CreatedBy: "roots, users and /tmp"}},
		mutate.Addendum{Layer: top, MediaType: types.OCILayer, History: v1.History{Created: created, CreatedBy: "signpost " + p.Version}})
}

func (p plan) config(platform v1.Platform) *v1.ConfigFile {
	const source = "https://github.com/signpost-dns/signpost"
	return &v1.ConfigFile{
		OS: platform.OS, Architecture: platform.Architecture, Created: v1.Time{Time: p.Created},
		RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User:         user,
			Entrypoint:   []string{"/signpost"},
			WorkingDir:   "/",
			Env:          []string{"PATH=/", "SSL_CERT_FILE=" + rootsFile},
			ExposedPorts: map[string]struct{}{"7979/tcp": {}},
			// https://github.com/opencontainers/image-spec/blob/main/annotations.md
			Labels: map[string]string{
				"org.opencontainers.image.title":         "Signpost",
				"org.opencontainers.image.description":   "Points DNS names at what runs in Kubernetes",
				"org.opencontainers.image.version":       p.Version,
				"org.opencontainers.image.created":       p.Created.Format(time.RFC3339),
				"org.opencontainers.image.licenses":      "Apache-2.0",
				"org.opencontainers.image.url":           source,
				"org.opencontainers.image.source":        source,
				"org.opencontainers.image.documentation": source + "#readme",
			},
		},
	}
}

// layer packs files, in their order.
func layer(files []file, created time.Time) (v1.Layer, error) {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, f := range files {
		header := &tar.Header{Name: f.Name, Mode: f.Mode, Size: int64(len(f.Content)), Typeflag: tar.TypeReg, ModTime: created, Format: tar.FormatUSTAR}
		if f.Content == nil {
			header.Name, header.Typeflag = f.Name+"/", tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.Name, err)
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}
