package objects

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// lineOf returns the line in the file of a field of the document, or of the
// nearest thing around it that can be found. A path is written as in
// "spec.rules[0].host"; that of an object in a List ends in a dot.
func (d document) lineOf(path string) int {
	if strings.Trim(path, ".") == "" {
		return d.line + leading(d.text)
	}
	_, line := d.locate(path)
	return line
}

// notString returns key and line of the first value of a mapping that is no
// string, "" if there is none: `ttl: 60` among annotations.
func (d document) notString(path string) (key string, line int) {
	node, _ := d.locate(path)
	if node == nil || node.Kind != yaml.MappingNode {
		return "", 0
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if value := node.Content[i+1]; value.ShortTag() != "!!str" && value.ShortTag() != "!!null" {
			return node.Content[i].Value, d.line + node.Content[i].Line - 1
		}
	}
	return "", 0
}

// locate returns what is at the path, nil if nothing, and the line in the file
// of the last step that leads somewhere.
func (d document) locate(path string) (*yaml.Node, int) {
	var root yaml.Node
	if err := yaml.Unmarshal(d.text, &root); err != nil || len(root.Content) == 0 {
		return nil, d.line
	}
	line, node := 1+leading(d.text), root.Content[0]
	for _, step := range steps(path) {
		var at int
		if node, at = child(node, step); node == nil {
			break
		}
		line = at
	}
	return node, d.line + line - 1
}

// leading counts the lines before the first that is neither blank nor comment.
func leading(text []byte) int {
	n := 0
	for l := range strings.Lines(string(text)) {
		if !blank([]byte(l)) {
			break
		}
		n++
	}
	return n
}

// steps cuts "spec.rules[0].host" into "spec", "rules", "0", "host".
func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
}

// child returns what a step leads to, nil if nothing, and its line.
func child(node *yaml.Node, step string) (*yaml.Node, int) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i+1], node.Content[i].Line
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i < len(node.Content) {
			return node.Content[i], node.Content[i].Line
		}
		// Errors of type name no index: the first element that has the field.
		for _, element := range node.Content {
			if found, line := child(element, step); found != nil {
				return found, line
			}
		}
	}
	return nil, 0
}
