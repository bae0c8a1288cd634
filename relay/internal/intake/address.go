package intake

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress returns whom a request comes from: the connection's other side, or,
// where that is a trusted proxy, the last address of X-Forwarded-For that is none.
// It is not valid if a trusted proxy names something else than an address.
func (i *Intake) clientAddress(r *http.Request) netip.Addr {
	address := parseAddress(r.RemoteAddr)
	if !i.isTrusted(address) {
		return address
	}
	for _, line := range slices.Backward(r.Header["X-Forwarded-For"]) {
		for more := true; more; {
			var last string
			last, line, more = cutLast(line)
			if last == "" {
				continue
			}
			if address = parseAddress(last); !i.isTrusted(address) {
				return address
			}
		}
	}
	return address
}

// cutLast returns the last element of a list, and the rest.
func cutLast(list string) (last, rest string, more bool) {
	at := strings.LastIndexByte(list, ',')
	last = strings.TrimSpace(list[at+1:])
	if at < 0 {
		return last, "", false
	}
	return last, list[:at], true
}

// parseAddress reads an address with or without a port, brackets or a zone.
func parseAddress(text string) netip.Addr {
	text = strings.Trim(text, `"`)
	address, err := netip.ParseAddr(text)
	if err != nil {
		if withPort, err := netip.ParseAddrPort(text); err == nil {
			address = withPort.Addr()
		} else if inside, ok := strings.CutPrefix(text, "["); ok {
			address, _ = netip.ParseAddr(strings.TrimSuffix(inside, "]"))
		}
	}
	return address.Unmap().WithZone("")
}

// isTrusted reports whether an address is a trusted proxy's.
func (i *Intake) isTrusted(address netip.Addr) bool {
	if !address.IsValid() {
		return false
	}
	for _, p := range i.o.TrustedProxies {
		if p.Contains(address) {
			return true
		}
	}
	return false
}
