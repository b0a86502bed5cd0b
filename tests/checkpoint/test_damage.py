"""Files that are torn, changed, foreign or hostile; disks that are full; what is refused and what is gone on from."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from kept_runs import completion, full, matrix, sensing, told

import lopside as lo
from lopside.catalog import parse
from lopside.checkpoint import checkpoint as written
from lopside.errors import AbilityError, FileError, InputError
from lopside.io import files, previous_of, read_sealed, sealed, write_sealed

SOLVER = lo.solvers.AlternatingScaledGradientDescent()
STOP = lo.Stop(max_steps=20)


def solve(path: Path | None = None, problem: Any = None, **options: Any) -> lo.Solution:
    where = {} if path is None else {"checkpoint": path}
    asked = {"rank": 3, "rng": 5, "stop": STOP} | options
    return lo.solve(full() if problem is None else problem, asked.pop("solver", SOLVER), **asked, **where)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A checkpoint at step 10, and the one before it at step 5."""
    for steps in (5, 10):
        solve(tmp_path / "run.ckpt", stop=lo.Stop(max_steps=steps))
    return tmp_path / "run.ckpt"


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


DAMAGE = {
    "empty": lambda data: b"",
    "cut in the magic": lambda data: data[:7],
    "cut in the header": lambda data: data[:300],
    "one byte short": lambda data: data[:-1],
    "half": lambda data: data[: len(data) // 2],
    "one byte more": lambda data: data + b"\0",
    "zeros at the end": lambda data: data[:-4096] + bytes(4096),
    "foreign": lambda data: b"PK\3\4" + data[4:],
    "text": lambda data: b"step,loss\n1,2\n",
    "two halves": lambda data: data[: len(data) // 2] * 2,
} | {
    f"bit {share}": lambda data, share=share: flipped(data, int(share * (len(data) - 1)))
    for share in (0.0, 0.01, 0.3, 0.9, 1.0)
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_one_before_is_taken(damage: str, path: Path) -> None:
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.warns(UserWarning, match=r"run\.ckpt.* The run goes on from the one before it, .*run\.ckpt\.previous"):
        resumed = solve(path)
    assert told(resumed) == told(solve())
    # The damaged one has not taken the place of the one that was sound.
    assert read_sealed(previous_of(path))[0]["state"][1]["step"] == 5
    assert told(solve(path)) == told(resumed)


def test_a_file_that_is_gone_is_the_same(path: Path) -> None:
    path.unlink()
    with pytest.warns(UserWarning, match=r"nothing there.*goes on from the one before it"):
        assert told(solve(path)) == told(solve())


def test_every_bit_is_under_the_digest(path: Path) -> None:
    data, rng = path.read_bytes(), np.random.default_rng(0)
    for at in {*range(0, 200), *rng.integers(0, len(data), 300).tolist()}:
        path.write_bytes(flipped(data, at))
        with pytest.raises(FileError):
            read_sealed(path)


@pytest.mark.parametrize("damage", DAMAGE)
def test_both_damaged_is_an_error_and_nothing_is_overwritten(damage: str, path: Path) -> None:
    for place in (path, previous_of(path)):
        place.write_bytes(DAMAGE[damage](place.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(FileError, match=r"cannot read .*run\.ckpt.*delete it to begin anew"):
        solve(path)
    assert path.read_bytes() == before


def test_a_foreign_file_is_not_overwritten(tmp_path: Path) -> None:
    for name, make in (("a.npy", lambda p: np.save(p, matrix())), ("f.npz", lambda p: solve().save(p))):
        make(tmp_path / name)
        before = (tmp_path / name).read_bytes()
        with pytest.raises(FileError, match="does not begin as such a file does"):
            solve(tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    with pytest.raises(FileError, match="folder"):
        solve(tmp_path)


def rewritten(path: Path, change: Any) -> None:
    facts, arrays = read_sealed(path)
    change(facts, arrays)
    write_sealed(path, facts, arrays, keep=False)


def test_a_newer_version_is_refused_and_no_older_file_taken(path: Path) -> None:
    rewritten(path, lambda facts, _: facts.update(version=written.VERSION + 1))
    before = path.read_bytes()
    with pytest.raises(FileError, match=r"checkpoint of version 2; this lopside reads versions up to 1. Try a newer"):
        solve(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda state, _: state.clear(),
        lambda state, _: state.update(point=["object", "os.system", {"command": "true"}]),
        lambda state, _: state.update(point=["token", "solver"]),
        lambda state, _: state.update(point=["same", 10**6]),
        lambda state, _: state.update(point=["eval", "1"]),
        lambda state, _: state.update(point=None),
        lambda state, _: state.update(step="ten"),
        lambda state, _: state.update(reads=None, trace=["tuple"]),
        lambda state, _: state["point"][2].pop("probe"),
        lambda state, _: state["point"][2].update(problem=["token", "solver"]),
        lambda state, _: state["point"][2].update(settled="code"),
        lambda state, _: state["point"][2].update(rows=["array", 10**6, "C"]),
        lambda state, _: state["point"][2].update(rows=["array", 0, [1, 10**15]]),
        lambda state, _: state["point"][2].update(rows=["array", 0, [0, 0]]),
        lambda state, _: state["point"][2].update(rows=["columns", 9, 2**60, 0]),
        lambda state, _: state.update(point=json.loads("[" * 900 + "]" * 900)),
        lambda _, arrays: arrays.__setitem__(slice(None), [array[:1] for array in arrays]),
    ],
)
def test_a_sealed_file_with_anything_inside_is_an_error(change: Any, path: Path) -> None:
    rewritten(path, lambda facts, arrays: change(facts["state"][1], arrays))
    with pytest.raises(FileError, match=r"run\.ckpt with an unusable entry"):
        solve(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"facts": {}, "arrays": [["|O", [1], 0]]}, "type object"),
        ({"facts": {}, "arrays": [["<f8", [2**40], 0]]}, "promises 1099511627776 numbers"),
        ({"facts": {}, "arrays": [["<f8", [2**62, 4], 0]]}, "promises"),
        ({"facts": {}, "arrays": [["<f8", [-1], 0]]}, "shape"),
        ({"facts": {}, "arrays": [["<f8", [1], -64]]}, "promises"),
        ({"facts": {}, "arrays": [["f8,f8", [0], 0]]}, "type"),
        ({"facts": [], "arrays": []}, "no dictionary"),
        ({"arrays": []}, "facts"),
        ([], "list"),
    ],
)
def test_a_hostile_header_is_an_error(header: Any, message: str, tmp_path: Path) -> None:
    text = json.dumps(header).encode()
    data = sealed._MAGIC + len(text).to_bytes(8, "little") + text
    (tmp_path / "run.ckpt").write_bytes(data + hashlib.sha256(data).digest())
    with pytest.raises(FileError, match=message):
        solve(tmp_path / "run.ckpt")
    data = sealed._MAGIC + (2**63).to_bytes(8, "little")
    (tmp_path / "run.ckpt").write_bytes(data + hashlib.sha256(data).digest())
    with pytest.raises(FileError, match="header is longer than the file"):
        solve(tmp_path / "run.ckpt")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": lo.solvers.AlternatingScaledGradientDescent(0.6)}, r"step_size=0\.5.*here .*step_size=0\.6"),
        ({"solver": lo.solvers.ScaledGradientDescent()}, "solver Alternating"),
        ({"rank": 4}, r"rank 3 \(here 4\)"),
        ({"rng": 6}, r"rng 5 \(here 6\)"),
        ({"rng": np.random.default_rng(5)}, r"rng 5 \(here generator "),
        ({"start": parse("start", "sketch")}, "start ColumnSpan"),
        ({"start": (np.ones((60, 3)), np.ones((40, 3)))}, "given factors"),
        ({"sigma1": 3.0}, r"sigma1 None \(here 3\.0\)"),
        ({"trace_every": 10}, r"trace_every 100 \(here 10\)"),
        ({"watch": True}, "watch False"),
        ({"problem": lo.Full(matrix(), center=True)}, "norm "),
        ({"problem": lo.Full(matrix().astype(np.float32))}, r"dtype float64 \(here float32\)"),
        ({"problem": lo.Full(np.asfortranarray(matrix()))}, r"transposed False \(here True\)"),
        ({"problem": completion()}, r"problem Full \(here Completion\)"),
        (
            {"problem": lo.Full(np.ascontiguousarray(matrix()[::-1]))},
            "another matrix: the products of its factors with A are off by",
        ),
        (
            {"problem": lo.Full(np.ascontiguousarray(matrix()[:, ::-1]))},
            "another matrix: the products of its factors with A are off by",
        ),
    ],
)
def test_another_run_is_refused(options: Any, message: str, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(InputError, match=message):
        solve(path, **options)
    assert path.read_bytes() == before


@pytest.mark.parametrize("solver", ["block-krylov", "als", "nesterov"])
def test_a_permuted_matrix_is_not_the_same(solver: str, tmp_path: Path) -> None:
    path, rng = tmp_path / "run.ckpt", np.random.default_rng(0)
    solve(path, solver=parse("solver", solver))
    for A in (matrix()[rng.permutation(60)], matrix()[:, rng.permutation(40)]):
        with pytest.raises(InputError, match="the checkpoint of another matrix"):
            solve(path, lo.Full(np.ascontiguousarray(A)), solver=parse("solver", solver), stop=lo.Stop(max_steps=30))


def test_other_entries_and_measurements_are_refused(tmp_path: Path) -> None:
    path, als = tmp_path / "run.ckpt", lo.solvers.AlternatingLeastSquares()
    solve(path, completion(), solver=als)
    with pytest.raises(InputError, match=r"ridge 0\.1 \(here 0\.2\)"):
        solve(path, completion(0.2), solver=als)
    known = completion()
    moved = lo.Completion(
        known.by_rows.indices.astype(int) % 30,
        np.repeat(np.arange(40), known.by_rows.counts()) % 30,
        known.by_rows.values,
        shape=(40, 30),
        ridge=0.1,
        bias="both",
        duplicates="mean",
    )
    with pytest.raises(InputError, match="the checkpoint of another run"):
        solve(path, moved, solver=als)
    solve(tmp_path / "s.ckpt", sensing(), solver=als)
    other = sensing()
    other.values = other.values[::-1].copy()
    with pytest.raises(InputError, match="another matrix: its factors have the loss"):
        solve(tmp_path / "s.ckpt", other, solver=als, stop=lo.Stop(max_steps=30))


class Odd(NamedTuple):
    point: Any
    secret: Any


class OddSolver:
    """A method of somebody's own, which carries something that no file can hold."""

    step_size = None
    order = None

    def begin(self, problem: Any, point: Any, step_size: Any) -> Odd:
        return Odd(point, object())

    def step(self, problem: Any, memory: Odd) -> Odd:
        raise AssertionError("no step is taken")


def test_what_cannot_be_kept_is_said_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(AbilityError, match=r"Odd in the state of a run.*Try a solver of the catalog"):
        solve(tmp_path / "run.ckpt", solver=OddSolver())
    with pytest.raises(InputError, match="every = 3 without a checkpoint"):
        solve(every=3)
    for every in (-1.0, np.nan, "soon"):
        with pytest.raises(InputError, match="every"):
            solve(tmp_path / "run.ckpt", every=every)
    with pytest.raises(InputError, match="checkpoint = 5; expected the path"):
        solve(5)
    with pytest.raises(FileError, match="[nN]ame too long"):
        solve(tmp_path / ("r" * 250))
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot write"):
        solve(tmp_path / "file" / "run.ckpt")


@pytest.mark.parametrize("fails", ["write", "fsync", "replace"])
def test_a_full_disk_stops_no_run_and_leaves_the_old_file(fails: str, path: Path, monkeypatch: Any) -> None:
    before = path.read_bytes(), previous_of(path).read_bytes()

    def full_disk(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if fails == "write":
        real = open

        def limited(file: Any, mode: str = "r", *rest: Any) -> Any:
            opened = real(file, mode, *rest)
            if mode == "xb" and os.path.basename(file).startswith(".run.ckpt."):
                opened.close()
                return real("/dev/full", "wb", buffering=0)
            return opened

        monkeypatch.setattr(files, "open", limited, raising=False)
    elif fails == "fsync":
        monkeypatch.setattr(files.os, "fsync", full_disk)
    else:
        monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.warns(UserWarning, match=r"No space left on device.* The run goes on; what was written before is"):
        solution = solve(path, every=0)
    monkeypatch.undo()
    assert told(solution) == told(solve())
    assert (path.read_bytes(), previous_of(path).read_bytes()) == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["run.ckpt", "run.ckpt.previous"]


def test_where_there_are_no_links_the_old_file_moves(path: Path, monkeypatch: Any) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(files.os, "link", refuse)
    solve(path)
    assert read_sealed(path)[0]["state"][1]["step"] == 20
    assert read_sealed(previous_of(path))[0]["state"][1]["step"] == 10


def test_ctrl_c_keeps_the_stretch_it_falls_into(tmp_path: Path, monkeypatch: Any) -> None:
    path, agd = tmp_path / "run.ckpt", lo.solvers.AlternatingGradientDescent(0.001)
    asked: dict[str, Any] = {"solver": agd, "stop": lo.Stop(max_steps=2000)}
    before, real = signal.getsignal(signal.SIGINT), lo.Stop.check

    def check(stop: Any, state: Any, *rest: Any) -> Any:
        if state.step == 700:
            signal.raise_signal(signal.SIGINT)
        return real(stop, state, *rest)

    monkeypatch.setattr(lo.Stop, "check", check)
    with pytest.raises(KeyboardInterrupt):
        solve(path, **asked)
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGINT) is before
    run = lo.Run(full(), agd, rank=3, rng=5, stop=lo.Stop(max_steps=2000), checkpoint=path)
    assert (run.state.step, run.status) == (700, lo.Status.RUNNING)
    assert told(solve(path, **asked)) == told(solve(**asked))


def test_how_often_it_is_written(tmp_path: Path, monkeypatch: Any) -> None:
    clock, took, writes = [0.0], [0.0], []

    def write(*_: Any, **__: Any) -> None:
        writes.append(clock[0])
        clock[0] += took[0]

    monkeypatch.setattr(written, "write_sealed", write)
    monkeypatch.setattr(written.time, "perf_counter", lambda: clock[0])
    for every, cost, expected in ((None, 0.01, [1, 32, 63]), (None, 2.0, [1, 203, 405]), (5, 2.0, [1, 8, 15])):
        writes.clear()
        clock[0], took[0] = 0.0, cost
        kept = written.Checkpoint(tmp_path / "run.ckpt", every, {})
        while len(writes) < 3:
            clock[0] = float(int(clock[0]) + 1)
            if kept.due():
                kept.write({}, {})
        assert [round(at) for at in writes] == expected
