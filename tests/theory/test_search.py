import numpy as np
import pytest
import reference

import lopside as lo
from lopside.theory.search import Search


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("capacity", [200, 24])
def test_the_image_that_was_kept_is_the_product(capacity, transposed):
    # A small basis is restarted, a cluster wider than the block is found by probes: both recombine what was kept.
    values = np.concatenate([np.ones(12), 0.5 * np.arange(1.0, 89.0) ** -0.5])
    A = reference.planted(160, 100, values)
    problem = lo.Full(np.asfortranarray(A) if transposed else A).metered()
    search = Search(
        problem,
        6,
        np.random.default_rng(1).standard_normal((problem.side, 4)),
        width=4,
        capacity=capacity,
        rng=np.random.default_rng(2),
        room=1 << 20,
    )
    B = A.T if transposed else A
    for _ in range(12):
        search.advance()
        search.settled(1e-6)
        reads = problem.reads
        V, rows = search.image(3)
        assert problem.reads == reads
        np.testing.assert_allclose(rows, B @ V, atol=1e-13 * np.linalg.norm(A))
    assert search.proof_reads > 0
    assert (search.relation.restarts > 0) == (capacity == 24)


def test_what_does_not_fit_is_read_again():
    A = reference.planted(60, 40, np.arange(1.0, 41.0) ** -1.0)
    problem = lo.Full(A).metered()
    block = np.random.default_rng(1).standard_normal((40, 8))
    search = Search(problem, 4, block, width=8, capacity=40, rng=np.random.default_rng(2), room=8 * 60 * 20)
    for _ in range(3):
        search.advance()
    V, rows = search.image(4)
    assert problem.reads == 4
    np.testing.assert_allclose(rows, A @ V, atol=1e-13)
