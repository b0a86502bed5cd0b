"""From what the reader gave to papers in the library: plan, job, storing, merging."""
