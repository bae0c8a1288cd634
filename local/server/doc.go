// Package server is the server of the command altertable-local, for programs
// that start it within themselves: the documented API of Altertable Product
// Analytics, a console that shows what arrives and whom it belongs to, and SQL
// over it. The documentation of the command says what it answers.
//
//	func main() {
//		server.Engine()
//		s, err := server.Start(server.Config{Port: server.DefaultPort})
//		if err != nil {
//			log.Fatal(err)
//		}
//		fmt.Println("Console:", s.URL())
//		// ...
//		if err := s.Close(); err != nil {
//			log.Fatal(err)
//		}
//	}
//
// The data and the queries are in another process, the engine, so that a query
// that makes DuckDB crash ends that one and gets an error. The engine is the same
// program, started once more without arguments. Engine makes it one.
package server
