package source

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"

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
	l.words = func(err, explained error) string {
		return withoutSecrets(withoutSecrets(postgresWords(err, explained), address), l.s.spec.Paths[0])
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

// chooseRelation finds the table that is named, or the only one.
func (s *Source) chooseRelation(relations []*relation) (*relation, error) {
	var names []string
	var readable []*relation
	for _, r := range relations {
		if r.readable {
			names, readable = append(names, r.label()), append(readable, r)
		}
	}
	// Postgres tells "Users" from users.
	for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
		for _, r := range relations {
			if same(r.label(), s.spec.Table) || same(r.schema+"."+r.name, s.spec.Table) {
				return r, nil
			}
		}
	}
	if err := s.choose(names); err != nil {
		return nil, err
	}
	return readable[0], nil
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

// withDefaults has the connection named, for whoever looks after the server and for
// cancelPostgres, and does not wait without end for a host that never answers.
func withDefaults(address, name string, lookupEnv func(string) (string, bool)) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	given := u.Query()
	_, timeout := lookupEnv("PGCONNECT_TIMEOUT")
	_, service := lookupEnv("PGSERVICE") // which may have one
	var more []string
	if !given.Has("application_name") {
		more = append(more, "application_name="+name)
	}
	if !timeout && !service && !given.Has("connect_timeout") && !given.Has("service") {
		more = append(more, "connect_timeout=20")
	}
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	if len(more) == 0 {
		return address
	}
	return address + separator + strings.Join(more, "&")
}

// cancelPostgres has Postgres end what it does for this import until done is closed.
// DuckDB notices an interrupt at the next row alone, and that may be far: a view has
// to be worked out, or a lock is waited for.
func (l *load) cancelPostgres(address, name string, done <-chan struct{}) {
	const again = time.Second // what was cancelled may have been the statement before
	ctx := context.Background()
	conn, err := l.db.Conn(ctx)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	const other = "postgres_cancel"
	if _, err := conn.ExecContext(ctx, "ATTACH "+duck.Quote(address)+" AS "+other+" (TYPE postgres, READ_ONLY)"); err != nil {
		return
	}
	defer func() { _, _ = conn.ExecContext(ctx, "DETACH "+other) }()
	// Without CASE Postgres may call the function for other connections first.
	cancel := "FROM postgres_query('" + other + "', " + duck.Quote("SELECT 1 FROM pg_stat_activity WHERE CASE WHEN application_name = "+duck.Quote(name)+
		" AND pid <> pg_backend_pid() THEN pg_cancel_backend(pid) ELSE false END") + ")"
	for {
		_, _ = conn.ExecContext(ctx, cancel) // there is a second signal for where it fails
		select {
		case <-done:
			return
		case <-time.After(again):
		}
	}
}

// askPostgres has Postgres run a query, within the transaction of DuckDB's.
func askPostgres(query string) string {
	return "postgres_query('" + postgresDB + "', " + duck.Quote(query) + ")"
}

var (
	// beforeWords is what the extension puts before Postgres's own words.
	beforeWords = regexp.MustCompile(`(?s)^.*(?:ERROR|FATAL): +`)
	// notConnected quotes the whole address.
	notConnected = regexp.MustCompile(`(?s)^Unable to connect to Postgres at ".*?": `)
	// ofNoValue are Postgres's messages that are about names, rights and the server.
	// Others may have a value anywhere: a view's functions say what they like.
	ofNoValue = regexp.MustCompile(`^(?:permission denied|must be owner|(?:relation|column|schema|function|table|database|role|type|operator|extension) .* does not exist|syntax error|` +
		`cannot execute .* in a read-only transaction|canceling statement|invalid input syntax for type [a-z ]+:|division by zero|out of memory|could not (?:open|read|write|extend|resize|obtain|access)|` +
		`deadlock detected|lock not available|too many|remaining connection slots|sorry, |the database system|snapshot too old|cannot open |foreign |row-level security)`)
	// ofValue is where Postgres quotes a value, and not a name.
	ofValue = regexp.MustCompile(`: ".*"`)
	// brokenOff is a connection that ended while rows were read.
	brokenOff = regexp.MustCompile(`(?s)^Unable to read (?:binary )?COPY data from Postgres: |^.*FATAL: +(terminating connection)|^.*(server closed the connection)`)
	// noDecimal is what becomes of a NaN in a typed view.
	noDecimal = regexp.MustCompile(`(?s)^Could not convert string "NaN" to DECIMAL.* source column (\w+).*`)
	// otherNames are of DuckDB's own tables, and of those that the query says anyway.
	otherNames = regexp.MustCompile(` Did you mean ".*"\?`)
)

// postgresWords is what Postgres says itself, in one line and without values. For
// what DuckDB says there is an explanation.
func postgresWords(err, explained error) string {
	var e *duckdb.Error
	if !errors.As(err, &e) {
		return explained.Error()
	}
	_, text, _ := strings.Cut(e.Msg, "Error: ")
	switch {
	case notConnected.MatchString(text):
		return "cannot connect: " + lines(notConnected.ReplaceAllString(text, ""))
	case brokenOff.MatchString(text):
		return "the connection ended while the rows were read, and nothing was sent: run the same command again (" + lines(brokenOff.ReplaceAllString(text, "$1$2")) + ")"
	case noDecimal.MatchString(text):
		return noDecimal.ReplaceAllString(text, `the column $1 has a NaN, which the numbers of a query cannot be: import the table with -table, which refuses these rows alone, `+
			`or have Postgres leave them out: FROM postgres_query('`+postgresDB+`', 'SELECT ... WHERE $1 <> ''NaN''')`)
	case beforeWords.MatchString(text):
		text, _, _ := strings.Cut(beforeWords.ReplaceAllString(text, ""), "\n")
		if !ofNoValue.MatchString(text) {
			return "Postgres cannot read the rows, and what it says may have values of them: run the query with psql, which shows it"
		}
		return "Postgres says: " + ofValue.ReplaceAllString(text, ": '...'")
	}
	return otherNames.ReplaceAllLiteralString(explained.Error(), "")
}

// lines joins the lines of a text, each one once: libpq tries with TLS and without,
// and says both.
func lines(text string) string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.Join(strings.Fields(line), " "); line != "" && !slices.Contains(all, line) {
			all = append(all, line)
		}
	}
	return strings.Join(all, "; ")
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
