package altertable

import "github.com/altertable-ai/altertable-go/internal/testhook"

// A test kit that writes a visitor's cookie needs its name, which holds the key:
// nothing to be had through the exported API.
func init() {
	testhook.VisitorCookie = func(client any) string {
		c, _ := client.(*Client)
		if c.absent() {
			return ""
		}
		return *c.cfg.visitorCookie
	}
}
