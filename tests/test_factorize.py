"""The front door: optimal, proved, least rank, any storage, same bits on any number of threads."""

import tracemalloc
import warnings

import numpy as np
import pytest
import reference
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import lopside as lo
from lopside import fitting, sizes
from lopside import goal as asked
from lopside.stopping import Status
from lopside.theory.growth import Growth

I = np.arange(1, 121.0)
SPECTRA = {
    "power": I**-0.5,
    "gap": np.where(I <= 6, 1.0, 0.05),
    "exponential": np.exp(-I / 5),
    "cluster": np.where(I <= 6, 1 - 1e-5 * I, np.where(I <= 12, 0.9, 0.2)),
    "multiple": np.where(I <= 20, 1.0, 0.1),
    "deep": 10.0 ** (-1.5 * I),
    "deep plateau": np.where(I <= 6, 10.0**-I, 1e-9),
    "low rank": np.where(I <= 4, 1.0 / I, 0.0),
}


def gauge(solution):
    d = solution.rank
    np.testing.assert_allclose(solution.Y.T @ solution.Y, np.eye(d), atol=1e-12)
    U, s, Vt = solution.svd()
    apart = np.abs(np.diff(s)) > 1e-3 * s[:-1]
    simple = np.append(apart, True) & np.append(True, apart)
    np.testing.assert_allclose(solution.X[:, simple], (U * s)[:, simple], atol=1e-9 * s[0])
    np.testing.assert_allclose(solution.Y[:, simple], Vt.T[:, simple], atol=1e-9)


@pytest.mark.parametrize("form", ["tall", "wide", "column-major", "sparse", "small"])
@pytest.mark.parametrize("kind", sorted(SPECTRA))
def test_every_spectrum_in_every_form_is_fitted_and_proved(kind, form, request):
    if form != "small":
        request.getfixturevalue("searching")
    A = reference.planted(150, 120, SPECTRA[kind])
    A = {"wide": A.T.copy(), "column-major": np.asfortranarray(A), "sparse": scipy.sparse.csr_array(A)}.get(form, A)
    solution = lo.factorize(A, 6)
    dense = A.toarray() if form == "sparse" else A
    missed = np.linalg.norm(solution.X @ solution.Y.T - dense)
    assert solution.converged
    least, norm = reference.best(SPECTRA[kind], 6), np.linalg.norm(dense)
    assert missed <= max(least * (1 + 1e-6), 2.3e-14 * norm) + 3e-15 * norm
    assert solution.relative_error == pytest.approx(missed / norm, rel=1e-4, abs=1e-15)
    low, high = np.array(solution.certificate.singular_value_bounds).T
    assert (low <= SPECTRA[kind][:6] + 4e-15 * norm).all()
    assert (high >= SPECTRA[kind][:6] - 4e-15 * norm).all()
    if solution.status is lo.Status.EXCESS:
        assert missed / least - 1 <= solution.certificate.excess + 1e-14 * norm / least
    gauge(solution)


@given(
    m=st.integers(1, 24),
    n=st.integers(1, 24),
    d=st.integers(1, 8),
    kind=st.sampled_from(["power", "ties", "low rank", "deep", "zero"]),
    scale=st.sampled_from([1e-140, 1.0, 1e140]),
    whole=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_small_and_strange_matrices(m, n, d, kind, scale, whole, seed):
    k = min(m, n)
    d, i = min(d, k), np.arange(1, k + 1.0)
    rng = np.random.default_rng(seed)
    s = {
        "power": i ** -rng.uniform(0, 3),
        "ties": np.sort(rng.choice([1.0, 0.5, 1e-6], k))[::-1],
        "low rank": np.where(i <= max(1, d - 2), 1.0, 0.0),
        "deep": 10.0 ** (-rng.uniform(0, 2) * i),
        "zero": 0.0 * i,
    }[kind]
    A = scale * reference.planted(m, n, s, seed)
    with pytest.MonkeyPatch.context() as patch:
        if not whole:
            patch.setattr(sizes, "_LAPACK_WORK", 0.0)
            patch.setattr(sizes, "_WHOLE_SIDE", int(seed % 2) * 64)
            patch.setattr(sizes, "WIDTH", 2)
        patch.setattr(warnings, "warn", lambda *_, **__: None)  # 1e-12 ‖A‖ is beyond what can be proved
        solution = lo.factorize(A, d, rng=seed)
    A, X = A / scale, solution.X / scale
    missed, norm = np.linalg.norm(X @ solution.Y.T - A), np.linalg.norm(s)
    assert missed <= reference.best(s, d) * (1 + 1e-5) + 2.3e-14 * norm
    gap = solution.certificate.gap / scale / scale
    assert (
        gap
        >= 0.5 * (missed**2 - reference.best(s, d) ** 2)
        - 4e-15 * norm * (missed + reference.best(s, d))
        - 1e-28 * norm**2
    )
    assert solution.converged or 0 < reference.best(s, d) < 1e-8 * norm
    assert solution.X.shape == (m, d)


def test_float32_is_kept_and_judged_in_double():
    A = reference.planted(150, 120, SPECTRA["power"]).astype(np.float32)
    solution = lo.factorize(lo.Full(A), 6)
    assert solution.X.dtype == solution.Y.dtype == np.float32
    s = np.linalg.svd(A.astype(np.float64))[1]
    missed = np.linalg.norm(solution.X.astype(np.float64) @ solution.Y.T.astype(np.float64) - A)
    assert missed <= reference.best(s, 6) * (1 + 1e-6)
    assert missed / reference.best(s, 6) - 1 <= solution.certificate.excess


@pytest.mark.parametrize("error", [0.9, 0.5, 0.11, 0.02])
@pytest.mark.parametrize("kind", ["power", "exponential", "multiple"])
@pytest.mark.parametrize("way", ["small", "searched"])
def test_the_least_rank_that_reaches_an_error(kind, error, way, request):
    if way == "searched":
        request.getfixturevalue("searching")
    s = SPECTRA[kind]
    A = reference.planted(150, 120, s)
    solution = lo.factorize(A, relative_error=error)
    tails = np.sqrt(np.append(np.cumsum(s[::-1] ** 2)[::-1], 0.0)) / np.linalg.norm(s)
    assert solution.rank == max(1, np.count_nonzero(tails > error))
    assert solution.status is lo.Status.RELATIVE_ERROR
    assert np.linalg.norm(solution.X @ solution.Y.T - A) <= error * np.linalg.norm(A)


def test_a_rank_that_cannot_be_told_from_the_next_is_not_claimed(searching):
    s = SPECTRA["power"]
    error = reference.best(s, 5) / np.linalg.norm(s) * (1 + 1e-15)
    with pytest.warns(lo.errors.ConvergenceWarning, match="least rank"):
        solution = lo.factorize(reference.planted(150, 120, s), relative_error=float(error))
    assert solution.rank in (5, 6)
    assert not solution.converged


def test_centering_is_that_of_the_centered_matrix():
    A = reference.planted(150, 120, SPECTRA["exponential"]) + 5.0
    centered = A - A.mean(axis=0)
    solution = lo.factorize(A, 5, center=True)
    s = np.linalg.svd(centered)[1]
    assert np.linalg.norm(solution.X @ solution.Y.T - centered) <= reference.best(s, 5) * (1 + 2e-6)
    with pytest.raises(lo.errors.InputError, match="Full"):
        lo.factorize(lo.Full(A), 5, center=True)


@pytest.mark.parametrize("kind", ["power", "deep"])
def test_the_bits_do_not_depend_on_threads(kind, monkeypatch, searching):
    A = np.random.default_rng(0).standard_normal((900, 120)) * SPECTRA[kind]
    bits = set()
    for threads in ("1", "2", "3", "4"):
        monkeypatch.setenv("LOPSIDE_THREADS", threads)
        solution = lo.factorize(lo.Full(A, threads=int(threads)), 6)
        bits.add((solution.X.tobytes(), solution.Y.tobytes(), solution.certificate.gap, solution.passes))
    assert len(bits) == 1


@pytest.mark.parametrize("after", [1, 2, 4, 50])
def test_ctrl_c_returns_the_best_fit_so_far(after, monkeypatch, searching):
    A = reference.planted(150, 120, SPECTRA["power"])
    problem, calls = lo.Full(A), []
    sweep = problem.storage.sweep

    def interrupted(*arguments, **options):
        calls.append(1)
        if len(calls) == after:
            raise KeyboardInterrupt
        return sweep(*arguments, **options)

    monkeypatch.setattr(problem.storage, "sweep", interrupted)
    if after == 50:
        assert lo.factorize(problem, 6).converged
        return
    with pytest.warns(lo.errors.ConvergenceWarning, match="interrupted"):
        solution = lo.factorize(problem, 6)
    assert solution.status is lo.Status.INTERRUPTED
    missed = np.linalg.norm(solution.X @ solution.Y.T - A)
    assert solution.relative_error == pytest.approx(missed / np.linalg.norm(A), rel=1e-10)
    assert solution.certificate.gap >= 0.5 * (missed**2 - reference.best(SPECTRA["power"], 6) ** 2) * (1 - 1e-9)


@pytest.mark.parametrize("relative_error", [None, 0.6])
def test_white_noise_is_decomposed_whole_after_a_while(relative_error):
    # Nothing stands out, so a search sees no end; 700 × 680 is too large to be decomposed at once.
    A = np.random.default_rng(0).standard_normal((700, 680))
    s = np.linalg.svd(A, compute_uv=False)
    solution = lo.factorize(A, None if relative_error else 10, relative_error=relative_error)
    assert solution.converged
    assert solution.solver == "lapack"
    assert "LAPACK after all" in solution.choices[-1]
    assert solution.passes > 10
    missed = np.linalg.norm(solution.X @ solution.Y.T - A)
    assert missed <= reference.best(s, solution.rank) * (1 + 1e-10)
    assert relative_error is None or reference.best(s, solution.rank - 1) > 0.6 * np.linalg.norm(A) >= missed


def test_of_nothing_the_least_rank_is_one():
    for A, center in ((np.zeros((5, 4)), False), (scipy.sparse.csr_array((5, 4)), False), (np.ones((5, 4)), True)):
        solution = lo.factorize(A, relative_error=0.1, center=center)
        assert (solution.rank, solution.status, solution.relative_error) == (1, Status.RELATIVE_ERROR, 0.0)


def test_a_thin_matrix_is_not_decomposed_whole():
    A = np.random.default_rng(0).standard_normal((9000, 30))
    assert not any("LAPACK" in choice for choice in lo.factorize(A, 3).choices)


def test_ctrl_c_while_singular_vectors_are_locked(searching, monkeypatch):
    A = reference.planted(150, 120, 0.1 ** np.minimum(np.arange(120.0), 14.0))
    lock, inside = Growth.lock, []

    def interrupted(problem, Y):
        raise KeyboardInterrupt

    def locking(search, count):
        inside.append(count)
        monkeypatch.setattr(lo.Full, "times", interrupted)
        try:
            lock(search, count)
        finally:
            monkeypatch.undo()

    monkeypatch.setattr(Growth, "lock", locking)
    with pytest.warns(lo.errors.ConvergenceWarning, match="interrupted"):
        solution = lo.factorize(A, 12)
    assert len(inside) == 1
    assert solution.status is lo.Status.INTERRUPTED
    assert np.linalg.norm(solution.X @ solution.Y.T - A) <= 1e-6 * np.linalg.norm(A)


def test_ctrl_c_on_the_way_out(monkeypatch):
    def interrupted(problem):
        raise KeyboardInterrupt

    monkeypatch.setattr(lo.Full, "svd", interrupted)
    with pytest.warns(lo.errors.ConvergenceWarning, match="interrupted"):
        solution = lo.factorize(np.random.default_rng(0).standard_normal((700, 680)), 10)
    assert solution.solver == lo.solvers.BlockKrylov(16, 680)
    assert not any("LAPACK" in choice for choice in solution.choices)


@pytest.mark.parametrize("spectrum", ["power", "white"])
def test_the_memory_reported_is_not_exceeded(spectrum):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((1000, 700))
    if spectrum == "power":
        U, _, Vt = np.linalg.svd(A, full_matrices=False)
        A = (U * np.arange(1.0, 701.0) ** -0.5) @ Vt
    lo.factorize(A, 20)  # compiled and known from here on
    tracemalloc.start()
    try:
        solution = lo.factorize(A, 20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert solution.solver == "lapack" if spectrum == "white" else solution.solver != "lapack"
    assert 0.1 * solution.peak_memory < peak < solution.peak_memory


def test_the_memory_of_the_machine_is_not_exceeded(searching, monkeypatch):
    monkeypatch.setattr(sizes, "half_the_machine", lambda: 1e5)
    with pytest.raises(lo.errors.InputError, match=r"got half the memory of this machine = 1e\+05 bytes"):
        lo.factorize(reference.planted(150, 120, SPECTRA["power"]), 6)


def test_memory_is_planned_before_the_work(searching):
    A = reference.planted(150, 120, SPECTRA["power"])
    problem = lo.Full(A)
    usual = sizes.choose(problem, 6)
    roomless = usual._replace(search=usual.search._replace(room=0))
    goal = asked.Goal(6, 1e-6, None)
    without = fitting.Fitting(problem.metered(), goal, roomless, np.random.default_rng(0)).done()
    assert without.passes == lo.factorize(problem, 6).passes + 1
    tight = sizes.choose(problem, 6, roomless.memory - 8 * 120 * 20)
    assert tight.basis < usual.basis
    assert any("smaller basis" in choice for choice in tight.choices)
    solution = lo.factorize(problem, 6, memory_limit=tight.memory)
    assert solution.peak_memory <= tight.memory
    assert solution.converged
    with pytest.raises(lo.errors.InputError, match=r"memory_limit = 1000 bytes.*needs"):
        lo.factorize(problem, 6, memory_limit=1000)


def test_what_was_done_is_reported(searching, tmp_path):
    A = reference.planted(150, 120, SPECTRA["power"])
    solution = lo.factorize(A, 6)
    assert solution.bytes_read == solution.passes * A.nbytes
    assert 0 < solution.certificate_passes < solution.passes
    assert 0 < solution.certificate_seconds < solution.seconds
    assert "block Krylov" in " ".join(solution.choices)
    solution.save(tmp_path / "fit.npz")
    loaded = lo.Solution.load(tmp_path / "fit.npz")
    for name in ("choices", "bytes_read", "peak_memory", "certificate_passes", "initial", "order", "step_size"):
        assert getattr(loaded, name) == getattr(solution, name)
    assert loaded.trace.passes == solution.trace.passes
    certificate = lo.certify(lo.Full(A), loaded)
    assert certificate.excess < 1e-5


def test_arguments_are_checked():
    A = np.eye(4)
    for wrong in (
        {},
        {"rank": 2, "relative_error": 0.1},
        {"rank": 5},
        {"relative_error": 1.0},
        {"relative_error": -0.1},
        {"rank": 2, "tol": 0.0},
        {"rank": 2, "memory_limit": -1},
        {"rank": 2, "rng": None},
    ):
        with pytest.raises(lo.errors.InputError):
            lo.factorize(A, **wrong)


def test_a_space_that_the_probes_have_closed_goes_on(monkeypatch, searching):
    monkeypatch.setattr(sizes, "WIDTH", 1)
    A = np.asfortranarray(reference.planted(58, 9, np.ones(9)))
    for seed in range(20):
        solution = lo.factorize(A, 4, rng=seed)
        assert solution.relative_error == pytest.approx((5 / 9) ** 0.5, rel=1e-12)


def test_a_search_that_does_not_end_is_ended(monkeypatch, searching):
    monkeypatch.setattr(fitting, "_MOST_STEPS", 2)
    with pytest.warns(lo.errors.ConvergenceWarning, match="budget of steps"):
        solution = lo.factorize(reference.planted(150, 120, SPECTRA["power"]), 6)
    assert solution.status is lo.Status.MAX_STEPS
