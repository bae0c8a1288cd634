package survey

import (
	"fmt"
	"strings"
	"testing"

	"github.com/altertable-ai/altertable-go/importer/internal/record"
	"github.com/altertable-ai/altertable-go/importer/internal/stage"
)

// TestNoLineIsTooWide has long names in all places where the survey writes one, and
// large numbers. What printed checks of each line is the test.
func TestNoLineIsTooWide(t *testing.T) {
	long := func(name string, n int) string {
		return strings.Repeat(name+"_", n/(len(name)+1)+1)[:n]
	}
	for _, n := range []int{10, 25, 38, 41, 60, 99, 300} {
		s := &stage.Stage{SourceRows: 98_765_432_109, Messages: 98_765_432_109, LeftOut: 12_345_678_901, Guessed: true, As: record.Track, Because: long("because", n), Moved: 1_234_567}
		v := newSurvey(s)
		v.usual = []byte("production")
		v.Advice = []string{"Say -preset " + long("preset", n) + ": " + long("advice", n)}
		for i := range 300 {
			row := track(int64(i+1)*1_234_567_891, long("person", n)+fmt.Sprint(i%3), long("event", n)+fmt.Sprint(i%30), fmt.Sprintf("20%02d-01-02 08:00:00", i%100))
			row.File = long("file", n) + fmt.Sprint(i%4)
			row.Message = fmt.Appendf(nil, `{"environment":%q,"event":"e","%s":1,"properties":{"%s":"x"}}`, long("environment", n)+fmt.Sprint(i%9), long("member", n), long("property", n))
			if i%10 == 1 {
				row.Person = "unknown"
			}
			if i%7 == 0 {
				row.Person = long("ada", n) + "@example.com"
			}
			v.add(&row)
			bad := refused(row.Number, "a reason "+long("reason", n)+fmt.Sprint(i%5))
			bad.File = row.File
			v.add(&bad)
		}
		for _, e := range v.calendar.names {
			e.count *= 98_765_432_109
		}
		v.reasons[0].count *= 98_765_432_109
		for width := leastWidth; width <= mostWidth; width++ {
			printed(t, v, width, false)
			printed(t, v, width, true)
		}
	}
}
