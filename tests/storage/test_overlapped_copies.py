"""Two buffers are enough however late or early a device does what it was told: on a model of PyTorch's streams."""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest

from lopside.storage import device_blocks
from lopside.storage.device_blocks import Streamed
from lopside.storage.site import Site


class Queue:
    """A stream: what it was told, done in order, each piece when what it waits for is done and chance has it."""

    def __init__(self, machine):
        self.machine, self.told, self.done = machine, [], 0
        machine.queues.append(self)

    def tell(self, work, ready=lambda: True):
        self.told.append((work, ready))

    def advance(self):
        """Do the next piece, if it can be done."""
        if self.done == len(self.told) or not self.told[self.done][1]():
            return False
        work, self.done = self.told[self.done][0], self.done + 1
        work()
        return True

    def wait_event(self, event):
        queue, mark = event.place
        self.tell(lambda: None, lambda: queue is None or queue.done >= mark)

    def wait_stream(self, other):
        mark = len(other.told)
        self.tell(lambda: None, lambda: other.done >= mark)

    def synchronize(self):
        mark = len(self.told)
        self.machine.run(lambda: self.done >= mark)


class Event:
    """A mark in a queue; before it is recorded nobody waits for it."""

    def __init__(self, machine):
        self.machine, self.place = machine, (None, 0)

    def record(self, queue):
        self.place = queue, len(queue.told)

    def synchronize(self):
        queue, mark = self.place
        if queue is not None:
            self.machine.run(lambda: queue.done >= mark)


class Buffer:
    """Memory here or on the device, and copies between them that a queue does."""

    def __init__(self, machine, values, pinned):
        self.machine, self.values, self.pinned = machine, values, pinned

    def numpy(self):
        assert self.pinned
        return self.values

    def __getitem__(self, rows):
        return Buffer(self.machine, self.values[rows], self.pinned)

    def copy_(self, other, *, non_blocking):
        assert non_blocking
        assert other.pinned
        self.machine.current.tell(lambda: np.copyto(self.values, other.values))


class Machine:
    """As much of PyTorch as copies need; `pace` orders the queues each time that something can be done."""

    float64 = np.float64

    def __init__(self, pace):
        self.cuda, self.queues, self.pace = self, [], pace
        self.working = self.current = Queue(self)

    def empty(self, shape, dtype, pin_memory=False, device=None):
        return Buffer(self, np.full(shape, np.nan, dtype), pin_memory)

    def Event(self):
        return Event(self)

    def Stream(self, device):
        return Queue(self)

    def current_stream(self, device):
        return self.current

    @contextlib.contextmanager
    def stream(self, queue):
        before, self.current = self.current, queue
        yield
        self.current = before

    def run(self, until):
        """Let the device work until this is so."""
        while not until():
            assert any(queue.advance() for queue in self.pace(self.queues)), "everybody waits for somebody else"

    def drift(self):
        """Let the device work a little, or a lot, while nobody looks."""
        for _ in range(random.randrange(6)):
            any(queue.advance() for queue in self.pace(self.queues))


class Cuda:
    """A device of PyTorch."""

    type = "cuda"


@pytest.mark.parametrize("blocks", [1, 2, 3, 9])
@pytest.mark.parametrize("pace", ["copies first", "work first", "by chance"])
def test_no_block_is_overwritten_before_it_was_used(monkeypatch, blocks, pace):
    random.seed(blocks)
    orders = {
        "copies first": lambda queues: queues[::-1],
        "work first": lambda queues: queues,
        "by chance": lambda queues: random.sample(queues, len(queues)),
    }
    A = np.arange(blocks * 40.0 - 8.0).reshape(-1, 4)
    monkeypatch.setattr("lopside.storage.site.ACCELERATOR_BLOCK", 10 * 32)
    monkeypatch.setattr("lopside.storage.site.LEAST_ROWS", 1)
    for _ in range(20):
        machine = Machine(orders[pace])
        monkeypatch.setattr(device_blocks.importlib, "import_module", lambda name, machine=machine: machine)
        seen = []
        for rows, block in Streamed(Site("torch", None, Cuda()), A):
            machine.working.tell(lambda rows=rows, block=block, seen=seen: seen.append((rows, block.values.copy())))
            machine.drift()
        assert machine.working.done == len(machine.working.told)
        np.testing.assert_array_equal(np.vstack([values for _, values in seen]), A)
        assert [rows.start for rows, _ in seen] == list(range(0, len(A), 10))
