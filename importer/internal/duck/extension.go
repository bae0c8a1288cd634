package duck

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	duckdb "github.com/duckdb/duckdb-go/v2"
)

// postgres is the name of the extension's file.
const postgres = "postgres_scanner.duckdb_extension"

// LoadPostgres loads DuckDB's extension for Postgres, and downloads it first if it
// is not there. The error is a sentence that says what to do.
func LoadPostgres(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "LOAD postgres")
	if err == nil {
		return nil
	}
	place, source, placeErr := extensionPlace(ctx, conn)
	if placeErr != nil {
		return placeErr
	}
	if _, missing := os.Stat(place); !errors.Is(missing, fs.ErrNotExist) {
		return fmt.Errorf("DuckDB cannot load its extension for Postgres, %s: %s. Put the file there that %s holds", place, firstLine(err), source)
	}
	// It is not INSTALL alone: DuckDB can be told to download nothing.
	var may bool
	if err := conn.QueryRowContext(ctx, "SELECT current_setting('autoinstall_known_extensions')").Scan(&may); err != nil {
		return err
	}
	if may {
		if _, err = conn.ExecContext(ctx, "INSTALL postgres"); err == nil {
			_, err = conn.ExecContext(ctx, "LOAD postgres")
		}
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("DuckDB's extension for Postgres is not there, and cannot be downloaded (%s). Where there is a network, download %s, unpack it with gunzip, and put it here as %s", firstLine(err), source, place)
}

// extensionPlace returns the path at which DuckDB looks for the extension, and the
// address from which it downloads it.
func extensionPlace(ctx context.Context, conn *sql.Conn) (place, source string, err error) {
	var version, platform, dir string
	if err := conn.QueryRowContext(ctx, "SELECT version(), current_setting('extension_directory')").Scan(&version, &dir); err != nil {
		return "", "", err
	}
	if err := conn.QueryRowContext(ctx, "PRAGMA platform").Scan(&platform); err != nil {
		return "", "", err
	}
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", "", errors.New("DuckDB keeps its extension for Postgres in the home directory, and it is not known which one that is: set HOME")
		}
		dir = filepath.Join(home, ".duckdb", "extensions")
	}
	return filepath.Join(dir, version, platform, postgres),
		"http://extensions.duckdb.org/" + version + "/" + platform + "/" + postgres + ".gz", nil
}

// firstLine is the first line of what DuckDB says about an extension. Unlike Sentence it
// keeps what is quoted: there are no values in it.
func firstLine(err error) string {
	text := err.Error()
	var e *duckdb.Error
	if errors.As(err, &e) {
		text = e.Msg
	}
	text, _, _ = strings.Cut(errorKind.ReplaceAllString(text, ""), "\n")
	return strings.TrimRight(text, ". ")
}
