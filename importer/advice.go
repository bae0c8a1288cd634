package main

import (
	"context"
	"fmt"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/preset"
	"github.com/altertable-ai/altertable-go/importer/internal/survey"
)

// recognize notes the preset that the source looks made for, if the command line
// says nothing about what its rows mean, or names another preset.
func (j *job) recognize(ctx context.Context, db *duck.DB) {
	if j.sql != "" || j.source.Raw {
		return
	}
	var names []string
	var err error
	if j.source.JSON {
		names, err = duck.Texts(ctx, db, "SELECT DISTINCT unnest(TRY(json_keys(_json))) FROM (SELECT _json FROM source LIMIT 1000)")
	} else {
		names, err = columnsOf(ctx, db, "SELECT * FROM source")
	}
	switch {
	case err != nil: // what is wrong is said where it matters
	case j.preset != "":
		j.otherPreset = preset.Instead(j.preset, names)
	default:
		j.likePreset = preset.Recognize(names)
	}
}

// presetAdvice is what to say about the preset before rows are sent, or "".
func (j *job) presetAdvice() string {
	switch {
	case j.likePreset != "":
		return likeAnExport(j.likePreset)
	case j.otherPreset != "":
		return fmt.Sprintf("This looks like an export for -preset %s, not for -preset %s.", j.otherPreset, j.preset)
	}
	return ""
}

func likeAnExport(name string) string {
	return fmt.Sprintf("This looks like an export of another tool. Give -preset %s, or its calls that say who somebody is are events like all others.", name)
}

// advise adds what the command knows about the source to the survey's hints.
func (j *job) advise(v *survey.Survey) {
	switch {
	case j.presetAdvice() != "":
		v.Advice = append(v.Advice, j.presetAdvice())
	case j.preset != "" && v.Messages > 0 && v.Refused == v.Messages:
		v.Advice = append(v.Advice, fmt.Sprintf("Every row is refused: is it the export that -preset %s reads? presets.md says which one that is.", j.preset))
	}
}
