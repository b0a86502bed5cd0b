"""A on a device answers like the formula written out, whole there or streamed, in whatever order it lies."""

from __future__ import annotations

import array_api_strict as strict
import numpy as np
import pytest
from device_libraries import LIBRARIES, SECOND, here
from hypothesis import given, settings
from hypothesis import strategies as st

from lopside.errors import InputError
from lopside.linalg import column_peaks
from lopside.storage.choose import as_storage
from lopside.storage.device import Device
from lopside.storage.device_blocks import Resident, Streamed, brought
from lopside.storage.device_rows import DeviceRows
from lopside.storage.reading import locate
from lopside.storage.shifted import Shifted
from lopside.storage.site import Site

FEW = settings(max_examples=6)
CLOSE = {"float64": {"rtol": 1e-10, "atol": 1e-10}, "float32": {"rtol": 2e-3, "atol": 4e-3}}
WAYS = ("whole", "columns", "streamed", "brought", "file", "column-major file")


@pytest.fixture(scope="module", autouse=True)
def small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lopside.storage.site.HOST_BLOCK", 600)
        patch.setattr("lopside.storage.site.HOST_PIECE", 300)
        patch.setattr("lopside.storage.site.ACCELERATOR_BLOCK", 600)
        patch.setattr("lopside.storage.site.ACCELERATOR_PIECE", 300)
        patch.setattr("lopside.storage.site.LEAST_ROWS", 3)
        yield


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Return a function (library, way, A, scale) that holds diag(scale)·A, and says whether it holds the transpose."""
    folder = tmp_path_factory.mktemp("matrices")

    def made(library, way, A, scale=None):
        put = LIBRARIES[library]
        site = as_storage(put(np.eye(2))).storage.site
        if way == "whole":
            return Device(Resident(site, put(np.ascontiguousarray(A))), scale), False
        if way == "columns":
            return Device(Resident(site, put(np.ascontiguousarray(A.T)).T), scale), False
        if way in ("streamed", "brought"):
            blocks = Streamed(site, A)
            return Device(blocks if way == "streamed" else brought(blocks), scale), False
        path = folder / "matrix.npy"
        np.save(path, np.asfortranarray(A) if way == "column-major file" else np.ascontiguousarray(A))
        place = locate(path)
        return Device(Streamed(site, place, transposed=place.transposed), scale), place.transposed

    return made


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["plain", "shifted and scaled"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@FEW
@given(m=st.integers(1, 90), n=st.integers(1, 20), d=st.integers(1, 5), first=st.booleans(), seed=st.integers(0, 99))
def test_a_sweep_is_the_formula(make, library, way, kind, dtype, m, n, d, first, seed):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, n)).astype(dtype)
    scale = rng.uniform(0.5, 2.0, m) if "scaled" in kind else None
    storage, transposed = make(library, way, A, scale)
    B = A.astype(np.float64) * (1.0 if scale is None else scale[:, None])
    if transposed:
        B, m, n = B.T, n, m
    if "shifted" in kind:
        u, v = rng.standard_normal(m), rng.standard_normal(n)
        storage, B = Shifted(storage, u, v), B - np.outer(u, v)
    p = d if first else 0
    R, Y, M, N = (rng.standard_normal(shape).astype(dtype) for shape in ((m, p), (n, d), (p + d, 2), (p + d, 3)))
    top, close = storage.to_rows(R, "R", dtype) if first else None, CLOSE[np.dtype(dtype).name]
    swept, alone = storage.sweep(top, Y, M, N, residual=first), storage.sweep(top, Y, M)
    assert isinstance(swept.rows, DeviceRows)
    assert swept.rows.dtype == storage.dtype
    assert swept.gram.dtype == np.float64
    R, Y, M, N = (F.astype(np.float64) for F in (R, Y, M, N))
    K = np.hstack([R, B @ Y])
    both = np.hstack([K @ M, K @ N])
    np.testing.assert_allclose(swept.rows.numpy(), K @ M, **close)
    np.testing.assert_allclose(swept.probe, B.T @ K @ N, **close)
    np.testing.assert_allclose(swept.gram, both.T @ both, **close)
    np.testing.assert_array_equal(swept.gram, swept.gram.T)
    np.testing.assert_allclose(alone.rows.numpy(), K @ M, **close)
    np.testing.assert_allclose(alone.probe, B.T @ K @ M, **close)
    np.testing.assert_allclose(alone.gram, (K @ M).T @ K @ M, **close)
    np.testing.assert_allclose(storage.times(Y).numpy(), B @ Y, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(storage.transpose_times(B @ Y), B.T @ B @ Y, rtol=1e-9, atol=1e-9)
    if first:
        assert swept.residual2 == pytest.approx(np.linalg.norm(R @ Y.T - B) ** 2, rel=1e-5)
        assert storage.residual_norm(top, Y) == pytest.approx(np.linalg.norm(R @ Y.T - B), rel=1e-9)
    else:
        assert swept.residual2 is None


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("way", ["whole", "streamed"])
@FEW
@given(m=st.integers(1, 90), n=st.integers(1, 12), exponent=st.integers(-140, 140), seed=st.integers(0, 99))
def test_norms_whose_squares_leave_the_range(make, library, way, m, n, exponent, seed):
    A = np.random.default_rng(seed).standard_normal((m, n)) * 10.0**exponent
    storage, _ = make(library, way, A)
    size = abs(A).max()
    norm = np.linalg.norm(A / size) * size
    assert storage.norm() == pytest.approx(norm, rel=1e-12)
    assert storage.residual_norm(A, np.eye(n)) <= 1e-14 * norm
    assert storage.to_rows(A, "X", np.float64).norm() == pytest.approx(norm, rel=1e-12)
    assert make(library, way, 0.0 * A)[0].norm() == 0.0


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_streaming_changes_no_bit(make, library, dtype):
    rng = np.random.default_rng(3)
    A, R, Y, M, N = (
        rng.standard_normal(shape).astype(dtype) for shape in ((333, 29), (333, 3), (29, 3), (6, 2), (6, 3))
    )
    found = []
    for way in ("whole", "streamed", "brought", "file"):
        storage, _ = make(library, way, A)
        rows = storage.to_rows(R, "R", dtype)
        swept = storage.sweep(rows, Y, M, N, residual=True)
        others = (swept.probe, swept.gram, np.array(swept.residual2), storage.transpose_times(rows))
        found.append((swept.rows.numpy(), storage.times(Y).numpy(), np.array(storage.norm()), *others))
    for others in found[1:]:
        for part, other in zip(found[0], others, strict=True):
            assert part.tobytes() == other.tobytes()


def test_a_streamed_matrix_comes_a_block_at_a_time():
    sent = []

    class Noting:
        """The strict namespace, which notes what is brought to its device."""

        def asarray(self, values, device):
            sent.append(len(values))
            return strict.asarray(values, device=device)

    site = Site("array_api_strict", Noting(), SECOND)
    for count, (rows, block) in enumerate(Streamed(site, np.ones((50, 10))), 1):
        assert len(sent) == count
        assert block.shape == (rows.stop - rows.start, 10)
        assert block.device == SECOND
    assert sent == [7] * 7 + [1]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("way", ["whole", "streamed", "column-major file"])
def test_what_is_not_finite_is_named(make, library, way):
    A = np.ones((50, 9))
    A[33, 4], A[40, 2] = np.nan, np.inf
    row, column = (40, 2) if way == "column-major file" else (33, 4)
    with pytest.raises(InputError, match=rf"2 entries that are NaN.*row {row}, column {column} .*expected finite"):
        make(library, way, A)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("size", "kind"), [(1e12, "float64"), (1e-12, "float64"), (1e9, "float32"), (0.0, "float32")])
def test_float32_that_products_would_overflow_is_widened(make, library, size, kind):
    A = np.full((20, 6), size, np.float32)
    storage, _ = make(library, "whole", A)
    assert storage.dtype == kind
    assert storage.times(np.ones((6, 2), np.float32)).dtype == kind
    assert storage.sweep(None, np.ones((6, 2), storage.dtype), np.eye(2, dtype=storage.dtype)).rows.dtype == kind


@pytest.mark.parametrize("library", LIBRARIES)
def test_operands_that_do_not_fit_are_refused(make, library):
    rng = np.random.default_rng(0)
    storage, _ = make(library, "whole", rng.standard_normal((9, 7)))
    X, Y, M = rng.standard_normal((9, 2)), rng.standard_normal((7, 2)), rng.standard_normal((4, 2))
    rows = storage.to_rows(X, "X", np.float64)
    refused = [
        lambda: storage.sweep(rows, Y[1:], M),
        lambda: storage.sweep(rows, Y, M[1:]),
        lambda: storage.sweep(rows, Y, M, M[1:]),
        lambda: storage.sweep(rows[:, 1:], Y, M[1:], residual=True),
        lambda: storage.times(X),
        lambda: storage.transpose_times(Y),
        lambda: storage.residual_norm(X, X),
        lambda: storage.residual_norm(X[:, 1:], Y),
    ]
    for call in refused:
        with pytest.raises(InputError, match=r"for a matrix of shape 9 × 7; expected shapes that fit"):
            call()
    for wrong, message in ((X[1:], "expected 9 rows"), (X * np.nan, "factor X: got 18 entries that are NaN")):
        for form in (wrong, LIBRARIES[library](wrong)):
            with pytest.raises(InputError, match=message):
                storage.to_rows(form, "X", np.float64)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_do_numpys_arithmetic(make, library, dtype):
    rng = np.random.default_rng(1)
    storage, _ = make(library, "whole", np.eye(300, 4))
    U, V, Z, s = (rng.standard_normal(shape).astype(dtype) for shape in ((300, 4), (300, 4), (4, 3), (4,)))
    V[7] = U[7] = [9.0, -9.0, -9.0, 9.0]
    V[80] = -V[7]  # as large, and later
    u, v = (storage.to_rows(F, "F", dtype) for F in (U, V))
    close = {"rtol": 1e-12, "atol": 1e-12} if dtype == np.float64 else {"rtol": 1e-5, "atol": 1e-5}
    for found, wanted in (
        (u @ Z, U @ Z),
        (u + v, U + V),
        (u - V, U - V),
        (0.3 * u, 0.3 * U),
        (u * s, U * s),
        (u / 3.0, U / 3.0),
        (u.beside(v), np.hstack([U, V])),
        (u[:, 1:3], U[:, 1:3]),
        (u.astype(np.float32), U.astype(np.float32)),
    ):
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found.numpy(), wanted, **close)
    np.testing.assert_allclose(u.inner(v), U.astype(np.float64).T @ V.astype(np.float64), rtol=1e-12, atol=1e-10)
    np.testing.assert_array_equal(column_peaks(v), V[7])
    Q, R = u.qr()
    np.testing.assert_allclose((Q @ R).numpy(), U, **close)
    np.testing.assert_allclose(Q.inner(Q), np.eye(4), atol=1e-6)
    u.native()[0, 0] = 1e9  # a copy
    np.testing.assert_array_equal(u.numpy(), U)
    assert here(u.native()).dtype == dtype
