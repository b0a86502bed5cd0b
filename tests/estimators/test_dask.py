"""`LowRank` on Dask arrays and frames does what it does in memory, and leaves what is tall with them."""

from __future__ import annotations

from typing import Any

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from lopside.errors import InputError
from lopside.estimators import LowRank

RNG = np.random.default_rng(8)
A = RNG.standard_normal((80, 5)) @ RNG.standard_normal((5, 12)) + 0.2 * RNG.standard_normal((80, 12)) + 3.0
NAMES = ("components_", "singular_values_", "explained_variance_", "explained_variance_ratio_")


def csr(B: np.ndarray) -> Any:
    return da.from_array(B, chunks=(30, -1)).map_blocks(sparse.csr_array, meta=sparse.csr_array((0, 0)))


FORMS = {
    "rows": lambda: da.from_array(A, chunks=(25, -1)),
    "both ways": lambda: da.from_array(A, chunks=(25, 5)),
    "wide": lambda: da.from_array(A[:10], chunks=(-1, 5)),
    "csr": lambda: csr(np.where(np.abs(A) < 3.0, 0.0, A)),
    "frame": lambda: dd.from_pandas(pd.DataFrame(A, columns=list("abcdefghijkl")), npartitions=3),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("center", [False, True])
def test_it_is_the_fit_in_memory(form: str, center: bool) -> None:
    D = FORMS[form]()
    B = np.asarray(D if form != "csr" else D.map_blocks(lambda block: block.toarray(), dtype=float))
    ours, plain = LowRank(3, center=center, whiten=True), LowRank(3, center=center, whiten=True)
    Z, expected = ours.fit_transform(D), plain.fit_transform(B)
    for name in NAMES:
        assert_allclose(getattr(ours, name), getattr(plain, name), atol=1e-5, err_msg=name)
    assert ours.certificate_.excess < 1e-6
    assert_allclose(np.asarray(Z), expected, atol=1e-4)
    if form != "wide":
        assert isinstance(Z, da.Array)
    again = ours.transform(D)
    assert isinstance(again, da.Array)
    assert_allclose(np.asarray(again), expected, atol=1e-4)
    assert_allclose(np.asarray(ours.inverse_transform(again)), plain.inverse_transform(expected), atol=1e-4)
    if center and form != "csr":
        assert_allclose(np.asarray(ours.score_samples(D)), plain.score_samples(B), rtol=1e-4)
        assert_allclose(ours.score(D), plain.score(B), rtol=1e-5)
    assert ours.n_samples_seen_ == len(B)


def test_a_share_of_the_variance_is_found() -> None:
    ours, plain = LowRank(relative_error=0.3, center=True), LowRank(relative_error=0.3, center=True)
    assert ours.fit(FORMS["rows"]()).n_components_ == plain.fit(A).n_components_


def test_names_are_learned_and_compared() -> None:
    frame = FORMS["frame"]()
    model = LowRank(2).fit(frame)
    assert list(model.feature_names_in_) == list("abcdefghijkl")
    with pytest.raises(InputError, match="columns named.*as in the fit"):
        model.transform(frame.rename(columns={"a": "z"}))
    with pytest.raises(InputError, match="11 columns; expected 12"):
        model.transform(FORMS["rows"]()[:, 1:])


def test_what_does_not_go_is_refused() -> None:
    with pytest.raises(InputError, match="partial_fit.*Try fit"):
        LowRank(2).partial_fit(FORMS["rows"]())
    with pytest.raises(InputError, match="two dimensions"):
        LowRank(2).fit(da.ones(5))
    with pytest.raises(InputError, match="at least 2"):
        LowRank(1, center=True).fit(da.ones((1, 5)))
    known, unknown = FORMS["rows"](), FORMS["rows"]()
    unknown = da.where(da.arange(len(unknown), chunks=unknown.chunks[0])[:, None] == 3, np.nan, unknown)
    scores = LowRank(2).fit(known).transform(unknown)
    with pytest.raises(InputError, match="NaN, infinity or numbers too large in row 3 of a chunk"):
        scores.compute()
