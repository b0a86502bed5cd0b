"""What may be given as a matrix on a device, or to be worked on there, and what is refused with advice."""

import array_api_strict as strict
import numpy as np
import pytest
import reference
import scipy.sparse
from device_libraries import LIBRARIES, SECOND, here
from scipy.sparse.linalg import aslinearoperator

import lopside as lo
from lopside.errors import AbilityError, InputError
from lopside.storage.site import Site

A = reference.planted(30, 20, 0.7 ** np.arange(8), seed=5, noise=1e-3)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr("lopside.storage.site.HOST_BLOCK", 1000)
    monkeypatch.setattr("lopside.storage.site.HOST_PIECE", 300)
    monkeypatch.setattr("lopside.storage.site.ACCELERATOR_BLOCK", 1000)
    monkeypatch.setattr("lopside.storage.site.ACCELERATOR_PIECE", 300)
    monkeypatch.setattr("lopside.storage.site.LEAST_ROWS", 3)


@pytest.fixture
def full(monkeypatch):
    """Devices without room for a matrix."""
    monkeypatch.setattr(Site, "has_room", lambda self, nbytes: False)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("given", "kept"),
    [("float64", "float64"), ("float32", "float32"), ("int8", "float64"), ("int64", "float64"), ("bool", "float64")],
)
def test_real_types_are_kept_or_converted(library, given, kept):
    B = (A * 50).astype(given)
    problem = lo.Full(LIBRARIES[library](B))
    assert problem.dtype == kept
    assert problem.norm == pytest.approx(np.linalg.norm(B.astype(np.float64)), rel=1e-12)
    assert any(f"{given} entries were converted" in note for note in problem.notes) == (given != kept)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (A.astype(complex), r"complex entries \(complex128\).*Try A.real"),
        (A[0], r"1 dimensions, shape \(20,\).*A\[:, None\] for one column"),
        (A[None], "3 dimensions.*reshape"),
        (A[:0], r"empty matrix of shape \(0, 20\)"),
        (np.where(A[3, 4] == A, np.inf, A), "1 entry that is NaN or infinite.*row 3, column 4"),
        (A * 1e160, "outside the range of float64"),
    ],
)
def test_what_is_no_finite_real_matrix_is_refused(library, matrix, message):
    with pytest.raises(InputError, match=message):
        lo.Full(LIBRARIES[library](matrix))


def test_a_device_without_float64_is_refused():
    with pytest.raises(InputError, match=r"no_float64.*has no float64.*Gram matrices.*Try a NumPy array"):
        lo.Full(strict.asarray(A.astype(np.float32), dtype=strict.float32, device=strict.Device("no_float64")))


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_rest_of_the_arguments_are_checked(library):
    B = LIBRARIES[library](A)
    for call, message in (
        (lambda: lo.Full(B, weights=np.ones(3)), r"weights of shape \(3,\)"),
        (lambda: lo.Full(B, weights=-B[:, 0]), "weight"),
        (lambda: lo.solve(lo.Full(B), start=(B[:, :2], B[:20, :3])), "X with 2 columns and Y with 3"),
        (lambda: lo.solve(lo.Full(B), start=(B[:, :2], B[:, :2])), r"Y of shape \(30, 2\); expected 20 rows"),
        (lambda: lo.certify(lo.Full(B), (B[:5, :2], B[:20, :2])), r"X of shape \(5, 2\); expected 30 rows"),
        (lambda: lo.factorize(lo.Full(B), 2, device=SECOND), "device with a Full problem"),
        (lambda: lo.Full(B, device=strict.Device("device2")), "expected one of them"),
        (lambda: lo.factorize(B, 21), "rank 21"),
    ):
        with pytest.raises(InputError, match=message):
            call()


@pytest.mark.parametrize(("order", "dtype"), [("C", np.float64), ("F", np.float64), ("F", np.float32)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("form", ["array", "file", "map"])
@pytest.mark.parametrize("room", [True, False])
def test_a_matrix_here_is_worked_on_there(order, dtype, weighted, form, room, request, tmp_path):
    if not room:
        request.getfixturevalue("full")
    B = np.array(A, dtype, order=order)
    np.save(tmp_path / "A.npy", B)
    path = tmp_path / "A.npy"
    forms = {"array": B, "file": path, "map": np.load(path, mmap_mode="r")}
    weights = np.linspace(0.5, 2.0, 30) if weighted else None
    problem = lo.Full(forms[form], device=SECOND, weights=weights, center=weighted)
    assert any(("streamed to" if not room else "is on") in note for note in problem.notes)
    wanted = lo.Full(path, weights=weights, center=weighted)
    assert problem.shape == wanted.shape
    assert problem.norm == pytest.approx(wanted.norm, rel=1e-7)
    for which in (lo.solvers.AlternatingLeastSquares(), lo.solvers.BlockKrylov()):
        found, same = (lo.solve(p, which, rank=3, stop=lo.Stop(max_steps=6), rng=1) for p in (problem, wanted))
        assert found.X.device == found.Y.device == SECOND
        product = here(found.X).astype(np.float64) @ here(found.Y).T
        close = 1e-3 if found.X.dtype == strict.float32 else 1e-9
        np.testing.assert_allclose(product, same.X.astype(np.float64) @ same.Y.T, atol=close)
        U, s, Vt = found.svd()
        assert U.device == s.device == Vt.device == SECOND
        np.testing.assert_allclose(here(U) * here(s) @ here(Vt), product, atol=close)
        assert found.certificate.gap == pytest.approx(same.certificate.gap, rel=1e-2, abs=1e-6)
    fit, same = lo.factorize(problem, rank=3), lo.factorize(wanted, rank=3)
    assert fit.X.device == fit.Y.device == SECOND
    np.testing.assert_allclose(here(fit.X), same.X, atol=1e-3 if dtype == np.float32 else 1e-9)
    found.save(tmp_path / "solution.npz")
    np.testing.assert_array_equal(lo.Solution.load(tmp_path / "solution.npz").Y, here(found.Y))


def test_factorize_takes_a_device():
    fit = lo.factorize(A.tolist(), rank=2, device=SECOND)
    assert fit.X.device == SECOND
    assert fit.relative_error == pytest.approx(lo.factorize(A, rank=2).relative_error, rel=1e-9)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (scipy.sparse.csr_array(A), "csr_array; expected a dense matrix"),
        (aslinearoperator(A), "expected a dense matrix"),
        (lo.storage.Dense(A), "Dense; expected a dense matrix"),
        ("matrix.csv", "expected that of an .npy"),
        (np.where(A[3, 4] == A, np.nan, A), "row 3, column 4"),
    ],
)
@pytest.mark.parametrize("room", [True, False])
def test_only_dense_matrices_are_brought_to_a_device(matrix, message, room, request):
    if not room:
        request.getfixturevalue("full")
    with pytest.raises(InputError, match=message):
        lo.Full(matrix, device=SECOND)


@pytest.mark.parametrize("device", [3, object(), np.float64])
def test_a_device_that_nobody_knows_is_refused(device):
    with pytest.raises(InputError, match="expected text such as 'cuda'.*Try device='cuda'"):
        lo.Full(A, device=device)


def test_a_named_device_needs_torch(monkeypatch):
    def missing(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr("lopside.storage.site.importlib.import_module", missing)
    with pytest.raises(AbilityError, match="'cuda', which PyTorch would reach, and it is not installed"):
        lo.Full(A, device="cuda")


class Graphed:
    """What Dask's arrays look like from afar."""

    shape = (3, 3)

    def __dask_graph__(self):
        raise AssertionError


def test_chunks_of_a_cluster_are_not_fetched():
    with pytest.raises(InputError, match="Graphed; expected a dense matrix"):
        lo.Full(Graphed(), device=SECOND)


class Memory:
    """A device of JAX, with so much memory."""

    platform = "gpu"

    def __init__(self, limit, used):
        self.known = {"bytes_limit": limit, "bytes_in_use": used}

    def memory_stats(self):
        return self.known


def test_a_matrix_that_takes_most_of_the_memory_is_streamed():
    assert Site("jax", None, Memory(1000, 0)).has_room(400)
    assert not Site("jax", None, Memory(1000, 0)).has_room(401)
    assert not Site("jax", None, Memory(1000, 500)).has_room(400)
    assert not Site("unknown", None, object()).has_room(1)
    assert Site("array_api_strict", strict, SECOND).has_room(1 << 60)


class TestTorch:
    """Tensors as people have them."""

    @pytest.fixture(autouse=True)
    def torch(self):
        self.torch = pytest.importorskip("torch")

    def test_half_precision_is_widened(self):
        for name in ("float16", "bfloat16"):
            B = self.torch.tensor(A).to(getattr(self.torch, name))
            problem = lo.Full(B)
            assert problem.dtype == np.float32
            assert any(f"{name} entries were converted to float32" in note for note in problem.notes)
            assert lo.factorize(B, 2).X.dtype == self.torch.float32
            start = (B[:, :2], B[:20, :2])
            assert lo.solve(lo.Full(A), start=start, stop=lo.Stop(max_steps=1)).X.dtype == np.float64

    def test_what_cannot_be_a_dense_real_matrix(self):
        torch, B = self.torch, self.torch.tensor(A)
        for matrix, message in (
            (B.to_sparse(), "layout torch.sparse_coo.*to_dense.*SciPy"),
            (B.to(torch.float8_e4m3fn), "float8_e4m3fn entries; expected float64 or float32"),
            (B.to("meta"), "meta device"),
        ):
            with pytest.raises(InputError, match=message):
                lo.Full(matrix)

    def test_a_tensor_with_a_graph_is_detached(self):
        B = self.torch.tensor(A, requires_grad=True)
        problem = lo.Full(2.0 * B)
        assert any("without its graph" in note for note in problem.notes)
        solution = lo.factorize(problem, 2)
        assert not solution.X.requires_grad
        start = (self.torch.nn.Parameter(self.torch.tensor(A[:, :2])), self.torch.nn.Parameter(B[:20, :2].detach()))
        for matrix in (A, B):
            lo.solve(lo.Full(matrix), start=start, stop=lo.Stop(max_steps=1))

    def test_any_strides(self):
        B = self.torch.tensor(A)
        column = B[:, :1].expand(30, 20)
        for matrix in (B.T.contiguous().T, B.repeat(2, 2)[::2, ::2], column, B.flip(0), self.torch.tensor(A.T).T):
            wanted = lo.factorize(matrix.numpy(), 2)
            found = lo.factorize(matrix, 2)
            np.testing.assert_allclose(found.X.numpy(), wanted.X, atol=1e-10)

    def test_a_view_that_negates(self):
        imaginary = self.torch.complex(self.torch.zeros(30, 20).double(), self.torch.tensor(-A)).conj().imag
        assert imaginary.is_neg()
        np.testing.assert_allclose(lo.factorize(imaginary, 2).X.numpy(), lo.factorize(A, 2).X, atol=1e-10)

    def test_devices_by_name(self):
        assert lo.Full(A, device="cpu").notes == ("the matrix is on torch (cpu)",)
        assert lo.Full(self.torch.tensor(A), device="cpu").notes == ("the matrix is on torch (cpu)",)
        assert lo.Full(A, device=self.torch.device("cpu")).storage.site.library == "torch"
        absent = "cuda:99" if self.torch.cuda.is_available() else "cuda"
        for name, message in (
            (absent, "which PyTorch cannot use"),
            ("meta", "holds no numbers"),
            ("gpu", "cannot use"),
        ):
            with pytest.raises(InputError, match=message):
                lo.Full(A, device=name)

    def test_float32_with_fewer_digits_is_refused(self, monkeypatch):
        monkeypatch.setattr(Site, "is_host", False)
        before = self.torch.get_float32_matmul_precision()
        self.torch.set_float32_matmul_precision("high")
        try:
            with pytest.raises(InputError, match=r"float32 on torch.*\(high\).*set_float32_matmul_precision"):
                lo.Full(self.torch.tensor(A).float())
            assert lo.Full(self.torch.tensor(A)).dtype == np.float64
        finally:
            self.torch.set_float32_matmul_precision(before)
        assert lo.Full(self.torch.tensor(A).float()).dtype == np.float32

    def test_the_default_device_and_threads_are_nobodys_business(self):
        with self.torch.device("meta"):  # whatever is not told where to be is nowhere
            assert lo.factorize(self.torch.tensor(A, device="cpu"), 2).X.device.type == "cpu"
        with self.torch.inference_mode():
            lo.factorize(self.torch.tensor(A), 2)
