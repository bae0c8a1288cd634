// Command empty does nothing: what BenchmarkShortLivedProcess compares track to.
package main

func main() {}
