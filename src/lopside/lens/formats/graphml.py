"""The citation graph as GraphML."""

from __future__ import annotations

import re
import sqlite3
from xml.etree.ElementTree import Element, SubElement, tostring

_SPACE = "http://graphml.graphdrawing.org/xmlns"
_FIELDS = {"title": "string", "authors": "string", "year": "int", "reading": "string"}
_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML may have, not even escaped."""

_PAPERS = """
SELECT slug, title, year, reading,
  (SELECT group_concat(printed, ' · ')
   FROM (SELECT printed FROM authorship WHERE paper = paper.pk ORDER BY place)) AS authors
FROM paper ORDER BY slug
"""
_CITATIONS = """
SELECT one.slug, other.slug FROM citation JOIN paper AS one ON one.pk = citing JOIN paper AS other ON other.pk = cited
ORDER BY 1, 2
"""


def graphml(db: sqlite3.Connection) -> str:
    """Return all papers and citations; an edge goes from a paper to what it cites."""
    root = Element("graphml", xmlns=_SPACE)
    for name, kind in _FIELDS.items():
        SubElement(root, "key", {"id": name, "for": "node", "attr.name": name, "attr.type": kind})
    graph = SubElement(root, "graph", id="citations", edgedefault="directed")
    for row in db.execute(_PAPERS):
        node = SubElement(graph, "node", id=row["slug"])
        for name in _FIELDS:
            if row[name] is not None:
                SubElement(node, "data", key=name).text = _UNFIT.sub(" ", str(row[name]))
    for citing, cited in db.execute(_CITATIONS):
        SubElement(graph, "edge", source=citing, target=cited)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode")
