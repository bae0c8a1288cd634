// Package chaos holds tests alone: they start real relays, brokers and producers
// as processes, kill, stop and cut them off, and count what became of every
// event.
//
//	go test -C relay ./internal/chaos            # the short form, about two minutes
//	go test -C relay ./internal/chaos -v -long -timeout 3h
//	ALTERTABLE_RELAY_LONG=1 go test -C relay ./internal/chaos -v -timeout 3h
//
// With -v each scenario prints its figures. A single one runs by its name:
//
//	go test -C relay ./internal/chaos -v -run TestKillEmbedded
//
// A producer is a process that has the SDK. It notes in a file which of its events
// were acknowledged, that is, answered 200 by the relay. The sink stands for the
// API. It knows every event by the id that it carries. The verdict compares both:
// of what was acknowledged nothing is lost, the identifies of a person arrive in
// order, and no more arrives twice than the failure allows.
//
// The processes are built once for a run, without the race detector. The tests
// that need signals are skipped on Windows, and the one that fills a disk needs
// Linux and root.
package chaos
