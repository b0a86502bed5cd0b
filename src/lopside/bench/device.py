"""Passes and fits by PyTorch on whatever device there is, against the two products and `torch.svd_lowrank`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

from lopside.bench.machine import version
from lopside.bench.rounds import interleave
from lopside.bench.spectra import prescribed, spectrum
from lopside.bench.sweep import coefficients, sampled_error, samples
from lopside.bench.tables import Column, Table
from lopside.factorize import factorize
from lopside.problems import Full
from lopside.storage.device_blocks import Streamed
from lopside.threads import thread_count

_WIDTHS = (4, 8, 16, 32, 64)
_KINDS = ("float64", "float32")
_POWERS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 14, 20, 28, 40, 56, 80, 112, 160)
_SPARE = 10
_EXCESS = 1e-3
"""Of the least error, that both sides may have."""

_PASSES = (
    Column("type", "type"),
    Column("d", "d", "d"),
    Column("milliseconds", "pass ms", ".2f"),
    Column("share", "of ceiling", ".0%"),
    Column("bound", "bound by"),
    Column("error", "error", ".1e"),
    Column("there", "two products", ".2f"),
    Column("moved", "and moved", ".2f"),
    Column("peer", "error", ".1e"),
    Column("bandwidth", "copy GB/s", ".1f"),
    Column("rate", "GEMM GF/s", ".0f"),
)
_BLOCKS = (
    Column("type", "type"),
    Column("megabytes", "block MB", ".4g"),
    Column("milliseconds", "pass ms", ".2f"),
    Column("ratio", "two products", ".2f"),
)
_STREAMED = (
    Column("type", "type"),
    Column("d", "d", "d"),
    Column("milliseconds", "pass ms", ".2f"),
    Column("share", "of copying", ".0%"),
    Column("slower", "over resident", ".1f"),
)
_FITS = (
    Column("type", "type"),
    Column("spectrum", "spectrum"),
    Column("rank", "rank", "d"),
    Column("seconds", "factorize s", ".3f"),
    Column("excess", "excess", ".1e"),
    Column("ratio", "svd_lowrank", ".2f"),
    Column("niter", "niter", "d"),
    Column("theirs", "excess", ".1e"),
)


class Bed(NamedTuple):
    """PyTorch, a device of it, and a Gaussian matrix there."""

    torch: Any
    device: Any
    A: Any

    def done(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            self.torch.cuda.synchronize()

    def there(self, M: Any) -> Any:
        """Return a NumPy array on the device."""
        return self.torch.tensor(M, device=self.device)


def tables(*, quick: bool, say: Callable[[str], None]) -> Iterator[Table]:
    """Yield passes, sizes of blocks, streamed passes and fits; on a GPU where PyTorch has one.

    Parameters
    ----------
    quick : bool
        Small matrices, fewer d and fewer rounds.
    say : callable
        Is told what is being measured.
    """
    if not version("torch"):
        yield Table("device", "A device of PyTorch", _PASSES, remarks=("Not reached: PyTorch is not installed.",))
        return
    torch = import_module("torch")
    torch.set_num_threads(thread_count())
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "the processor, no accelerator"
    large = device.type == "cuda"
    shape = ((20000, 10000) if large else (3000, 2000)) if quick else (100000, 20000) if large else (6000, 4000)
    widths, rounds = (_WIDTHS[::2], 3) if quick else (_WIDTHS, 5)
    beds = {}
    for kind in _KINDS:
        chance = torch.Generator(device).manual_seed(0)
        dtype = getattr(torch, kind)
        beds[kind] = Bed(torch, device, torch.randn(shape, dtype=dtype, device=device, generator=chance))
    where = f"{shape[0]} × {shape[1]} on {device} ({name})"
    rows = []
    for kind, bed in beds.items():
        for d in widths:
            say(f"device: pass, {where}, {kind}, d = {d}")
            rows.append({"type": kind, "d": d} | passes(bed, d, rounds))
    yield Table("passes", f"Passes over {where}", _PASSES, rows, remarks=_ON_PASSES)
    say("device: sizes of blocks")
    rows = [{"type": kind} | row for kind, bed in beds.items() for row in block_sizes(bed, 16, rounds)]
    yield Table("blocks", f"Sizes of blocks, d = 16, {where}", _BLOCKS, rows, remarks=_ON_BLOCKS)
    say("device: streamed passes")
    rows = [{"type": kind, "d": d} | streamed(bed, d, rounds) for kind, bed in beds.items() for d in (4, 64)]
    yield Table("streamed", f"Streamed from this machine's memory, {where}", _STREAMED, rows, remarks=_ON_STREAMS)
    beds.clear()
    small = (2000, 1000) if quick else (40000, 10000) if large else (4000, 2000)
    rows = []
    for kind in _KINDS:
        for shown in ("1/√i", "exponential") if quick else ("1/√i", "gap", "exponential"):
            say(f"device: fits, {kind}, {shown}")
            rows.append({"type": kind, "spectrum": shown} | fits(torch, device, small, kind, shown, 20))
    yield Table("fits", f"Fits of {small[0]} × {small[1]} on {device} ({name})", _FITS, rows, remarks=_ON_FITS)


_ON_PASSES = (
    "pass: Device.sweep, X⁺ = X B + (A Y) C and AᵀX⁺, Y and AᵀX⁺ moved to the device and back, XᵀX in float64.",
    "ceiling: the longer of bytes of A / copy rate (read and written bytes counted) and 4·d·entries / GEMM rate.",
    "two products: X⁺ = X B + (A Y) C and AᵀX⁺ by PyTorch, all on the device; and moved: with Y and AᵀX⁺ as above.",
    "Ratios are times over that of the pass: above 1 the pass is faster.",
)
_ON_BLOCKS = ("two products: their time, with Y and AᵀX⁺ moved, over that of the pass.",)
_ON_STREAMS = (
    "of copying: time in which PyTorch copies A from this machine's memory to the device, over that of the pass.",
    "over resident: time of the pass over that of the same pass with A on the device.",
)
_ON_FITS = (
    f"factorize(tol={_EXCESS:g}) with its proof; svd_lowrank with q = rank + {_SPARE} at the least niter with no "
    "larger excess than that, which nobody knows beforehand, and without a proof.",
    "excess: relative, over the error of the best. Ratios are times over that of factorize.",
)


def _made(bed: Bed, d: int) -> tuple[Any, Any, Any]:
    kind = np.dtype(str(bed.A.dtype).rpartition(".")[2])
    X, Y = (np.random.default_rng(d).standard_normal((size, d)).astype(kind) for size in bed.A.shape)
    return X, Y, np.concatenate(coefficients(Y))


def _tasks(bed: Bed, problem: Full, X: Any, Y: Any, M: Any) -> dict[str, Callable[[], Any]]:
    storage, A = problem.storage, bed.A
    rows = storage.to_rows(X, "X", X.dtype)
    held, there, (B, C) = bed.there(X), bed.there(Y), map(bed.there, coefficients(Y))

    def sweep() -> tuple[Any, Any]:
        swept = storage.sweep(rows, Y, M)
        bed.done()
        return swept.rows, swept.probe

    def products() -> tuple[Any, Any]:
        new = held @ B + (A @ there) @ C
        probe = A.T @ new
        bed.done()
        return new, probe

    def moved() -> tuple[Any, Any]:
        new = held @ B + (A @ bed.there(Y)) @ C
        probe = (A.T @ new).cpu()
        bed.done()
        return new, probe

    return {"pass": sweep, "there": products, "moved": moved}


def passes(bed: Bed, d: int, rounds: int) -> dict[str, Any]:
    """Return one row: the pass, the two products and both ceilings in the same rounds."""
    torch, A = bed.torch, bed.A
    X, Y, M = _made(bed, d)
    side = 8192 if bed.device.type == "cuda" else 1024
    P, target = torch.randn((side, side), dtype=A.dtype, device=bed.device), torch.empty_like(A)
    out = torch.empty_like(P)

    def copy() -> None:
        target.copy_(A)
        bed.done()

    def multiply() -> None:
        torch.matmul(P, P, out=out)
        bed.done()

    tasks = _tasks(bed, Full(A), X, Y, M)
    timings = interleave({**tasks, "copy": copy, "multiply": multiply}, rounds)
    ours, flops, size = timings["pass"], 4.0 * d * A.numel(), A.numel() * A.element_size()
    ideals = {
        "reading": 0.5 / ours.ratio(timings["copy"]),
        "arithmetic": flops / (2.0 * side**3) / ours.ratio(timings["multiply"]),
    }
    bound = max(ideals, key=ideals.__getitem__)
    some = A[samples(A.shape[0]).tolist()].cpu().numpy()
    across = A[:, samples(A.shape[1]).tolist()].cpu().numpy()
    new, probe = ours.answer
    theirs = tuple(part.cpu().numpy() for part in timings["there"].answer)
    return {
        "milliseconds": 1e3 * ours.median,
        "share": ideals[bound],
        "bound": bound,
        "error": sampled_error((new.numpy(), probe), some, across, X, Y),
        "there": timings["there"].ratio(ours),
        "moved": timings["moved"].ratio(ours),
        "peer": sampled_error(theirs, some, across, X, Y),
        "bandwidth": 2e-9 * size / timings["copy"].median,
        "rate": 1e-9 * 2.0 * side**3 / timings["multiply"].median,
    }


def block_sizes(bed: Bed, d: int, rounds: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each size of the blocks that a pass is cut into."""
    X, Y, M = _made(bed, d)
    place = f"lopside.storage.site.{'ACCELERATOR' if bed.device.type == 'cuda' else 'HOST'}_BLOCK"
    for power in range(20, 32, 2):
        with patch(place, 1 << power):
            tasks = _tasks(bed, Full(bed.A), X, Y, M)
            timings = interleave({name: tasks[name] for name in ("pass", "moved")}, rounds)
        ours = timings["pass"]
        yield {
            "megabytes": 2.0**power / 1e6,
            "milliseconds": 1e3 * ours.median,
            "ratio": timings["moved"].ratio(ours),
        }


def streamed(bed: Bed, d: int, rounds: int) -> dict[str, Any]:
    """Return one row: a pass over A in this machine's memory, beside copying it and beside A on the device."""
    from lopside.storage.device import Device

    X, Y, M = _made(bed, d)
    host = bed.A.cpu()
    problem, target = Full(bed.A), bed.torch.empty_like(bed.A)
    other = Device(Streamed(problem.storage.site, host.numpy()))
    rows = other.to_rows(X, "X", X.dtype)

    def through() -> None:
        other.sweep(rows, Y, M)
        bed.done()

    def copy() -> None:
        target.copy_(host)
        bed.done()

    tasks = {"streamed": through, "resident": _tasks(bed, problem, X, Y, M)["pass"], "copy": copy}
    timings = interleave(tasks, rounds)
    ours = timings["streamed"]
    return {
        "milliseconds": 1e3 * ours.median,
        "share": timings["copy"].ratio(ours),
        "slower": ours.ratio(timings["resident"]),
    }


def fits(torch: Any, device: Any, shape: tuple[int, int], kind: str, name: str, rank: int) -> dict[str, Any]:
    """Return one row: `factorize` against `svd_lowrank` at its cheapest setting that is as good as asked for."""
    values = spectrum(name, shape, rank)
    host = prescribed(shape, values).astype(kind)
    A, least = torch.tensor(host, device=device), float(np.linalg.norm(values[rank:]))
    problem = Full(A)

    def lowrank(niter: int) -> Any:
        torch.manual_seed(0)
        U, s, V = torch.svd_lowrank(A, q=rank + _SPARE, niter=niter)
        return U[:, :rank] * s[:rank], V[:, :rank].cpu().numpy()

    def excess(X: Any, Y: Any) -> float:
        rows = problem.storage.to_rows(X, "X", np.float64)
        return problem.residual_norm(rows, Y.astype(np.float64)) / least - 1.0

    niter = next((n for n in _POWERS if excess(*lowrank(n)) <= _EXCESS), None)
    tasks: dict[str, Callable[[], Any]] = {"ours": lambda: factorize(A, rank, tol=_EXCESS)}
    if niter is not None:
        tasks["theirs"] = lambda: lowrank(niter)
    timings = interleave(tasks, 3)
    solution, found = timings["ours"].answer, timings.get("theirs")
    return {
        "rank": rank,
        "seconds": timings["ours"].median,
        "excess": excess(solution.X, solution.Y.cpu().numpy()),
        "ratio": None if found is None else found.ratio(timings["ours"]),
        "niter": niter,
        "theirs": None if found is None else excess(*found.answer),
    }
