"""What Lens asks of the world: identifiers, files of references, and the two sources behind one pacer."""
