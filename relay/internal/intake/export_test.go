package intake

import "time"

// SetTimes shortens how long a body may take and how long the broker.
func (i *Intake) SetTimes(body, part time.Duration) { i.bodyTime, i.partTime = body, part }
