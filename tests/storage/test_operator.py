"""Linear operators: what is asked of them, and that a wrong adjoint is noticed."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import lopside as lo
from lopside.storage.operator import Operator

A = reference.planted(40, 30, [3.0, 2.0, 1.0])


def operator(forward=lambda v: A @ v, back=lambda u: A.T @ u, dtype=float, shape=(40, 30)):
    return LinearOperator(shape, matvec=forward, rmatvec=back, dtype=dtype)


class Bare:
    """As few attributes as will do; pylops' operators have these and more."""

    def __init__(self, shape=(40, 30), **products):
        self.shape = shape
        for name, product in products.items():
            setattr(self, name, product)


REFUSED = {
    "sign": (operator(back=lambda u: -A.T @ u), r"adjoint is wrong.*⟨u, A v⟩ = .* but ⟨Aᵀu, v⟩ = "),
    "one part in a million": (operator(back=lambda u: (A * (1 + 1e-6)).T @ u), r"a difference of \d\.\de-0[78]"),
    "one entry": (operator(back=lambda u: (A + np.outer(np.arange(40) == 7, np.arange(30) == 4) * 1e-3).T @ u),
                  "adjoint is wrong"),
    "shifted": (operator(back=lambda u: A.T @ u + 1e-3), "adjoint is wrong"),
    "not linear": (operator(forward=lambda v: A @ v + 1e-3), "adjoint is wrong"),
    "not transposed": (operator(lambda v: A[:30] @ v, lambda u: A[:30] @ u, shape=(30, 30)), "adjoint is wrong"),
    "no adjoint": (LinearOperator((40, 30), matvec=lambda v: A @ v, dtype=float), "without a working rmatmat"),
    "no products": (Bare(), "without both products"),
    "NaN": (operator(forward=lambda v: A @ v * np.nan), "NaN or infinity from matmat"),
    "infinite": (operator(back=lambda u: A.T @ u / 0.0), "NaN or infinity from rmatmat"),
    "complex operator": (aslinearoperator(A * 1j), "complex operator"),
    "complex product": (Bare(matmat=lambda V: A @ V * 1j, rmatmat=lambda U: A.T @ U), "complex numbers from matmat"),
    "wrong shape": (Bare(matmat=lambda V: (A @ V).T, rmatmat=lambda U: A.T @ U), r"expected \(40, 4\)"),
    "wrong length": (operator(forward=lambda v: np.ones(5)), r"matmat fails: cannot reshape .* Expected 40 numbers"),
    "objects": (Bare(matmat=lambda V: (A @ V).astype(object), rmatmat=lambda U: A.T @ U), "object from matmat"),
    "empty": (Bare(shape=(0, 3), matmat=None, rmatmat=None), "at least one row"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    given, message = REFUSED[name]
    with pytest.raises(lo.errors.InputError, match=message):
        Operator(given)


ACCEPTED = {
    "scipy": aslinearoperator(A),
    "products only": Bare(matmat=lambda V: A @ V, rmatmat=lambda U: A.T @ U),
    "vectors only": Bare(matvec=lambda v: A @ v, rmatvec=lambda u: A.T @ u),
    "np.matrix": Bare(matmat=lambda V: (A @ V).tolist(), rmatmat=lambda U: A.T @ U),
    "float32 inside": operator(lambda v: A.astype("f4") @ v.astype("f4"), lambda u: A.astype("f4").T @ u.astype("f4"),
                               np.float32),
}  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
@pytest.mark.parametrize("scaled", [False, True])
def test_what_has_both_products_will_do(name, scaled):
    scale = np.linspace(1, 2, 40) if scaled else None
    storage = Operator(ACCEPTED[name], scale)
    B = A if scale is None else A * scale[:, None]
    close = 1e-6 if storage.dtype == np.float32 else 1e-13
    assert storage.reads_per_sweep == 2
    assert storage.norm() == pytest.approx(np.linalg.norm(B), rel=close)
    np.testing.assert_allclose(storage.times(np.eye(30)[:, :2]), B[:, :2], atol=close)


@pytest.mark.parametrize("shape", [(40, 30), (30, 40)])
def test_the_residual_is_found_by_blocks_of_the_shorter_side(monkeypatch, shape):
    import lopside.storage.operator as module

    monkeypatch.setattr(module, "_CHUNK_BYTES", 40 * 8 * 7)
    B = A.reshape(shape)
    counted = []

    def counting(matrix):
        return lambda V: counted.append(V.shape[1]) or matrix @ V

    storage = Operator(Bare(shape, matmat=counting(B), rmatmat=counting(B.T)))
    counted.clear()
    X, Y = np.ones((shape[0], 2)), np.ones((shape[1], 2))
    assert storage.residual_norm(X, Y) == pytest.approx(np.linalg.norm(X @ Y.T - B), rel=1e-13)
    assert sum(counted) == 30
    assert max(counted) == 7
    counted.clear()
    assert storage.norm() == storage.norm()
    assert sum(counted) == 30


def test_a_run_that_overflows_is_not_the_operators_fault():
    storage = Operator(aslinearoperator(A))
    with np.errstate(over="ignore", invalid="ignore"):
        assert not np.isfinite(storage.times(np.full((30, 1), 1e308) * [[1.0]] * 10)).all()
