"""Every file format in and out; arrays and dictionaries only, never pickled objects."""

from lopside.io.archives import Header, holds_facts, npy_header, read_archive, write_archive
from lopside.io.files import clear_parts, no_empty_folder, require_writable, whole_file
from lopside.io.holes import Table, read_table
from lopside.io.matrices import SUFFIXES, Reading, read_factors, read_matrix
from lopside.io.pairs import PAIR_SUFFIXES, Pairs, read_pairs
from lopside.io.predictions import FILLED_SUFFIXES, PREDICTION_SUFFIXES, write_filled, write_predictions
from lopside.io.sealed import previous_of, read_sealed, write_sealed
from lopside.io.tables import json_text, write_json, write_table
from lopside.io.triples import ENTRY_SUFFIXES, EntriesReading, read_entries

__all__ = [
    "ENTRY_SUFFIXES",
    "FILLED_SUFFIXES",
    "PAIR_SUFFIXES",
    "PREDICTION_SUFFIXES",
    "SUFFIXES",
    "EntriesReading",
    "Header",
    "Pairs",
    "Reading",
    "Table",
    "clear_parts",
    "holds_facts",
    "json_text",
    "no_empty_folder",
    "npy_header",
    "previous_of",
    "read_archive",
    "read_entries",
    "read_factors",
    "read_matrix",
    "read_pairs",
    "read_sealed",
    "read_table",
    "require_writable",
    "whole_file",
    "write_archive",
    "write_filled",
    "write_json",
    "write_predictions",
    "write_sealed",
    "write_table",
]
