"""Papers as files that other programs read."""
