package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// process is the program at work.
type process struct {
	cmd *exec.Cmd
	log *bytes.Buffer // what it has written; whole when it has ended
	err chan error
}

// start runs the program against the world's servers.
func (w *world) start(args ...string) (*process, error) {
	all := append([]string{
		"run", "--source=ingress", "--provider=aws", "--policy=sync", "--domain-filter=" + domain, "--txt-owner-id=" + owner,
		"--kubeconfig=" + w.kubeconfig, "--metrics-address=127.0.0.1:0", "--log-level=warning",
	}, args...)
	p := &process{cmd: exec.Command(w.bench.program, all...), log: &bytes.Buffer{}, err: make(chan error, 1)}
	p.cmd.Env = []string{
		"AWS_ENDPOINT_URL=" + w.awsURL, "AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any", "AWS_REGION=us-east-1", "HOME=" + w.dir,
	}
	for _, name := range []string{"GOGC", "GOMEMLIMIT", "GODEBUG"} {
		if value, ok := os.LookupEnv(name); ok {
			p.cmd.Env = append(p.cmd.Env, name+"="+value)
		}
	}
	var out io.Writer = p.log
	if w.bench.verbose {
		out = io.MultiWriter(p.log, os.Stderr)
	}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", w.bench.program, err)
	}
	go func() { p.err <- p.cmd.Wait() }()
	w.processes = append(w.processes, p)
	return p, nil
}

// ended returns why the process has ended, nil if it goes on.
func (p *process) ended() error {
	select {
	case err := <-p.err:
		p.err <- err
		return fmt.Errorf("%s has ended: %v\n%s", p.cmd.Path, err, p.log)
	default:
		return nil
	}
}

// stop ends the process by a signal, and no longer minds that it has ended.
func (w *world) stop(p *process, s os.Signal) error {
	w.processes = slices.DeleteFunc(w.processes, func(o *process) bool { return o == p })
	return p.cmd.Process.Signal(s)
}

// kill ends the process, if it has not ended, and waits for that.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	err := <-p.err
	p.err <- err
}

// peak returns the most memory that the process has had resident, in bytes.
func (p *process) peak() (int64, error) {
	status, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kB, err := strconv.ParseInt(fields[1], 10, 64)
			return kB * 1024, err
		}
	}
	return 0, fmt.Errorf("%s tells no VmHWM", p.proc("status"))
}

// cpu returns how long the process's threads have run. Threads that have ended do not count; Go keeps its own.
func (p *process) cpu() (time.Duration, error) {
	files, err := filepath.Glob(p.proc("task/*/schedstat"))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		ran, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", file, err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

func (p *process) proc(file string) string {
	return filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), file)
}

// during returns how long the process's threads run while something is done.
func (p *process) during(do func() error) (time.Duration, error) {
	before, err := p.cpu()
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := p.cpu()
	return after - before, err
}
