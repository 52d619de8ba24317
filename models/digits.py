"""The digits data set as the sample models see it: scaled, split, upscaled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SPLIT_SEED = 20240
TEST_ROWS = 450
PIXEL_MAX = 16.0

Images = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digits:
    """One split of the data set.

    Attributes:
        train: (1347, 1, 8, 8) float32 in 0..1, shuffled.
        train_labels: (1347,) int64 in 0..9.
        test: (450, 1, 8, 8) float32 in 0..1, never trained or calibrated on.
        test_labels: (450,) int64 in 0..9.
    """

    train: Images
    train_labels: Labels
    test: Images
    test_labels: Labels


def load() -> Digits:
    """Load scikit-learn's digits and split them; the same split on every call and machine."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images / PIXEL_MAX).astype(np.float32)[:, None]  # (1797, 1, 8, 8)
    labels = bunch.target.astype(np.int64)
    order = np.random.Generator(np.random.PCG64(SPLIT_SEED)).permutation(len(labels))
    test, train = order[:TEST_ROWS], order[TEST_ROWS:]
    return Digits(
        train=images[train],
        train_labels=labels[train],
        test=images[test],
        test_labels=labels[test],
    )


def upscale(images: Images) -> Images:
    """Interpolate digits bilinearly to the size of MNIST images.

    Args:
        images: (rows, 1, 8, 8) float32.

    Returns:
        (rows, 1, 28, 28) float32 within the range of the input.
    """
    weights = _interpolation(8, 28)
    # float64 inside: the rounding to float32 then hides the order of summation
    wide = np.einsum("ij,rcjk,lk->rcil", weights, images.astype(np.float64), weights)
    return wide.astype(np.float32)


def _interpolation(source: int, target: int) -> npt.NDArray[np.float64]:
    """Weights (target, source) of linear interpolation between pixel centres, edges repeated."""
    position = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    below = np.minimum(position.astype(np.int64), source - 2)
    weights = np.zeros((target, source))
    rows = np.arange(target)
    weights[rows, below] = 1 - (position - below)
    weights[rows, below + 1] = position - below
    return weights
