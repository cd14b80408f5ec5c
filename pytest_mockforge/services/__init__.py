"""Services that a run starts itself: processes that answer on a port of loopback, and that end with the run."""
