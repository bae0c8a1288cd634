package main

import (
	"context"
	"fmt"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/preset"
	"github.com/altertable-ai/altertable-go/importer/internal/survey"
)

// recognize returns the preset that the source looks made for, if the command line
// says nothing about what its rows mean.
func (j *job) recognize(ctx context.Context, db *duck.DB) string {
	if j.preset != "" || j.sql != "" || j.source.Raw {
		return ""
	}
	var names []string
	var err error
	if j.source.JSON {
		names, err = column(ctx, db, "SELECT DISTINCT unnest(TRY(json_keys(_json))) FROM (SELECT _json FROM source LIMIT 1000)")
	} else {
		names, err = columnsOf(ctx, db, "SELECT * FROM source")
	}
	if err != nil {
		return "" // what is wrong is said where it matters
	}
	return preset.Recognize(names)
}

// column returns the texts of a query's only column.
func column(ctx context.Context, db *duck.DB, query string) (all []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}

func likeAnExport(name string) string {
	return fmt.Sprintf("This looks like an export of another tool. Give -preset %s, or its calls that say who somebody is are events like all others.", name)
}

// advise adds what the command knows about the source to the survey's hints.
func (j *job) advise(v *survey.Survey) {
	switch {
	case j.likePreset != "":
		v.Advice = append(v.Advice, likeAnExport(j.likePreset))
	case j.preset != "" && v.Rows > 0 && v.Refused == v.Rows:
		v.Advice = append(v.Advice, fmt.Sprintf("Every row is refused: is it the export that -preset %s reads? presets.md says which one that is.", j.preset))
	}
}
