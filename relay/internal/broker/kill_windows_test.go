package broker

func child(string) {}
