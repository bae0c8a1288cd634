// Command relay stores events on NATS JetStream and delivers them to Altertable.
package main

func main() {}
