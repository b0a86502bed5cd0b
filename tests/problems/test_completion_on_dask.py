"""Completion on Dask's threads: the bits of the same entries in one place, for any partitions; what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lopside as lo
from lopside.errors import AbilityError, InputError
from lopside.storage import stretches as module
from lopside.storage.executor import Executor, task

SOLVERS = {
    "als": lo.solvers.AlternatingLeastSquares(),
    "conjugate gradients": lo.solvers.AlternatingLeastSquares(inner_steps=2),
    "damped": lo.solvers.AlternatingLeastSquares(damping=0.1),
    "gradient": lo.solvers.AlternatingGradientDescent(),
    "scaled": lo.solvers.AlternatingScaledGradientDescent(),
    "momentum": lo.solvers.Nesterov(),
}


def entries(seed: int = 0, m: int = 40, n: int = 30, k: int = 500, kind: Any = np.float64) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    flat = rng.choice(m * n, k, replace=False)
    i, j = flat // n, flat % n
    A = 3.0 + rng.standard_normal((m, 2)) @ rng.standard_normal((2, n)) + 0.1 * rng.standard_normal((m, n))
    return {"rows": i, "cols": j, "values": A[i, j].astype(kind), "weights": rng.uniform(0.5, 2.0, k)}


def chunked(given: dict[str, np.ndarray], size: Any) -> dict[str, Any]:
    return {name: da.from_array(array, chunks=size) for name, array in given.items()}


def same(one: Any, other: Any) -> None:
    np.testing.assert_array_equal(one, other)
    assert np.asarray(one).dtype == np.asarray(other).dtype


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize(
    ("options", "kind", "weighted"),
    [
        ({}, np.float64, False),
        ({"bias": "both", "ridge_scaling": "counts"}, np.float32, True),
        ({"bias": "rows", "bias_ridge": 0.3, "ridge_scaling": "smoothed"}, np.float64, True),
    ],
)
def test_any_partitions_give_the_bits_of_one_place(solver: Any, options: Any, kind: Any, weighted: bool) -> None:
    given = entries(kind=kind)
    if not weighted:
        del given["weights"]
    local = lo.Completion(**given, ridge=0.1, **options)
    stop = lo.Stop(max_steps=3)
    expected = lo.solve(local, solver, rank=2, stop=stop, rng=0)
    for size in (500, 170, (3, 240, 1, 256)):
        spread = lo.Completion(**chunked(given, size), ridge=0.1, **options)
        assert (spread.norm, spread.mean, spread.entries) == (local.norm, local.mean, local.entries)
        got = lo.solve(spread, solver, rank=2, stop=stop, rng=0)
        same(got.X, expected.X)
        same(got.Y, expected.Y)
        assert (got.loss, got.relative_error) == (expected.loss, expected.relative_error)
        same(spread.predict(got, [0, 3], [1, 2]), local.predict(expected, [0, 3], [1, 2]))


@given(seed=st.integers(0, 99), size=st.integers(1, 60), m=st.integers(1, 12), stretch=st.sampled_from([1, 3, 1 << 20]))
@settings(max_examples=12)
def test_what_is_asked_of_lines_has_the_same_bits(seed: int, size: int, m: int, stretch: int) -> None:
    k = min(60, 9 * m)
    given = entries(seed, m, 9, k)
    with pytest.MonkeyPatch.context() as patch, dask.config.set(scheduler="synchronous"):
        patch.setattr(module, "_STRETCH", stretch)
        local, spread = lo.Completion(**given, ridge=1.0), lo.Completion(**chunked(given, size), ridge=1.0)
        assert spread.shape == local.shape
        for ours, theirs in ((spread.by_rows, local.by_rows), (spread.by_columns, local.by_columns)):
            V = np.random.default_rng(1).standard_normal((ours.shape[1], 3))
            for name in ("counts", "across", "totals", "moments", "energies", "norm", "mean"):
                same(getattr(ours, name)(), getattr(theirs, name)())
            same(ours.product(V), theirs.product(V))
            assert ours.edges[-1] == ours.shape[0]
            assert (np.diff(ours.edges) > 0).all()
        assert spread.sigma1() == local.sigma1()
        assert spread.largest_ridge() == local.largest_ridge()
        for got, expected in zip(spread.leading(1), local.leading(1), strict=True):
            same(got, expected)


def frame(ids: str = "text") -> pd.DataFrame:
    given = entries()
    names = {"text": [f"u{i}" for i in given["rows"]], "numbers": 7 * given["rows"] + 1000}
    names["dates"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(given["rows"], unit="D")
    return pd.DataFrame({"who": names[ids], "what": given["cols"], "stars": given["values"], "w": given["weights"]})


@pytest.mark.parametrize("ids", ["text", "numbers", "dates"])
def test_a_frame_is_that_of_all_its_rows(ids: str) -> None:
    table = frame(ids)
    names = {"row": "who", "column": "what", "value": "stars", "weight": "w"}
    local = lo.Completion.from_frame(table, **names, ridge=0.1, bias="both")
    expected = lo.solve(local, rank=2, stop=lo.Stop(max_steps=3), rng=0)
    pieces = [table[:100], table[100:100], table[100:340], table[340:]]
    for spread in (dd.from_pandas(table, npartitions=3), dd.from_delayed([dask.delayed(piece) for piece in pieces])):
        problem = lo.Completion.from_dask(spread, **names, ridge=0.1, bias="both")
        same(problem.row_ids, local.row_ids)
        same(problem.column_ids, local.column_ids)
        got = lo.solve(problem, rank=2, stop=lo.Stop(max_steps=3), rng=0)
        same(got.X, expected.X)
        same(got.Y, expected.Y)


@pytest.mark.parametrize("duplicates", ["mean", "last"])
def test_places_that_are_there_twice_meet_whatever_partition_they_came_from(duplicates: Any) -> None:
    given = entries(k=300)
    again = {name: np.concatenate([array, array[:120][::-1]]) for name, array in given.items()}
    again["values"] += np.arange(420.0)
    again["weights"][17] = 0.0
    local = lo.Completion(**again, duplicates=duplicates)
    spread = lo.Completion(**chunked(again, 50), duplicates=duplicates)
    assert spread.notes == local.notes
    assert spread.norm == local.norm
    same(spread.by_columns.moments(), local.by_columns.moments())
    with pytest.raises(InputError, match=r"at a place that is there before, the first at row \d+"):
        lo.Completion(**chunked(again, 50))


def test_long_sides_are_compressed_alike() -> None:
    given = entries(k=200)
    given["rows"] = given["rows"] * 10**9 + 5
    local = lo.Completion(**given, ridge=0.1)
    spread = lo.Completion(**chunked(given, 60), ridge=0.1)
    assert spread.notes == local.notes
    assert spread.shape == local.shape == (40, 30)
    same(spread.row_ids, local.row_ids)
    assert spread.norm == local.norm


@pytest.mark.parametrize("factor", [1e-12, 1.0])
def test_the_precision_is_that_of_all_values_together(factor: float) -> None:
    given = entries(kind=np.float32)
    given["values"][:100] *= np.float32(1e-12)  # a partition of its own, whose numbers alone would be widened
    given["values"] *= np.float32(factor)
    assert lo.Completion(**chunked(given, 100)).dtype == lo.Completion(**given).dtype
    assert lo.Completion(**chunked(given, 100)).dtype == (np.float32 if factor == 1.0 else np.float64)


@pytest.mark.parametrize(
    "options", [{}, {"bias": "both", "ridge_scaling": "counts"}, {"bias": "columns", "ridge_scaling": "smoothed"}]
)
def test_the_duality_gap_is_proved_and_does_not_depend_on_partitions(options: Any) -> None:
    given = entries()
    local = lo.Completion(**given, ridge=2.0, **options)
    fit = lo.solve(local, lo.solvers.AlternatingLeastSquares(), rank=8, stop=lo.Stop(max_steps=100), rng=0)
    expected = lo.certify(local, fit)
    proofs = [lo.certify(lo.Completion(**chunked(given, size), ridge=2.0, **options), fit) for size in (500, 90)]
    assert proofs[0].gap == proofs[1].gap
    assert proofs[0].holds
    assert proofs[0].gap == pytest.approx(expected.gap, rel=0.05, abs=1e-9 * fit.loss)


def test_entries_held_out_are_the_same() -> None:
    given = entries()
    local, spread = (lo.Completion(**some, bias="both", ridge=0.1) for some in (given, chunked(given, 130)))
    (kept, held), (ours, out) = (problem.split(0.2, np.random.default_rng(3)) for problem in (local, spread))
    for got, expected in zip(out, held, strict=True):
        same(got, expected)
    assert (ours.norm, ours.mean, ours.entries) == (kept.norm, kept.mean, kept.entries)
    fit = lo.solve(ours, rank=2, stop=lo.Stop(max_steps=3), rng=0)
    assert ours.error(fit, out) == kept.error(fit, held)


def test_unknown_chunk_sizes_are_found_out() -> None:
    given = chunked(entries(), 120)
    some = given["values"] > 2.0
    known = {name: array[some] for name, array in given.items()}
    assert np.isnan(known["values"].shape[0])
    here = {name: array.compute() for name, array in known.items()}
    assert lo.Completion(**known, ridge=0.1).norm == lo.Completion(**here, ridge=0.1).norm
    short = known | {"rows": given["rows"]}
    with pytest.raises(InputError, match="partition 0 .* one place for each value"):
        lo.Completion(**short)


def broken(chunk: np.ndarray, block_info: Any = None) -> np.ndarray:
    if block_info and block_info[0]["chunk-location"] == (2,):
        raise OSError("disk gone")
    return chunk


def refused(change: str) -> dict[str, Any]:
    given = entries()
    if change == "NaN":
        given["values"][333] = np.nan
    if change == "negative":
        given["rows"][450] = -3
    found = chunked(given, 100)
    if change == "load":
        found["cols"] = da.map_blocks(broken, found["cols"], dtype=found["cols"].dtype)
    if change == "mixed":
        found["rows"] = given["rows"]
    if change == "ragged":
        found["cols"] = found["cols"].rechunk(250)
    if change == "moved":
        found["cols"] = found["cols"].rechunk(((100, 100, 100, 120, 80),))
    if change == "objects":
        found["values"] = found["values"].astype(object)
    if change == "shape":
        found["shape"] = (39, 30)
    if change == "floats":
        found["cols"] = found["cols"].astype(float)
    if change == "none":
        found = chunked({name: array[:0] for name, array in given.items()}, 100)
    return found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("NaN", r"partition 3 \(counted from 0\): got values\[33\] = nan"),
        ("negative", r"partition 4 .* rows\[50\] = -3"),
        ("load", "partition 2 .* cannot be loaded: OSError: disk gone"),
        ("mixed", "rows of type ndarray among arrays of Dask"),
        ("ragged", r"columns in the chunks \(250, 250\) and values in \(100, 100, 100, 100, …\)"),
        ("moved", "columns in the chunks"),
        ("objects", "type object; expected numbers"),
        ("shape", r"partition \d .* shape 39 × 30"),
        ("floats", "partition 0 .* columns of type float64"),
        ("none", "no observed entries"),
    ],
)
def test_what_cannot_be_used_is_named(change: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        lo.Completion(**refused(change))


def test_frames_that_cannot_be_used() -> None:
    names = {"row": "who", "column": "what", "value": "stars"}
    table = frame()
    with pytest.raises(InputError, match="got DataFrame; expected a frame of Dask.*from_frame"):
        lo.Completion.from_dask(table, **names)
    with pytest.raises(InputError, match="no column 'film'"):
        lo.Completion.from_dask(dd.from_pandas(table, npartitions=2), row="who", column="film", value="stars")
    torn = table.copy()
    torn.loc[400, "stars"] = np.nan
    with pytest.raises(InputError, match="partition 1 .* column 'stars'"):
        lo.Completion.from_dask(dd.from_pandas(torn, npartitions=2), **names)
    mixed = [table[:250], table[250:].assign(who=range(250))]
    with pytest.raises(InputError, match="ids of rows"):
        lo.Completion.from_dask(
            dd.from_delayed([dask.delayed(piece) for piece in mixed], meta=table[:0], verify_meta=False), **names
        )


def test_what_needs_all_entries_in_one_place_says_so() -> None:
    problem = lo.Completion(**chunked(entries(), 100))
    with pytest.raises(AbilityError, match=r"5 partitions on Dask\) for a method \(GNMR\).*AlternatingLeastSquares"):
        lo.solve(problem, lo.solvers.GNMR(), rank=2)
    with pytest.raises(AbilityError, match=r"5 partitions, where their weights in one place .*Spectral\(\)"):
        problem.weighted_leading(2, 1)


def test_processes_made_anew_for_each_call_are_not_used() -> None:
    with dask.config.set(scheduler="processes"):
        assert Executor.here().compute([task(os.getpid)()]) == [os.getpid()]


def test_dask_is_loaded_when_it_is_used() -> None:
    code = (
        "import sys, lopside as lo; lo.Completion([0, 1], [0, 1], [1.0, 2.0]); "
        "assert not {'dask', 'distributed', 'narwhals'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
