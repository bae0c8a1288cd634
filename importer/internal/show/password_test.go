package show

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWithoutPasswords(t *testing.T) {
	for text, want := range map[string]string{
		"there is no file POSTGRES://me:se@cret@db/app":         "there is no file POSTGRES://...@db/app",
		"no file matches mysql://me:s3/c?ret@db/a?b=c: is it":   "no file matches mysql://...@db/a?b=c: is it",
		`cannot connect to "host=db password=secret port=1": x`: `cannot connect to "host=db password=... port=1": x`,
		"at user=a password = 'it''s a secret' dbname=b":        "at user=a password = ... dbname=b",
		"postgres:///app?PASSWORD=secret&sslpassword=other&a=b": "postgres:///app?PASSWORD=...&sslpassword=...&a=b",
		`password authentication failed for user "me"`:          `password authentication failed for user "me"`,
		"https://example.com/a?b=c: mail me@example.com":        "https://example.com/a?b=c: mail me@example.com",
		"http://127.0.0.1:80 and me@example.com":                "http://127.0.0.1:80 and me@example.com",
	} {
		assert.Equal(t, want, WithoutPasswords(text))
	}
}
