package cli

import (
	"fmt"
	"os"
	"strings"
)

// expandFiles replaces every argument @path by the lines of that file: one
// argument a line, without blank lines and those that begin with #. A file may
// name others. Behind -- nothing is replaced, and --flag=@text is not either.
func expandFiles(args []string) ([]string, error) {
	const most = 64 // a file that names itself ends here
	var out []string
	files := 0
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return append(append(out, arg), args...), nil
		}
		path, isFile := strings.CutPrefix(arg, "@")
		if !isFile {
			out = append(out, arg)
			continue
		}
		if files++; files > most {
			return nil, errorf("does the file name itself?", "%s: more than %d files of arguments", arg, most)
		}
		lines, err := readArguments(path)
		if err != nil {
			return nil, errorf(fmt.Sprintf("@path is replaced by the lines of a file; for a value that begins with @ write --flag=%s", arg),
				"read arguments: %w", err)
		}
		args = append(lines, args...)
	}
	return out, nil
}

func readArguments(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines, nil
}
