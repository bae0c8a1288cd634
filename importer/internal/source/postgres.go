package source

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

// findPostgres does not connect yet.
func (s *Source) findPostgres() error {
	if len(s.spec.Paths) > 1 {
		return errors.New("a Postgres database cannot be imported together with something else: import one after the other")
	}
	if s.spec.Format != "" || s.spec.Delimiter != "" || s.spec.Encoding != "" {
		return errors.New("-format, -delimiter and -encoding are for files, not for Postgres")
	}
	address, err := url.Parse(s.spec.Paths[0])
	// Behind a password with / or ? in it the rest would be taken for a name to show.
	if err != nil || address.User == nil && strings.Contains(s.spec.Paths[0], "@") {
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

const (
	postgresDB    = "postgres_db"     // as DuckDB's extension reads it
	postgresViews = "postgres_tables" // the same tables, without what it reads wrong
)

func loadPostgres(ctx context.Context, l *load) error {
	if err := duck.LoadPostgres(ctx, l.conn); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s: %w", l.s.Name, err)
	}
	name := filepath.Base(l.db.Dir) // no other import has it
	address := withDefaults(l.s.spec.Paths[0], name, os.LookupEnv)
	l.describe = func(err, explained error) string {
		return withoutSecrets(withoutSecrets(postgresSentence(err, explained), address), l.s.spec.Paths[0])
	}
	if err := l.attach(ctx, "ATTACH "+duck.Quote(address)+" AS "+postgresDB+" (TYPE postgres, READ_ONLY)"); err != nil {
		return err
	}
	done, cancelled := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cancelled)
		l.cancelPostgres(address, name, done)
	})
	err := l.fillFromPostgres(ctx)
	close(done)
	if !stop() {
		<-cancelled
	}
	// The connection goes back to the pool as it was, and those to Postgres end.
	back := context.WithoutCancel(ctx)
	for _, statement := range []string{"USE import.main", "DETACH DATABASE IF EXISTS " + postgresViews, "DETACH " + postgresDB} {
		if failed := l.exec(back, statement); err == nil {
			err = failed
		}
	}
	return err
}

func (l *load) fillFromPostgres(ctx context.Context) error {
	relations, err := l.postgresRelations(ctx)
	if err != nil {
		return err
	}
	query := l.s.spec.SQL
	if query == "" {
		chosen, err := l.s.chooseRelation(relations)
		if err != nil {
			return err
		}
		relations = []*relation{chosen}
		l.s.SQL = "SELECT * FROM " + chosen.sql()
	} else {
		relations = slices.DeleteFunc(relations, func(r *relation) bool {
			return !strings.Contains(strings.ToLower(query), strings.ToLower(r.name))
		})
	}
	if err := l.makeViews(ctx, relations); err != nil {
		return err
	}
	return l.fill(ctx, l.s.SQL)
}

// makeViews makes views of the names that the tables have in Postgres, where DuckDB
// looks for those of a query.
func (l *load) makeViews(ctx context.Context, relations []*relation) error {
	path, err := duck.Texts(ctx, l.conn, "FROM "+askPostgres("SELECT unnest(current_schemas(false))::text"))
	if err != nil {
		return l.explain(ctx, err)
	}
	if err := l.exec(ctx, "ATTACH ':memory:' AS "+postgresViews); err != nil {
		return err
	}
	schemas := slices.Clone(path)
	for _, r := range relations {
		schemas = append(schemas, r.schema)
	}
	for _, schema := range schemas {
		if err := l.exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+postgresViews+"."+duck.Name(schema)); err != nil {
			return err
		}
	}
	for _, r := range relations {
		view := fmt.Sprintf("CREATE VIEW IF NOT EXISTS %s.%s.%s AS %s", postgresViews, duck.Name(r.schema), duck.Name(r.name), r.query(l.s.spec.SQL != ""))
		if err := l.exec(ctx, view); err != nil {
			return err
		}
	}
	for i, schema := range path {
		path[i] = postgresViews + "." + duck.Name(schema)
	}
	if len(path) == 0 {
		path = []string{postgresViews + ".main"}
	}
	return l.exec(ctx, "SET search_path = "+duck.Quote(strings.Join(path, ",")))
}

// askPostgres has Postgres run a query, within the transaction of DuckDB's.
func askPostgres(query string) string {
	return "postgres_query('" + postgresDB + "', " + duck.Quote(query) + ")"
}
