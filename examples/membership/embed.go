// Package membership is the example project, as files, so that the demo runs
// just what a user copies.
package membership

import "embed"

// Files holds the scripts of this folder.
//
//go:embed *.sql
var Files embed.FS
