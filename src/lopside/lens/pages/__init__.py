"""One file for each kind of page: what it reads, and what it hands to its template."""
