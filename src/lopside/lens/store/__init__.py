"""The reader's library in one SQLite file."""
