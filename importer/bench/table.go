package main

import (
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
)

// printTable prints what was measured. The last one is the loop, which the others
// are compared with.
func printTable(out io.Writer, all []measured) {
	naive := all[len(all)-1]
	fmt.Fprintf(out, "%d cores, of which the sink takes its part\n\n", runtime.GOMAXPROCS(0))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tevents\tseconds\tof these sending\tevents/s\tbeside the loop\tCPU us/event\tmemory MB\trequests\tMB sent\t")
	for _, m := range all {
		fmt.Fprintf(w, "%s\t%d\t%.2f\t%.2f\t%.0f\t%.1f x\t%.2f\t%d\t%d\t%d\t\n", m.name, m.events, m.wall.Seconds(), m.sending.Seconds(), m.rate(),
			m.rate()/naive.rate(), float64(m.cpu.Microseconds())/float64(m.events), m.memory>>20, m.requests, m.bytes>>20)
	}
	_ = w.Flush()
}
