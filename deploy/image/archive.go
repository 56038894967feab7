package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// build compiles the program for every platform and writes the archive.
func (p plan) build(ctx context.Context, told io.Writer) error {
	work, err := os.MkdirTemp("", "signpost-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var programs []string
	for _, platform := range p.Platforms {
		fmt.Fprintf(told, "Compiling for %s\n", platform)
		program := filepath.Join(work, platform.OS+"-"+platform.Architecture)
		if err := compile(ctx, p.Package, p.Version, platform, program); err != nil {
			return err
		}
		programs = append(programs, program)
	}
	return p.write(programs, filepath.Join(work, "layout"))
}

// write makes the archive of compiled programs, one for each platform. It lays
// the archive out in the folder named, which must not exist.
func (p plan) write(programs []string, folder string) error {
	images, err := p.images(programs)
	if err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	index, err := p.index(images)
	if err != nil {
		return fmt.Errorf("make the image's index: %w", err)
	}
	if _, err := layout.Write(folder, index); err != nil {
		return fmt.Errorf("lay out the image: %w", err)
	}
	list, err := p.dockerList(images)
	if err != nil {
		return fmt.Errorf("list the images: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "manifest.json"), list, 0o644); err != nil {
		return err
	}
	if err := pack(folder, p.Output, p.Created); err != nil {
		return fmt.Errorf("write %s: %w", p.Output, err)
	}
	return nil
}

func (p plan) images(programs []string) ([]v1.Image, error) {
	shared, err := layer(surroundings(), p.Created)
	if err != nil {
		return nil, err
	}
	var images []v1.Image
	for i, platform := range p.Platforms {
		img, err := p.image(platform, shared, programs[i])
		if err != nil {
			return nil, err
		}
		images = append(images, img)
	}
	return images, nil
}

// index returns what becomes index.json: one entry, which bears the name and is
// itself an index, of the platforms. Tools that take an archive for one image
// want just that.
func (p plan) index(images []v1.Image) (v1.ImageIndex, error) {
	var inner []mutate.IndexAddendum
	for i, img := range images {
		inner = append(inner, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{
			MediaType: types.OCIManifestSchema1, Platform: &p.Platforms[i],
		}})
	}
	none := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	return mutate.AppendManifests(none, mutate.IndexAddendum{
		Add: mutate.AppendManifests(none, inner...),
		Descriptor: v1.Descriptor{MediaType: types.OCIImageIndex, Annotations: map[string]string{
			"org.opencontainers.image.ref.name": p.Tag.TagStr(),
			"io.containerd.image.name":          p.Tag.Name(), // containerd, docker and podman take the full name from here
		}},
	}), nil
}

// dockerImage is an entry of manifest.json
// (https://github.com/moby/docker-image-spec, "Combined Image JSON").
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// dockerList returns manifest.json, for engines that do not read OCI layouts:
// each platform under a tag of its own, and the first also under the plain one.
func (p plan) dockerList(images []v1.Image) ([]byte, error) {
	var list []dockerImage
	for i, img := range images {
		manifest, err := img.Manifest()
		if err != nil {
			return nil, err
		}
		entry := dockerImage{Config: blob(manifest.Config), RepoTags: []string{p.Tag.Name() + "-" + p.Platforms[i].Architecture}}
		if i == 0 {
			entry.RepoTags = append(entry.RepoTags, p.Tag.Name())
		}
		for _, l := range manifest.Layers {
			entry.Layers = append(entry.Layers, blob(l))
		}
		list = append(list, entry)
	}
	return json.Marshal(list)
}

// blob returns where a layout keeps what a descriptor names.
func blob(d v1.Descriptor) string { return "blobs/" + d.Digest.Algorithm + "/" + d.Digest.Hex }

// pack writes a folder into a tar file, sorted by name. The file appears when it
// is whole.
func pack(folder, output string, created time.Time) (err error) {
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(output), filepath.Base(output)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			out.Close()
			os.Remove(out.Name())
		}
	}()
	w := tar.NewWriter(out)
	root := os.DirFS(folder)
	if err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return add(w, root, name, created)
	}); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := out.Chmod(0o644); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(out.Name(), output)
}

func add(w *tar.Writer, root fs.FS, name string, created time.Time) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, Mode: 0o644, Size: info.Size(), Typeflag: tar.TypeReg, ModTime: created, Format: tar.FormatUSTAR}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}
