package source

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

func isPostgres(path string) bool {
	return strings.HasPrefix(path, "postgres://") || strings.HasPrefix(path, "postgresql://")
}

// findPostgres does not connect yet.
func (s *Source) findPostgres() error {
	if len(s.spec.Paths) > 1 {
		return errors.New("a Postgres database cannot be imported together with something else: import one after the other")
	}
	if s.spec.Format != "" || s.spec.Delimiter != "" || s.spec.Encoding != "" {
		return errors.New("-format, -delimiter and -encoding are for files, not for Postgres")
	}
	address, err := url.Parse(s.spec.Paths[0])
	if err != nil {
		return errors.New("the address of the Postgres database cannot be read: it is postgres://USER:PASSWORD@HOST:PORT/DATABASE, with % escapes for special characters")
	}
	s.Name = "the Postgres database"
	if name := strings.Trim(address.Path, "/"); name != "" {
		s.Name += " " + name
	}
	if address.Host != "" {
		s.Name += " at " + address.Host
	}
	if s.SQL = trimQuery(s.spec.SQL); s.SQL == "" && s.spec.Table != "" {
		s.SQL = "SELECT * FROM " + tableName(s.spec.Table)
	}
	s.loader = loadPostgres
	return nil
}

func loadPostgres(ctx context.Context, l *load) error {
	address := l.s.spec.Paths[0]
	err := l.attached(ctx, "ATTACH "+duck.Quote(address)+" AS postgres_db (TYPE postgres, READ_ONLY)", "postgres_db")
	if err == nil || ctx.Err() != nil {
		return err
	}
	text := withoutSecrets(err.Error(), address)
	if lower := strings.ToLower(text); strings.Contains(lower, "extension") && strings.Contains(lower, "postgres") {
		version := "the same version"
		if names, err := duck.Texts(ctx, l.conn, "SELECT version()"); err == nil && len(names) == 1 {
			version = "version " + strings.TrimPrefix(names[0], "v")
		}
		return fmt.Errorf("%s: DuckDB's extension for Postgres is not there, and downloading it, as the first use does, failed: where there is a network, run duckdb -c \"INSTALL postgres\" with %s of DuckDB, and copy ~/.duckdb/extensions here", l.s.Name, version)
	}
	return errors.New(text)
}

// withoutSecrets takes the address out of a sentence, and every part of it that
// may be a password.
func withoutSecrets(text, address string) string {
	secrets := []string{address}
	if u, err := url.Parse(address); err == nil {
		if password, ok := u.User.Password(); ok {
			_, raw, _ := strings.Cut(u.User.String(), ":")
			secrets = append(secrets, raw, password)
		}
		for _, name := range []string{"password", "passfile", "sslpassword"} {
			secrets = append(secrets, u.Query().Get(name), url.QueryEscape(u.Query().Get(name)))
		}
	}
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "...")
		}
	}
	return text
}
