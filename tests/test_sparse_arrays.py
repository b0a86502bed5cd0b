"""Sparse matrices are checked before anything believes their indices, and never changed."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import lopside as lo
from lopside.sparse_arrays import as_csr

A = scipy.sparse.random_array((40, 30), density=0.2, rng=np.random.default_rng(0), format="csr")


def spoiled(name, change):
    B = A.asformat(name).copy()
    change(B)
    return B


def put(part, at, value):
    return lambda B: getattr(B, part).__setitem__(at, value)


REFUSED = {
    "column beyond": (spoiled("csr", put("indices", 5, 99)), r"column index 99 \(stored entry 5\); expected 0 to 29"),
    "column below": (spoiled("csr", put("indices", 5, -1)), "column index -1"),
    "row beyond": (spoiled("csc", put("indices", 5, 40)), "row index 40.*0 to 39"),
    "block below": (spoiled("bsr", put("indices", 5, -7)), "column index -7"),
    "pointers fall": (spoiled("csr", put("indptr", 5, 999)), "fall at 5"),
    "pointers promise": (spoiled("csr", put("indptr", -1, 999)), "promise 999 entries where there are 240"),
    "pointers begin": (spoiled("csc", put("indptr", 0, 1)), "begin with 1"),
    "few pointers": (spoiled("csr", lambda B: setattr(B, "indptr", B.indptr[:-1])), "40 index pointers; expected 41"),
    "real indices": (spoiled("csr", lambda B: setattr(B, "indices", B.indices * 1.0)), "indices"),
    "coordinate below": (spoiled("coo", lambda B: B.coords[0].__setitem__(3, -2)), "row index -2"),
    "coordinate beyond": (spoiled("coo", lambda B: B.coords[1].__setitem__(3, 30)), "column index 30"),
    "unequal": (spoiled("coo", lambda B: setattr(B, "data", B.data[:-1])), "240 row indices for 239 values"),
    "list": (spoiled("lil", lambda B: B.rows[3].__setitem__(0, 400)), "column index 400"),
    "short list": (spoiled("lil", lambda B: B.data[3].pop()), "unequally many"),
    "nan": (spoiled("csr", put("data", A.indptr[9], np.nan)), f"row 9, column {A.indices[A.indptr[9]]} .*Completion"),
    "inf": (spoiled("coo", put("data", slice(0, 2), np.inf)), "2 stored values"),
    "complex": (A.astype(complex), "complex"),
    "longdouble": (A.astype(np.longdouble), "longdouble|float128"),
    "empty": (scipy.sparse.csr_array((0, 4)), r"empty matrix of shape \(0, 4\)"),
    "vector": (scipy.sparse.coo_array(np.ones(3)), "1 dimensions"),
    "tall": (scipy.sparse.coo_array(([1.0], ([0], [0])), shape=(10**12, 4)), "empty rows"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("or_transpose", [False, True])
def test_refusals(name, or_transpose):
    given, message = REFUSED[name]
    with pytest.raises(lo.errors.InputError, match=f"got .*{message}"):
        as_csr(given, or_transpose=or_transpose)


def test_the_place_of_a_nan_is_that_in_the_matrix_given():
    B = A.tocsc()
    at = B.indptr[11] + 1
    B.data[at] = np.nan
    for or_transpose in (False, True):
        with pytest.raises(lo.errors.InputError, match=f"row {B.indices[at]}, column 11 "):
            as_csr(B, or_transpose=or_transpose)


def raw(data, columns, pointers=(0, 3, 4)):
    return scipy.sparse.csr_array((np.array(data), np.array(columns), np.array(pointers)), shape=(2, 3))


REPAIRED = {
    "duplicates": (raw([1.0, 2, 3, 4], [0, 2, 2, 1]), [[1, 0, 5], [0, 4, 0]], ["1 duplicate"]),
    "unsorted": (raw([1.0, 2, 3, 4], [2, 1, 0, 1]), [[3, 2, 1], [0, 4, 0]], ["sorted"]),
    "both": (raw([1.0, 2, 3, 4], [2, 0, 2, 1]), [[2, 0, 4], [0, 4, 0]], ["sorted", "1 duplicate"]),
    "small integers": (raw(np.array([100, 100, 3, 4], np.int8), [0, 0, 1, 1]), [[200, 3, 0], [0, 4, 0]],
                       ["int8", "duplicate"]),
    "triplets": (scipy.sparse.coo_array((np.array([100, 100, 1], np.int8), ([0, 0, 1], [2, 2, 0])), shape=(2, 3)),
                 [[0, 0, 200], [1, 0, 0]], ["COO", "1 duplicate"]),
    "stored zeros": (raw([0.0, 0, 3, 4], [0, 1, 2, 1]), [[0, 0, 3], [0, 4, 0]], []),
    "spare room": (raw([1.0, 2, 3, 4, 9, 9], [0, 1, 2, 1, 0, 0]), [[1, 2, 3], [0, 4, 0]], []),
    "booleans": (raw([True, True, False, True], [0, 1, 2, 1]), [[1, 1, 0], [0, 1, 0]], ["bool"]),
    "far float32": (raw(np.array([1e20, 0, 0, 0], np.float32), [0, 1, 2, 1]), [[1e20, 0, 0], [0, 0, 0]], ["float64"]),
}  # fmt: skip


@pytest.mark.parametrize("name", REPAIRED)
def test_what_is_odd_but_clear_is_put_in_order_in_a_copy(name):
    given, expected, notes = REPAIRED[name]
    before = [getattr(given, part).copy() for part in ("data", "coords" if given.format == "coo" else "indices")
              if part == "data" or given.format == "csr"]  # fmt: skip
    csr = as_csr(given)
    assert csr.A.has_canonical_format
    assert csr.A.dtype.kind == "f"
    np.testing.assert_allclose(csr.A.toarray(), expected, rtol=1e-6)
    assert len(csr.notes) == len(notes)
    assert all(word in note for word, note in zip(notes, csr.notes, strict=True))
    after = [given.data, given.indices] if given.format == "csr" else [given.data]
    for was, now in zip(before, after, strict=True):
        np.testing.assert_array_equal(was, now)


def test_a_sound_matrix_is_shared():
    csr = as_csr(A)
    assert csr.notes == ()
    assert np.shares_memory(csr.A.data, A.data)
    assert np.shares_memory(csr.A.indices, A.indices)


def test_flags_of_a_changed_matrix_are_not_believed():
    B = A.copy()
    assert B.has_canonical_format
    B.indices[B.indptr[0] : B.indptr[1]] = B.indices[0]
    assert as_csr(B).A.nnz < B.nnz


def test_the_transpose_of_csc_is_its_very_arrays():
    B = A.tocsc()
    csr = as_csr(B, or_transpose=True)
    assert csr.transposed
    assert np.shares_memory(csr.A.data, B.data)
    np.testing.assert_array_equal(csr.A.toarray(), A.toarray().T)
    assert not as_csr(A, or_transpose=True).transposed
