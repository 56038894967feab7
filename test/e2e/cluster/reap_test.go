package cluster

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// startWrapped runs a program that would run for long under r, and returns when it has noted its process id.
func startWrapped(t *testing.T, r *reaper) *exec.Cmd {
	t.Helper()
	program := filepath.Join(t.TempDir(), "it's a program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho ready\nexec cat\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	script, err := r.wrap(program)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(script)
	if _, err := cmd.StdinPipe(); err != nil { // held open: cat waits
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestProgramsEndWithTheTestProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := startReaper(dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd := startWrapped(t, r)
	r.stdin.Close() // as the kernel does when the test process is gone
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("the program ended with %v, want it killed", err)
	}
	if err := r.shell.Wait(); err != nil {
		t.Errorf("the shell ended with %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s: got %v, want no such folder", dir, err)
	}
}

func TestStoppedReaperKillsNothing(t *testing.T) {
	dir := t.TempDir()
	r, err := startReaper(dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd := startWrapped(t, r)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Errorf("the program is gone: %v", err)
	}
	if err := cmd.Wait(); err == nil || err.Error() != "signal: interrupt" {
		t.Errorf("the program ended with %v, want by the test's own signal", err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the folder is the cluster's to remove: %v", err)
	}
}
