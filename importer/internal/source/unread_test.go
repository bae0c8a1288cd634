package source

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUnreadFormats(t *testing.T) {
	rest := strings.Repeat("\x00\x81\n", 100)
	tar := strings.Repeat("\x00", 257) + "ustar\x0000" + rest
	for name, c := range map[string]struct {
		file, text string
		spec       Spec
		want       string
	}{
		"bzip2":             {"a.csv.bz2", "BZh91AY&SY" + rest, Spec{}, "is compressed with bzip2, which is not read: unpack it with bunzip2"},
		"bzip2, said":       {"a", "BZh91AY&SY" + rest, Spec{Format: "csv", Encoding: "latin-1"}, "bunzip2"},
		"bzip2, empty":      {"a.csv", "BZh9\x17rE8P\x90", Spec{}, "bunzip2"},
		"xz":                {"a.ndjson.xz", "\xfd7zXZ\x00" + rest, Spec{}, "unxz"},
		"lz4":               {"a.csv.lz4", "\x04\x22\x4d\x18" + rest, Spec{}, "unlz4"},
		"a spreadsheet":     {"a.xlsx", "PK\x03\x04" + rest, Spec{}, "save it as CSV"},
		"an old one":        {"a.csv", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + rest, Spec{}, "Excel"},
		"a tar archive":     {"a.tar", tar, Spec{}, "is a tar archive"},
		"one in gzip":       {"a.tar.gz", gzipped(t, tar), Spec{}, "is a tar archive"},
		"twice":             {"a.csv.gz", gzipped(t, gzipped(t, "a\n1\n")), Spec{}, "compressed twice"},
		"a web page":        {"a.csv", "\n<!DOCTYPE html>\n<p>Log in\n", Spec{}, "is a web page"},
		"a dump":            {"a.sql", "--\n-- PostgreSQL database dump\n--\n", Spec{}, "is a dump of Postgres"},
		"text named gzip":   {"a.csv.gz", "notgzip at all", Spec{}, "is not a gzip file"},
		"lines named gzip":  {"a.ndjson.gz", "notgzip\nat all\n", Spec{}, "is not a gzip file"},
		"text named zstd":   {"a.csv.zst", "notzstd", Spec{}, "is not a zstd file"},
		"text named bzip2":  {"a.csv.bz2", "BZh is no magic number", Spec{}, "is not a bzip2 file"},
		"text named JSON":   {"a.json", "not JSON\nat all\n", Spec{}, "is not JSON"},
		"the same in gzip":  {"a.json.gz", gzipped(t, "error: no permission"), Spec{}, "is not JSON"},
		"bytes named JSON":  {"a.json", "\x00\x01\x02" + rest, Spec{}, "is not JSON"},
		"bytes":             {"a", "\x7fELF\x02\x01" + rest, Spec{}, "is not a text"},
		"an encrypted file": {"a.csv", "\x8c\x04\x07\x03\x02\xff" + rest, Spec{}, "is not a text"},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Paths = []string{file1(t, c.file, c.text)}
			sentence := failure(t, c.spec)
			assert.Contains(t, sentence, c.want)
			assert.True(t, strings.HasPrefix(sentence, c.spec.Paths[0]), sentence)
			c.spec.Paths, c.spec.Stdin = []string{"-"}, strings.NewReader(c.text)
			if _, err := Find(c.spec); !strings.Contains(c.want, "is not") {
				assert.ErrorContains(t, err, c.want)
			}
		})
	}
}

// TestNamesThatDoNotFit reads what is in a file when that is known.
func TestNamesThatDoNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		spec       Spec
		want       string
	}{
		"CSV named gzip":   {"a.csv.gz", "n\n1\n", Spec{Format: "csv"}, "1|1"},
		"CSV named JSON":   {"a.json", "n\n1\n", Spec{Format: "csv"}, "1|1"},
		"zstd named gzip":  {"a.csv.gz", zstded(t, "n\n1\n"), Spec{}, "1|1"},
		"gzip named CSV":   {"a.csv", gzipped(t, "n\n1\n"), Spec{}, "1|1"},
		"BZh in CSV":       {"a.csv", "BZh91\n1\n", Spec{}, "1|1"},
		"lines named JSON": {"a.json", "{\"n\":1}\n{\"n\":2}\n", Spec{}, `1|{"n":1}`},
		"UTF-16":           {"a.json", "\xff\xfe{\x00}\x00", Spec{}, "1|{}"},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Paths = []string{file1(t, c.file, c.text)}
			_, db := load1(t, c.spec)
			got := rows(t, db, "FROM source ORDER BY _row")
			require.NotEmpty(t, got)
			assert.Equal(t, c.want, got[0])
		})
	}
}
