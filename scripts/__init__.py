"""Terminal views of the runs, over HTTP, and the demonstration of `make run`. Each script says more with `--help`."""
