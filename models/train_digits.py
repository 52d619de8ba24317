"""Train digits_mlp and digits_cnn, the two models of the tutorial and the tests.

Run from anywhere: `python models/train_digits.py`. Both read one input named `input`, (1, 1, 8, 8)
float32 pixels in 0..1, and so share the calibration and input files written here.
"""

from __future__ import annotations

import digits
import training
from torch import nn

CALIBRATION_ROWS = 256
MINIMUM_ACCURACY = 0.96


def build_mlp() -> nn.Module:
    """64-32-10: 2,410 parameters, 2,368 multiply-adds an image."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def build_cnn() -> nn.Module:
    """Two 3x3 convolutions: 1,210 parameters, 14,304 multiply-adds an image."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(48, 10),
    )


def main() -> None:
    data = digits.load()
    shared = [
        training.save_arrays("digits_calibration.npz", input=data.train[:CALIBRATION_ROWS]),
        training.save_arrays("digits_input.npz", input=data.test[:1]),
        training.save_arrays("digits_test.npz", input=data.test, labels=data.test_labels),
    ]
    for name, build, seed, epochs, dynamic_batch in (
        ("digits_mlp", build_mlp, 1, 80, True),
        ("digits_cnn", build_cnn, 2, 80, False),
    ):
        print(name)
        module = training.train(
            build, data.train, data.train_labels, seed=seed, epochs=epochs, learning_rate=1e-2
        )
        training.save_model(
            name,
            module,
            data.test,
            data.test_labels,
            script="train_digits.py",
            seed=seed,
            epochs=epochs,
            dynamic_batch=dynamic_batch,
            minimum_accuracy=MINIMUM_ACCURACY,
            data_files=shared,
        )


if __name__ == "__main__":
    main()
