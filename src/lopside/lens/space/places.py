"""Places on paper: what is alike stands together, and nothing covers anything."""

from __future__ import annotations

import numpy as np

from lopside.lens.space.arrays import Floats

APART = 26.0
"""Between the middles of two papers, at least."""

_NEAREST = 6
"""Papers that each is tied to; how far others are is counted along these ties."""

_ROUNDS = 100

_ROOM = 1.9
"""Side of the square that a paper has on the average, in least distances."""


def places(X: Floats, apart: float = APART) -> Floats:
    """Return a place for each row, neighbours by cosine near each other, no two nearer than `apart`.

    Distances are those along ties to the nearest rows [TSL00]; places have as little stress as rounds of majorization
    leave [GKN05]. The same rows have the same places every time.

    Parameters
    ----------
    X : ndarray, shape (n, k)
        At most a few hundred rows.
    apart : float
        Between the middles of two.

    Returns
    -------
    ndarray, shape (n, 2)
        Wider than high, around the origin.
    """
    if len(X) < 2:
        return np.zeros((len(X), 2))
    unit = X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-12)
    far = _along_ties(np.sqrt(np.clip(2.0 - 2.0 * unit @ unit.T, 0.01, None)))
    found = _least_stress(far)
    return _spread(_turned(found), apart)


def _along_ties(far: Floats) -> Floats:
    from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path

    n = len(far)
    np.fill_diagonal(far, 0.0)
    order = np.argsort(far, axis=1, kind="stable")[:, 1 : _NEAREST + 1]
    ties = np.zeros_like(far)
    rows = np.repeat(np.arange(n), order.shape[1])
    ties[rows, order.ravel()] = far[rows, order.ravel()]
    tree = minimum_spanning_tree(far).toarray()
    ties = np.maximum(ties, tree)
    return shortest_path(np.maximum(ties, ties.T), directed=False)


def _least_stress(far: Floats) -> Floats:
    n = len(far)
    centred = np.eye(n) - 1.0 / n
    values, vectors = np.linalg.eigh(-0.5 * centred @ far**2 @ centred)
    lead = vectors[:, :-3:-1]
    lead = lead * np.where(lead[np.argmax(np.abs(lead), axis=0), np.arange(lead.shape[1])] < 0, -1.0, 1.0)
    places = lead * np.sqrt(np.maximum(values[:-3:-1], 1e-6))
    weights = 1.0 / np.maximum(far, 1e-9) ** 2
    np.fill_diagonal(weights, 0.0)
    inverse = np.linalg.pinv(np.diag(weights.sum(axis=1)) - weights)
    for _ in range(_ROUNDS):
        B = -weights * far / np.maximum(_distances(places), 1e-9)
        np.fill_diagonal(B, 0.0)
        np.fill_diagonal(B, -B.sum(axis=1))
        places = inverse @ B @ places
    return places


def _distances(places: Floats) -> Floats:
    step = places[:, None, :] - places[None, :, :]
    return np.sqrt((step**2).sum(axis=2))


def _turned(places: Floats) -> Floats:
    """Return the places with their longest direction across."""
    places = places - places.mean(axis=0)
    _, _, Vt = np.linalg.svd(places, full_matrices=False)
    signs = np.where(Vt[np.arange(len(Vt)), np.argmax(np.abs(Vt), axis=1)] < 0, -1.0, 1.0)
    return places @ (Vt * signs[:, None]).T


def _spread(places: Floats, apart: float) -> Floats:
    """Scale to the room that so many need, then push away what is too near."""
    across, down = np.ptp(places, axis=0)
    room = len(places) * (_ROOM * apart) ** 2
    places = places * np.sqrt(room / max(across * down, 1e-12 * across * across, 1e-30))
    angle = 2.399963 * np.arange(len(places))  # of sunflower seeds: no two in the same direction
    places = places + 1e-3 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for _ in range(300):
        step = places[:, None, :] - places[None, :, :]
        far = np.sqrt((step**2).sum(axis=2))
        np.fill_diagonal(far, np.inf)
        short = np.clip(apart - far, 0.0, None)
        if not short.any():
            break
        places = places + (step * (0.5 * (short + 0.01 * (short > 0)) / far)[:, :, None]).sum(axis=1)
    return places
