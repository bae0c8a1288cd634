package source

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the driver

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
)

// findDatabase is for a file that is one. The query is run where its tables are
// found by their names.
func (s *Source) findDatabase() error {
	f := s.files[0]
	list, loader := duckdbTables, loadDuckDB
	if s.format == sqliteFormat {
		list, loader = sqliteTables, loadSQLite
	}
	s.loader = loader
	if s.SQL = trimQuery(s.spec.SQL); s.SQL != "" {
		return nil
	}
	tables, err := list(context.Background(), f.path)
	if err != nil {
		return fmt.Errorf("cannot read %s: %w", f.name, duck.Refused(err, f.path))
	}
	return s.choose(tables)
}

// choose makes the query of the table that is named, or of the only one there is.
func (s *Source) choose(tables []string) error {
	switch i := slices.IndexFunc(tables, func(name string) bool { return strings.EqualFold(name, s.spec.Table) }); {
	case i >= 0:
		s.spec.Table = tables[i]
	case len(tables) == 0:
		return fmt.Errorf("%s has no tables", s.Name)
	case s.spec.Table != "":
		return fmt.Errorf("%s has no table %s; it has %s", s.Name, s.spec.Table, several(tables))
	case len(tables) > 1:
		return fmt.Errorf("%s has %d tables: choose one with -table, or write a query with -sql; there are %s", s.Name, len(tables), several(tables))
	default:
		s.spec.Table = tables[0]
	}
	s.Table, s.SQL = s.spec.Table, "SELECT * FROM "+tableName(s.spec.Table)
	return nil
}

// several names some things of many.
func several(names []string) string {
	const most = 20
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// tableName quotes a name that may have its schema before a dot.
func tableName(name string) string {
	schema, table, found := strings.Cut(name, ".")
	if !found {
		return duck.Name(name)
	}
	return duck.Name(schema) + "." + duck.Name(table)
}

// listTables has the tables and views of an attached database; those of its main
// schema without their schema's name.
const listTables = `SELECT if(schema IN ('main', 'public'), '', schema || '.') || name FROM
	(SELECT database_name, schema_name AS schema, table_name AS name FROM duckdb_tables() WHERE NOT internal
	UNION ALL SELECT database_name, schema_name, view_name FROM duckdb_views() WHERE NOT internal)
	WHERE database_name = ? AND schema NOT IN ('pg_catalog', 'information_schema') ORDER BY ALL`

func duckdbTables(ctx context.Context, path string) ([]string, error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "ATTACH "+duck.Quote(path)+" AS attached (READ_ONLY)"); err != nil {
		return nil, err
	}
	return duck.Texts(ctx, db, listTables, "attached")
}

func loadDuckDB(ctx context.Context, l *load) error {
	if err := l.db.Reserve(l.s.Bytes); err != nil {
		return err
	}
	alias := catalog(l.s.files[0].path)
	return l.attached(ctx, "ATTACH "+duck.Quote(l.s.files[0].path)+" AS "+duck.Name(alias)+" (READ_ONLY)", alias)
}

// catalog is what DuckDB calls the database of a file.
func catalog(path string) string {
	base := filepath.Base(path)
	name := strings.TrimSuffix(base, filepath.Ext(base))
	switch strings.ToLower(name) {
	case "", "import", "system", "temp", "main":
		return "attached"
	}
	return name
}

// attached runs the query in another database.
func (l *load) attached(ctx context.Context, attach, alias string) (err error) {
	if err := l.attach(ctx, attach); err != nil {
		return err
	}
	defer func() {
		// The connection goes back to the pool as it was.
		back := context.WithoutCancel(ctx)
		for _, statement := range []string{"USE import.main", "DETACH " + duck.Name(alias)} {
			if failed := l.exec(back, statement); err == nil {
				err = failed
			}
		}
	}()
	if l.s.SQL == "" {
		tables, err := duck.Texts(ctx, l.conn, listTables, alias)
		if err != nil {
			return l.explain(ctx, err)
		}
		if err := l.s.choose(tables); err != nil {
			return err
		}
	}
	if err := l.exec(ctx, "USE "+duck.Name(alias)); err != nil {
		return err
	}
	return l.fill(ctx, l.s.SQL)
}
