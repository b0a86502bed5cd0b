"""Every file format in and out; arrays and dictionaries only, never pickled objects."""

from lopside.io.archives import Header, holds_facts, npy_header, read_archive, write_archive
from lopside.io.files import no_empty_folder, require_writable, whole_file
from lopside.io.matrices import SUFFIXES, Reading, read_factors, read_matrix
from lopside.io.tables import json_text, write_json, write_table

__all__ = [
    "SUFFIXES",
    "Header",
    "Reading",
    "holds_facts",
    "json_text",
    "no_empty_folder",
    "npy_header",
    "read_archive",
    "read_factors",
    "read_matrix",
    "require_writable",
    "whole_file",
    "write_archive",
    "write_json",
    "write_table",
]
