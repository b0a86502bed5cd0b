"""Triples at the door: what is refused and in which words, what is merged, dropped or compressed; nothing is kept."""

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from lopside.errors import InputError
from lopside.observations import as_observations

GOOD = {"rows": [0, 1, 2], "columns": [1, 0, 1], "values": [1.0, 2.0, 3.0]}


def observed(rows=(0, 1, 2), columns=(1, 0, 1), values=(1.0, 2.0, 3.0), **options):
    return as_observations(rows, columns, values, **options)


def table(known):
    """The dense table, NaN where nothing is known, and that of the weights."""
    A, W = np.full(known.shape, np.nan), np.zeros(known.shape)
    for i in range(known.shape[0]):
        part = slice(known.indptr[i], known.indptr[i + 1])
        assert (np.diff(known.indices[part]) > 0).all()
        A[i, known.indices[part]] = known.values[part]
        W[i, known.indices[part]] = 1 if known.weights is None else known.weights[part]
    return A, W


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rows": [], "columns": [], "values": []}, "no observed entries.*at least one"),
        ({"rows": [0, 1]}, r"rows of shape \(2,\) for 3 values"),
        ({"columns": [0, 1, 2, 3]}, r"columns of shape \(4,\) for 3 values"),
        ({"values": [1.0, 2.0]}, r"rows of shape \(3,\) for 2 values"),
        ({"rows": [[0, 1, 2]]}, r"rows of shape \(1, 3\)"),
        ({"rows": 0}, r"rows of shape \(\)"),
        ({"values": [[1.0, 2.0, 3.0]]}, r"values of shape \(1, 3\).*one number for each entry"),
        ({"values": 1.0}, r"values of shape \(\)"),
        ({"rows": [0.0, 1.0, 2.0]}, "rows of type float64; expected integers.*from_frame"),
        ({"columns": [True, False, True]}, "columns of type bool; expected integers"),
        ({"rows": ["a", "b", "c"]}, "rows of type <U1; expected integers"),
        ({"rows": [None, 1, 2]}, "rows of type object; expected integers"),
        ({"rows": [0, 1, -2]}, r"rows\[2\] = -2; expected places counted from 0"),
        ({"columns": [0, -1, -1]}, r"columns\[1\] = -1; expected places counted from 0"),
        (
            {"shape": (2, 2)},
            r"rows\[2\] = 2 in a matrix of shape 2 × 2; expected at most 1.*counted from 0 instead of 1",
        ),
        ({"shape": (3, 1)}, r"columns\[0\] = 1 in a matrix of shape 3 × 1; expected at most 0"),
        ({"shape": 3}, "shape 3; expected two integers"),
        ({"shape": "ab"}, "shape 'ab'; expected two integers"),
        ({"shape": (3, 4, 5)}, "expected two integers"),
        ({"shape": (3, 2.5)}, "expected two positive integers"),
        ({"shape": (0, 0)}, "expected two positive integers"),
        ({"shape": (3, -2)}, "expected two positive integers"),
        ({"values": [1.0, np.nan, 3.0]}, r"values\[1\] = nan; expected finite numbers.*from_dense"),
        ({"values": [1.0, 2.0, -np.inf]}, r"values\[2\] = -inf"),
        ({"values": np.float32([np.inf, 2, 3])}, r"values\[0\] = inf"),
        ({"values": [1.0, 2j, 3.0]}, "complex"),
        ({"values": np.ones(3, np.longdouble)}, "float128|longdouble|float64 or float32"),
        ({"values": ["a", "b", "c"]}, "text"),
        ({"values": [None, 1.0, 2.0]}, "Python objects"),
        ({"values": [[1.0], [1.0, 2.0], 3.0]}, "values that are not numbers"),
        ({"weights": [1.0, 2.0]}, "2 weights for 3 values"),
        ({"weights": 1.0}, r"weights of shape \(\)"),
        ({"weights": [1.0, 2.0, -0.5]}, r"weights\[2\] = -0\.5; expected weights ≥ 0"),
        ({"weights": [1.0, np.nan, 1.0]}, r"weights\[1\] = nan"),
        ({"weights": [np.inf, 1.0, 1.0]}, r"weights\[0\] = inf"),
        ({"weights": [1j, 1.0, 1.0]}, "complex"),
        ({"weights": [0.0, 0.0, 0.0]}, "no observed entries"),
        ({"duplicates": "first"}, "duplicates = 'first'; expected one of error, mean, last"),
        ({"duplicates": None}, "duplicates = None; expected one of"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(changed, said):
    with pytest.raises(InputError, match=said):
        as_observations(**(GOOD | changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": [[0], [1, 2], 3]},
        {"rows": np.array([2**63 + 5, 0, 1], np.uint64)},
        {"values": np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])},
    ],
    ids=["ragged", "beyond int64", "masked"],
)
def test_what_numpy_would_let_through_is_refused(changed):
    with pytest.raises(InputError, match="got") as caught:
        as_observations(**(GOOD | changed))
    assert "9223372036854775803" not in str(caught.value)  # a number that was not given


@pytest.mark.parametrize("weight", [1e-50, 1e40])
def test_weights_that_float32_cannot_hold(weight):
    known = observed(values=np.float32([1, 2, 3]), weights=[weight, 1.0, 1.0])
    assert len(known.values) == 3
    assert table(known)[1][0, 1] == weight
    assert known.values.dtype == known.weights.dtype


@given(m=st.integers(1, 15), n=st.integers(1, 15), seed=st.integers(0, 999), weighted=st.booleans(),
       index=st.sampled_from(["i1", "u2", "i4", "u4", "i8", "u8", "list"]))  # fmt: skip
def test_any_order_of_the_triples_is_the_same_table(m, n, seed, weighted, index):
    rng = np.random.default_rng(seed)
    mask = rng.random((m, n)) < 0.4
    mask[rng.integers(m), rng.integers(n)] = True
    i, j = np.nonzero(mask)
    order = rng.permutation(len(i))
    i, j = i[order], j[order]
    a, w = rng.standard_normal(len(i)), rng.uniform(0.5, 2.0, len(i))
    rows, columns = (k.tolist() if index == "list" else k.astype(index) for k in (i, j))
    known = as_observations(rows, columns, a, shape=(m, n), weights=w if weighted else None)
    A, W = np.full((m, n), np.nan), np.zeros((m, n))
    A[i, j], W[i, j] = a, w if weighted else 1
    for got, expected in zip(table(known), (A, W), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert known.indptr[0] == 0
    assert known.notes == ()
    assert known.row_ids is None
    assert known.column_ids is None


def test_the_shape_is_the_largest_places_unless_given():
    assert observed().shape == (3, 2)
    assert observed(shape=(7, 9)).shape == (7, 9)
    assert observed(shape=np.array([7, 9])).shape == (7, 9)
    assert observed(shape=[3.0, 2.0]).shape == (3, 2)


@pytest.mark.parametrize(
    ("given_type", "kept"),
    [("f4", "f4"), ("f8", "f8"), ("f2", "f4"), ("i4", "f8"), ("u1", "f8"), ("?", "f8"), (">f8", "f8"), (">f4", "f4")],
)
def test_types_of_values(given_type, kept):
    known = observed(values=np.array([1, 0, 1], given_type), weights=np.array([2, 1, 2], "f8"))
    assert known.values.dtype == known.weights.dtype == np.dtype(kept)
    assert known.values.tolist() == [1, 0, 1]


@pytest.mark.parametrize(("size", "kind"), [(1e10, "f4"), (2e10, "f8"), (1.1e-10, "f4"), (1e-11, "f8"), (0.0, "f4")])
@pytest.mark.parametrize("sign", [1, -1])
def test_float32_outside_of_the_safe_range_is_widened(size, kind, sign):
    values = sign * np.float32([size, 0.5 * size, 0])
    known = observed(values=values)
    assert known.values.dtype == np.dtype(kind)
    assert table(known)[0][0, 1] == values[0]


def test_entries_of_weight_zero_are_not_observed():
    known = observed(weights=[1.0, 0.0, 2.0])
    np.testing.assert_array_equal(table(known)[1], [[0, 1], [0, 0], [0, 2]])
    assert known.notes == ("1 entry of weight 0 counts as not observed",)
    assert observed(weights=[1, 0, 2], columns=[1, 5, 1]).shape == (3, 2)  # the place says nothing either


TWICE = {"rows": [1, 0, 1, 0, 1], "columns": [2, 0, 2, 1, 2], "values": [1.0, 9.0, 5.0, 7.0, 3.0]}


def test_duplicates_are_refused_with_the_place_named():
    with pytest.raises(InputError, match=r"2 entries.*row 1, column 2 \(1\.0 and 5\.0\).*duplicates='mean' or 'last'"):
        as_observations(**TWICE)
    with pytest.raises(InputError, match=r"1 entry.*row 0, column 0 \(1\.0 and 2\.0\)"):
        as_observations([0, 0], [0, 0], [1.0, 2.0])


@pytest.mark.parametrize(("rule", "value"), [("mean", 3.0), ("last", 3.0)])
def test_duplicates_without_weights(rule, value):
    known = as_observations(**TWICE, duplicates=rule)
    np.testing.assert_array_equal(table(known)[0], [[9, 7, np.nan], [np.nan, np.nan, value]])
    assert known.weights is None
    assert known.notes == (f"2 entries at a place that was there before: {rule} taken",)


def test_duplicates_with_weights():
    w = [1.0, 2.0, 3.0, 1.0, 5.0]
    known = as_observations(**TWICE, weights=w, duplicates="mean")
    assert table(known)[0][1, 2] == pytest.approx((1 * 1 + 3 * 5 + 5 * 3) / 9, rel=1e-15)
    assert table(known)[1][1, 2] == pytest.approx(3.0, rel=1e-15)
    known = as_observations(**TWICE, weights=w, duplicates="last")
    assert [part[1, 2] for part in table(known)] == [3.0, 5.0]
    # The last one counts as unknown, so the one before is the last.
    known = as_observations(**TWICE, weights=[*w[:4], 0.0], duplicates="last")
    assert [part[1, 2] for part in table(known)] == [5.0, 3.0]


@given(m=st.integers(1, 5), n=st.integers(1, 5), count=st.integers(1, 60), seed=st.integers(0, 999),
       weighted=st.booleans(), rule=st.sampled_from(["mean", "last"]), kind=st.sampled_from(["f4", "f8"]))  # fmt: skip
def test_duplicates_are_merged_place_by_place(m, n, count, seed, weighted, rule, kind):
    rng = np.random.default_rng(seed)
    i, j, a = rng.integers(m, size=count), rng.integers(n, size=count), rng.standard_normal(count).astype(kind)
    w = rng.uniform(0.5, 2.0, count).astype(kind) if weighted else np.ones(count, kind)
    known = as_observations(i, j, a, shape=(m, n), weights=w if weighted else None, duplicates=rule)
    (A, W), eps = table(known), float(np.finfo(kind).eps)
    for row in range(m):
        for column in range(n):
            here = np.flatnonzero((i == row) & (j == column))
            if not len(here):
                assert np.isnan(A[row, column])
            elif rule == "last":
                assert (A[row, column], W[row, column]) == (a[here[-1]], w[here[-1]])
            else:
                mean, weight = np.average(a[here].astype(float), weights=w[here].astype(float)), w[here].mean()
                assert A[row, column] == pytest.approx(mean, abs=4 * eps * float(np.abs(a[here]).max()))
                assert W[row, column] == pytest.approx(weight, rel=4 * eps)


@pytest.mark.parametrize("index", [np.int64, np.uint64, np.uint32])
def test_memory_follows_the_entries_and_not_the_shape(index):
    i, j = np.array([999_999_999, 5, 5, 70], index), np.array([3, 999_999_998, 3, 1_000], index)
    observed()  # SciPy is imported by now
    tracemalloc.start()
    known = as_observations(i, j, [1.0, 2.0, 3.0, 4.0], shape=(10**9, 10**9))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    assert known.shape == (3, 3)
    np.testing.assert_array_equal(known.row_ids, [5, 70, 999_999_999])
    np.testing.assert_array_equal(known.column_ids, [3, 1_000, 999_999_998])
    np.testing.assert_array_equal(table(known)[0], [[3, np.nan, 2], [np.nan, 4, np.nan], [1, np.nan, np.nan]])
    assert len(known.notes) == 2
    assert "3 of 1000000000 rows have entries" in known.notes[0]


def test_each_side_is_compressed_for_itself():
    known = observed(rows=[0, 10**12, 2**62])
    assert known.shape == (3, 2)
    np.testing.assert_array_equal(known.row_ids, [0, 10**12, 2**62])
    assert known.column_ids is None
    assert observed(shape=(50_000, 50_000)).shape == (50_000, 50_000)
    with pytest.raises(InputError, match="1 entry at a place"):
        as_observations([10**12, 10**12], [0, 0], [1.0, 2.0])


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("count", [1, 2, 40])
def test_the_arrays_given_are_neither_changed_nor_kept(index, kind, count):
    rng = np.random.default_rng(count)
    ordered = np.arange(count, dtype=index)
    for i, j in ((ordered, ordered), (ordered[::-1].copy(), ordered), (0 * ordered, ordered), (ordered, 0 * ordered)):
        given_arrays = i, j, rng.standard_normal(count).astype(kind), rng.uniform(1, 2, count).astype(kind)
        before = [array.copy() for array in given_arrays]
        known = as_observations(*given_arrays[:3], weights=given_arrays[3])
        for part in (known.indptr, known.indices, known.values, known.weights):
            part[:] = 0
        for array, copy in zip(given_arrays, before, strict=True):
            np.testing.assert_array_equal(array, copy)


def test_locked_and_strided_arrays_will_do():
    wide = np.arange(12.0).reshape(3, 4)
    wide.flags.writeable = False
    places = np.arange(6)[::2]
    places.flags.writeable = False
    known = as_observations(places // 2, places, wide[:, 1], weights=wide[:, 2])
    np.testing.assert_array_equal(known.values, [1, 5, 9])
    np.testing.assert_array_equal(known.weights, [2, 6, 10])


def test_nothing_is_said_where_nothing_was_done():
    rng = np.random.default_rng(0)
    A = scipy.sparse.random_array((300, 200), density=0.1, rng=rng).tocoo()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        known = as_observations(*A.coords, A.data, shape=A.shape)
    assert known.notes == ()
    np.testing.assert_array_equal(np.nan_to_num(table(known)[0]), A.toarray())
