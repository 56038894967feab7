package cluster

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A reaper ends a cluster's programs when the test process goes without stopping them: a test that ran into its
// timeout, Ctrl-C, a kill. It is a shell that reads from a pipe that only the test process holds open, so that the
// kernel wakes it in every case. It learns the process ids from scripts that note theirs and become the program.
type reaper struct {
	dir   string
	shell *exec.Cmd
	stdin io.WriteCloser
}

const reapScript = `
trap '' HUP INT QUIT TERM
read -r word
[ "$word" = stopped ] && exit 0
for f in "$1"/*.pid; do
	[ -f "$f" ] && kill -KILL "$(cat "$f")"
done
sleep 1
rm -rf "$1"
`

const wrapScript = `#!/bin/sh
echo $$ >%s
exec %s "$@"
`

// startReaper watches over the programs whose scripts are made in dir, which it removes along with them.
func startReaper(dir string) (*reaper, error) {
	shell := exec.Command("/bin/sh", "-c", reapScript, "reap", dir)
	stdin, err := shell.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := shell.Start(); err != nil {
		return nil, fmt.Errorf("start the shell that ends the test cluster should the test be killed: %w", err)
	}
	return &reaper{dir: dir, shell: shell, stdin: stdin}, nil
}

// wrap returns the path of a script to run in program's place.
func (r *reaper) wrap(program string) (string, error) {
	path := filepath.Join(r.dir, filepath.Base(program))
	script := fmt.Sprintf(wrapScript, shellQuote(path+".pid"), shellQuote(program))
	// The name of etcd's script must not be that of its data folder.
	path += ".sh"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		return "", err
	}
	return path, nil
}

// stop ends the watch; the programs must have ended.
func (r *reaper) stop() error {
	_, werr := io.WriteString(r.stdin, "stopped\n")
	r.stdin.Close()
	if err := r.shell.Wait(); err != nil {
		return fmt.Errorf("end the shell that watches the test cluster: %w", err)
	}
	return werr
}

// shellQuote makes s one word of a POSIX shell (2.2.2, single quotes).
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
