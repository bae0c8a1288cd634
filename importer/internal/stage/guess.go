package stage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/altertable-ai/altertable-go/importer/internal/duck"
	"github.com/altertable-ai/altertable-go/importer/internal/message"
	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/source"
)

// guesses are what the columns tell, the first one that is there. A track has a
// distinct_id as an identify has it, so the special columns come first.
var guesses = []struct{ column, endpoint string }{
	{"new_user_id", record.Alias},
	{"event", record.Track},
	{"distinct_id", record.Identify},
}

// needs are the columns that an endpoint's rows have to have; of those in one
// text any one will do.
var needs = map[string][]string{
	record.Track:    {"event", "distinct_id anonymous_id", "timestamp"},
	record.Identify: {"distinct_id"},
	record.Alias:    {"distinct_id", "new_user_id"},
}

// near are names that others give to what is needed, in the order of preference,
// as plain makes them.
var near = map[string][]string{
	"distinct_id": {"userid", "uid", "distinctid", "customerid", "personid", "accountid", "id"},
	"timestamp":   {"time", "createdat", "ts", "eventtime", "occurredat", "date", "datetime", "sentat"},
	"event":       {"eventname", "eventtype", "name", "action", "type"},
	"new_user_id": {"newuserid", "userid", "newid"},
}

// endpointOf is the endpoint of rows that name none, and the column by which it
// was guessed. The error says which columns are missing.
func (sh *shape) endpointOf(ctx context.Context, db *duck.DB, s *source.Source, as string) (endpoint, because string, err error) {
	names, sampled, err := sh.names(ctx, db)
	if err != nil {
		return "", "", err
	}
	has := func(name string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return n == name || !sampled && strings.EqualFold(n, name) })
	}
	if sh.raw || sh.has(message.Endpoint) || sh.has(message.Message) || as == "" && has("endpoint") {
		return as, "", nil
	}
	if sampled && len(names) == 0 { // no row, or none that is an object
		return as, "", nil
	}
	if as == "" {
		for _, g := range guesses {
			if has(g.column) {
				as, because = g.endpoint, g.column
				break
			}
		}
	}
	var missing []string
	for _, need := range needs[cmp.Or(as, likely(names))] {
		first := strings.Fields(need)[0]
		if !slices.ContainsFunc(strings.Fields(need), has) || first == "distinct_id" && !has(first) && isUserID(nearest(first, names, nil)) {
			missing = append(missing, first)
		}
	}
	if missing != nil {
		return "", "", sh.missing(as, missing, s, sampled, names)
	}
	return as, because, nil
}

// isUserID reports whether a column has to have ids of users. Beside it, anonymous_id
// alone does not say who a track is about: its users would stay strangers.
func isUserID(name string) bool { return name != "" && plain(name) != "id" }

// plain is a name as near has it.
func plain(name string) string { return separators.Replace(strings.ToLower(name)) }

var separators = strings.NewReplacer("_", "", " ", "", "-", "", "$", "")

// likely is the endpoint of rows that no column tells: a table of events has a
// name for them, any other one is of people.
func likely(names []string) string {
	switch nearest("event", names, nil) {
	case "", "name", "type", "action":
		return record.Identify
	}
	return record.Track
}

// names are those of the columns; for JSON also those of the members of the first
// rows, which have to be in lower case.
func (sh *shape) names(ctx context.Context, db *duck.DB) (names []string, sampled bool, err error) {
	for _, c := range sh.columns {
		names = append(names, c.Name)
	}
	if !sh.has(message.JSON) {
		return names, false, nil
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "_") })
	query := fmt.Sprintf("SELECT DISTINCT unnest(TRY(json_keys(%s))) AS name FROM (SELECT * FROM %s LIMIT %d) ORDER BY name",
		sh.column(message.JSON), sh.from(), sampleJSON)
	var own []string
	err = db.Large(ctx, func() (err error) {
		own, err = duck.Texts(ctx, db, query)
		return err
	})
	if err != nil {
		return nil, false, sh.sentence(ctx, "the first rows cannot be read", err)
	}
	return append(names, own...), true, nil
}

// sampleJSON is how many rows of JSON show which members there are.
const sampleJSON = 1000

// missing is the sentence about columns that are not there.
func (sh *shape) missing(as string, missing []string, s *source.Source, sampled bool, names []string) error {
	if err := NoHeader(s, names); err != nil {
		return err
	}
	kind, there := "column", "the columns are"
	if sampled {
		kind, there = "member", "the first rows have"
	}
	if len(missing) > 1 {
		kind += "s"
	}
	endpoint, events := cmp.Or(as, likely(names)), ""
	if as == "" && endpoint == record.Identify && nearest("event", names, nil) != "" && nearest("timestamp", names, nil) != "" {
		events = ". If rows are events and not users, say -as track"
	}
	return fmt.Errorf("%s: %s needs the %s %s: %s %s. %s%s", s.Name, article(endpoint), kind,
		listed(missing), there, shown(names), suggestion(missing, names, s), events)
}

func article(endpoint string) string {
	if endpoint == record.Track {
		return "a track"
	}
	return "an " + endpoint
}

// shown lists names of columns, up to a point.
func shown(names []string) string {
	const most = 40
	var list []string
	for _, name := range names {
		if name != "_row" && name != "_file" {
			list = append(list, name)
		}
	}
	if len(list) > most {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d others", len(list)-most)
	}
	return strings.Join(list, ", ")
}

// suggestion is a query that names the columns as they should be.
func suggestion(missing, names []string, s *source.Source) string {
	var renamed, taken []string
	for _, want := range missing {
		from := "..."
		if name := nearest(want, names, taken); name != "" {
			from = identifier(name)
			if s.JSON {
				from = "_json->>" + duck.Quote(name)
			}
			taken = append(taken, name)
		}
		renamed = append(renamed, from+" AS "+want)
	}
	rest := "*"
	if taken != nil && !s.JSON {
		for i, name := range taken {
			taken[i] = identifier(name)
		}
		rest = "* EXCLUDE (" + strings.Join(taken, ", ") + ")"
	}
	query := fmt.Sprintf("SELECT %s, %s FROM %s", strings.Join(renamed, ", "), rest, origin(s))
	return `Say what they are: -sql "` + forShell.Replace(query) + `"`
}

// forShell writes a query for a shell's double quotes.
var forShell = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`")

// nearest is the name that probably means what is wanted.
func nearest(want string, names, taken []string) string {
	for _, candidate := range near[want] {
		for _, name := range names {
			if plain(name) == candidate && !slices.Contains(taken, name) {
				return name
			}
		}
	}
	return ""
}

// listed joins names: a, b and c.
func listed(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
