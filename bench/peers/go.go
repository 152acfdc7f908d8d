// The server that a Go programmer writes in five minutes: net/http, with net/http/cgi.
//
//	go-cgi ADDRESS SITE
package main

import (
	"log"
	"net/http"
	"net/http/cgi"
	"os"
	"path"
	"path/filepath"
)

func main() {
	address, site := os.Args[1], os.Args[2]
	http.HandleFunc("/cgi-bin/", func(w http.ResponseWriter, r *http.Request) {
		name := path.Clean(r.URL.Path)
		program := cgi.Handler{Path: filepath.Join(site, name), Root: name}
		program.ServeHTTP(w, r)
	})
	http.Handle("/", http.FileServer(http.Dir(site)))
	log.Fatal(http.ListenAndServe(address, nil))
}
