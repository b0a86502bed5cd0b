"""What the engine finds in the papers: a space of their terms, topics, a map, a space of citations, missing links."""
