"""`lopside plan`."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lopside.cli import main


def test_one_json_object_says_what_a_file_needs(tmp_path, capsys):
    path = tmp_path / "a.npy"
    np.save(path, np.random.default_rng(0).standard_normal((400, 300)))
    assert main(["plan", str(path), "--rank", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["shape"] == [400, 300]
    assert found["memory"]["least"] <= found["memory"]["most"]


def test_a_shape_is_enough(capsys):
    assert main(["plan", "--shape", "1000000x10000", "--dtype", "float32", "--rank", "20", "--no-calibrate"]) == 0
    assert "memory of A        40 GB" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rank", "5"], "neither INPUT nor --shape"),
        (["--shape", "30x20"], "neither --rank nor --relative-error"),
        (["--shape", "thirty", "--rank", "5"], "rows and columns"),
        (["--shape", "30x20", "--rank", "21"], "got rank 21"),
        (["--shape", "30x20", "--rank", "5", "--dtype", "int8"], "float32 or float64"),
        (["--shape", "30000x2000", "--rank", "5", "--memory-limit", "0.001"], "needs"),
    ],
)
def test_what_cannot_be_planned_is_said(options, said, capsys):
    assert main(["plan", *options]) == 2
    caught = capsys.readouterr()
    assert caught.out == ""
    assert said in caught.err
