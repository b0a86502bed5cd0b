"""What `lo.plan` says, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.sparse as sp

import lopside as lo
from lopside.footprint import PROCESS, of_run

RNG = np.random.default_rng(0)
A = RNG.standard_normal((3000, 20)) @ RNG.standard_normal((20, 200)) + 0.01 * RNG.standard_normal((3000, 200))


@pytest.mark.parametrize(
    ("make", "layout"),
    [
        (lambda _: A, "dense, float64"),
        (lambda _: np.asfortranarray(A), "dense, float64"),
        (lambda _: lo.Full(A), "dense, float64"),
        (lambda _: sp.random(3000, 200, density=0.05, random_state=0, format="csr"), "CSR"),
        (lambda _: sp.linalg.aslinearoperator(A), "operator"),
        (lambda folder: str(folder / "a.npy"), "in a file"),
        (lambda folder: np.load(folder / "a.npy", mmap_mode="r"), "in a file"),
        (lambda _: (3000, 200), "dense, float64"),
    ],
)
def test_every_form_of_a_matrix_is_planned_for(tmp_path, make, layout):
    np.save(tmp_path / "a.npy", A)
    for options in ({}, {"solver": lo.solvers.AlternatingGradientDescent()}):
        plan = lo.plan(make(tmp_path), 10, **options)
        assert plan.shape == (3000, 200)
        assert layout in plan.storage
        assert 0 < plan.memory.least <= plan.memory.most
        assert 0 < plan.passes.least < plan.passes.most
        assert plan.seconds_per_pass > 0
        assert plan.seconds.least <= plan.seconds.most
        assert json.loads(json.dumps(plan.as_dict()))["rank"] == 10
        assert "passes" in str(plan)
        assert plan._repr_html_().startswith("<table>")


def test_nothing_is_read_of_a_matrix_that_is_only_a_shape():
    plan = lo.plan((10**6, 10**4), 20, dtype=np.float32, calibrate=False)
    assert plan.matrix_bytes == 4 * 10**10
    assert plan.peak_memory == plan.matrix_bytes + plan.memory.most
    assert plan.seconds is None


def test_a_plan_is_what_factorize_then_does():
    plan = lo.plan(A, 10, calibrate=False)
    solution = lo.factorize(A, 10)
    assert plan.choices == solution.choices
    assert plan.passes.least <= solution.passes <= plan.passes.most
    assert solution.peak_memory <= plan.memory.most
    assert plan.bytes_per_pass * solution.passes == solution.bytes_read


def test_a_file_is_not_read_to_plan_for_it(tmp_path):
    broken = A.copy()
    broken[-1, -1] = np.nan
    np.save(tmp_path / "a.npy", broken)
    assert lo.plan(str(tmp_path / "a.npy"), 10, center=True).memory.most > 0
    with pytest.raises(lo.errors.InputError, match="NaN"):
        lo.factorize(str(tmp_path / "a.npy"), 10)


ENTRIES = lo.Completion([0, 0, 1, 2], [0, 1, 0, 1], [1.0, 2.0, 3.0, 4.0], ridge=1.0)


@pytest.mark.parametrize(
    ("problem", "solver"),
    [
        (lo.Full(A), lo.solvers.AlternatingGradientDescent()),
        (lo.Full(A), lo.solvers.BlockKrylov()),
        (ENTRIES, lo.solvers.AlternatingLeastSquares()),
    ],
)
def test_a_run_is_refused_before_it_begins(problem, solver):
    needs = sum(of_run(problem, solver, 2).values()) + PROCESS
    stop = lo.Stop(max_steps=2)
    assert lo.solve(problem, solver, rank=2, stop=stop, memory_limit=needs).steps <= 2
    for refused in (lo.solve, lo.Run):
        with pytest.raises(lo.errors.InputError, match=r"needs .* beside A. Try memory_limit="):
            refused(problem, solver, rank=2, stop=stop, memory_limit=needs - 1)
    with pytest.raises(lo.errors.InputError, match="needs"):
        lo.plan(problem, 2, solver=solver, memory_limit=needs - 1)


def test_what_would_fit_is_said():
    problem, solver = lo.Full(RNG.standard_normal((50_000, 40))), lo.solvers.AlternatingGradientDescent()
    needs = sum(of_run(problem, solver, 20).values()) + PROCESS
    with pytest.raises(lo.errors.InputError, match=r"a rank of at most \d+, which fits") as said:
        lo.solve(problem, solver, rank=20, memory_limit=0.7 * needs)
    rank = int(str(said.value).split("at most ")[1].split(",")[0])
    stop = lo.Stop(max_steps=1)
    assert lo.solve(problem, solver, rank=rank, stop=stop, memory_limit=0.7 * needs).rank == rank
    with pytest.raises(lo.errors.InputError):
        lo.solve(problem, solver, rank=rank + 1, stop=stop, memory_limit=0.7 * needs)


def test_a_rank_found_on_the_way_is_held_against_the_limit():
    B = RNG.standard_normal((30_000, 70))
    limit = lo.plan(B, 1, calibrate=False).memory.most
    with pytest.raises(lo.errors.InputError, match="columns are needed"):
        lo.factorize(B, relative_error=0.1, memory_limit=limit)


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ((3000, 200), {}),
        ((3000, 200), {"rank": 5, "relative_error": 0.1}),
        ((3000, 200), {"rank": 201}),
        ((3000, 0), {"rank": 1}),
        ((3000, 200), {"rank": 5, "dtype": "int32"}),
        ((3000, 200), {"rank": 5, "dtype": "nonsense"}),
        ((3000, 200), {"rank": 5, "memory_limit": -1.0}),
        ((3000, 200), {"rank": 5, "memory_limit": 1e3}),
        ((3000, 200), {"relative_error": 0.1, "solver": lo.solvers.Nesterov()}),
        ((3000, 200), {"relative_error": 2.0}),
        ((3000, 200), {"rank": 5, "center": "yes"}),
        ((3000, 200), {"rank": 5, "solver": "nesterov"}),
        (lo.Full(A), {"rank": 5, "center": True}),
        ([[1.0, 2.0], [np.inf, 1.0]], {"rank": 1}),
        (ENTRIES, {"rank": 1, "solver": lo.solvers.GNMR()}),
    ],
)
def test_arguments_are_checked(given, options):
    with pytest.raises(lo.errors.Error):
        lo.plan(given, **options)
