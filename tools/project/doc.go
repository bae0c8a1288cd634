// Package project has the tests of what surrounds the code: the workflows, the
// files of Dependabot, the seeds of fuzz targets, and what README.md says of
// versions and systems.
package project
