package console

import (
	"bytes"
	"html/template"
	"net/http"
	"time"

	"github.com/signpost-dns/signpost/internal/controller"
)

// page is the status page. It loads nothing and runs no script.
const page = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Signpost</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: .5em 0 1.5em; }
td, th { text-align: left; padding: .2em 1em .2em 0; vertical-align: top; }
code { background: #eee8; }
</style>
</head>
<body>
<h1>Signpost</h1>
<p>{{.Leadership}}</p>
{{range .Holds}}<p><strong>{{.Error}}</strong><br>If it shall go: <code>{{.Command}}</code></p>
{{end}}<form action="explain"><label>Why is a name as it is? <input name="name" placeholder="www.example.com"></label> <button>Explain</button></form>
<h2>State</h2>
<table>
{{range .Checks}}<tr><td>{{if not .OK}}wait{{else if .Warn}}warn{{else}}ok{{end}}</td><td>{{.Name}}</td><td>{{.State}}</td></tr>
{{end}}</table>
<h2>Zones</h2>
<table>
<tr><th>zone</th><th>ID</th><th></th><th>known as of</th></tr>
{{range .Zones}}<tr><td>{{.Zone.Name.Host}}</td><td>{{.Zone.ID}}</td><td>{{if .Zone.Private}}private{{else}}public{{end}}</td><td>{{age .Read}}</td></tr>
{{else}}<tr><td>none is known</td></tr>
{{end}}</table>
<h2>Not as asked</h2>
<table>
{{range .Refusals}}<tr><td>{{.Reason}}</td><td>{{.Count}}</td></tr>
{{else}}<tr><td>nothing</td></tr>
{{end}}</table>
<p><a href="metrics">metrics</a> <a href="readyz">readyz</a> <a href="healthz">healthz</a></p>
</body>
</html>
`

// statusPage serves what a controller says of itself.
func statusPage(overview func() controller.Overview) http.HandlerFunc {
	parsed := template.Must(template.New("status").Funcs(template.FuncMap{"age": age}).Parse(page))
	return func(w http.ResponseWriter, _ *http.Request) {
		var out bytes.Buffer
		if err := parsed.Execute(&out, overview()); err != nil {
			write(w, http.StatusInternalServerError, err.Error())
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'")
		// A client that went away needs no answer.
		_, _ = w.Write(out.Bytes())
	}
}

func age(at time.Time) string {
	if at.IsZero() {
		return "not read yet"
	}
	return time.Since(at).Round(time.Second).String() + " ago"
}
