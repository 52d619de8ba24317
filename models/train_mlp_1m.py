"""Train mlp_1m, the fully connected benchmark model, on digits upscaled to 28x28 and flattened.

Run from anywhere: `python models/train_mlp_1m.py`.
"""

from __future__ import annotations

import digits
import training
from torch import nn

CALIBRATION_ROWS = 128
SEED = 4
EPOCHS = 10
MINIMUM_ACCURACY = 0.96


def build() -> nn.Module:
    """784-1024-256-10: 1,068,810 parameters, 1,067,520 multiply-adds an image."""
    return nn.Sequential(
        nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 256), nn.ReLU(), nn.Linear(256, 10)
    )


def main() -> None:
    data = digits.load()
    images = digits.upscale(data.train).reshape(-1, 784)  # (rows, 784)
    test = digits.upscale(data.test).reshape(-1, 784)
    print("mlp_1m")
    module = training.train(
        build, images, data.train_labels, seed=SEED, epochs=EPOCHS, learning_rate=1e-3
    )
    training.save_model(
        "mlp_1m",
        module,
        test,
        data.test_labels,
        script="train_mlp_1m.py",
        seed=SEED,
        epochs=EPOCHS,
        dynamic_batch=True,
        minimum_accuracy=MINIMUM_ACCURACY,
        data_files=[
            training.save_arrays("mlp_1m_calibration.npz", input=images[:CALIBRATION_ROWS]),
            training.save_arrays("mlp_1m_input.npz", input=test[:1]),
        ],
    )


if __name__ == "__main__":
    main()
