package source

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
)

// unread are formats that are not read, by their first bytes, with what to do.
var unread = []struct{ magic, what, advice string }{
	{"\x1f\x8b", "compressed twice", "unpack it once, with gunzip"},
	{"\x28\xb5\x2f\xfd", "compressed twice", "unpack it once, with unzstd"},
	{"BZh", "compressed with bzip2", "unpack it with bunzip2"},
	{"\xfd7zXZ\x00", "compressed with xz", "unpack it with unxz"},
	{"\x04\x22\x4d\x18", "compressed with lz4", "unpack it with unlz4"},
	{"\x1f\x9d", "compressed with compress", "unpack it with gunzip"},
	{"\x89LZO\x00", "compressed with lzop", "unpack it with lzop -d"},
	{"\xff\x06\x00\x00sNaPpY", "compressed with Snappy", "unpack it"},
	{"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it with 7z x"},
	{"Rar!\x1a\x07", "a RAR archive", "unpack it"},
	{"PK\x03\x04", "a ZIP archive or a spreadsheet", "unpack it with unzip, or save it as CSV"},
	{"PK\x05\x06", "a ZIP archive with nothing in it", "export it again"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a spreadsheet of an older Excel", "save it as CSV"},
	{"%PDF-", "a PDF file", "export the table as CSV"},
	{"Obj\x01", "an Avro file", "convert it to Parquet"},
	{"ARROW1\x00", "an Arrow file", "convert it to Parquet"},
	{"<!DOCTYPE", webPage, downloadAgain},
	{"<!doctype", webPage, downloadAgain},
	{"<html", webPage, downloadAgain},
	{"<?xml", "an XML file", "convert it to CSV or JSON lines"},
}

const (
	webPage       = "a web page, as servers send it to whoever is not logged in"
	downloadAgain = "download it again"
)

// refuseUnread refuses what no format of this package is.
func (f *file) refuseUnread() error {
	for _, u := range unread {
		if bytes.HasPrefix(f.head, []byte(u.magic)) && (u.magic != "BZh" || isBzip2(f.head)) || u.magic[0] == '<' && bytes.HasPrefix(f.text(), []byte(u.magic)) {
			return fmt.Errorf("%s is %s, which is not read: %s", f.name, u.what, u.advice)
		}
	}
	switch {
	case len(f.head) > 262 && string(f.head[257:262]) == "ustar":
		return fmt.Errorf("%s is a tar archive, which is not read: unpack it with tar -xf", f.name)
	case bytes.HasPrefix(f.head, []byte("PGDMP")), bytes.Contains(f.head[:min(len(f.head), 64)], []byte("-- PostgreSQL database dump")):
		return fmt.Errorf("%s is a dump of Postgres, which Postgres alone reads: name the database itself, as in postgres://host/name, or save a table as CSV: psql -c \"COPY users TO STDOUT CSV HEADER\"", f.name)
	}
	return nil
}

// isBzip2 reports whether a block, or the end of a file without one, follows the magic
// number and the size of a block.
func isBzip2(head []byte) bool {
	return len(head) > 4 && (bytes.HasPrefix(head[4:], []byte("1AY&SY")) || bytes.HasPrefix(head[4:], []byte("\x17rE8P\x90")))
}

// packedNames are how names end of files that are compressed.
var packedNames = map[string]string{
	".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bzip2", ".xz": "xz", ".lz4": "lz4", ".zip": "ZIP", ".7z": "7-Zip",
}

// refuseName refuses text whose name says that it is something else: what is in it is
// probably a message of the program that should have made the file.
func (f *file) refuseName() error {
	name := strings.ToLower(filepath.Base(f.path))
	kind, packed := packedNames[filepath.Ext(name)]
	switch {
	case packed && f.compression == "none" && (f.format == csvFormat || f.format == linesFormat || f.format == jsonFormat):
		return fmt.Errorf("%s is not a %s file, although its name says so: was it downloaded whole? If it is only not compressed, say what it is, as in -format csv", f.name, kind)
	case f.format == csvFormat && filepath.Ext(unpackedName(name)) == ".json":
		return fmt.Errorf("%s is not JSON, although its name says so: it begins with neither { nor [. If it is another format, say which, as in -format csv", f.name)
	}
	return nil
}

// unpackedName is a name without what says that the file is compressed.
func unpackedName(name string) string {
	if ext := filepath.Ext(name); packedNames[ext] != "" {
		return strings.TrimSuffix(name, ext)
	}
	return name
}
