"""Train lenet, the convolutional benchmark model, on digits upscaled to 28x28.

Run from anywhere: `python models/train_lenet.py`.
"""

from __future__ import annotations

import digits
import training
from torch import nn

CALIBRATION_ROWS = 128
SEED = 3
EPOCHS = 15
MINIMUM_ACCURACY = 0.96


def build() -> nn.Module:
    """LeNet-5 with ReLU and max pooling: 44,426 parameters, 281,640 multiply-adds an image."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def main() -> None:
    data = digits.load()
    images, test = digits.upscale(data.train), digits.upscale(data.test)  # (rows, 1, 28, 28)
    print("lenet")
    module = training.train(build, images, data.train_labels, seed=SEED, epochs=EPOCHS)
    training.save_model(
        "lenet",
        module,
        test,
        data.test_labels,
        script="train_lenet.py",
        seed=SEED,
        epochs=EPOCHS,
        dynamic_batch=False,
        minimum_accuracy=MINIMUM_ACCURACY,
        data_files=[
            training.save_arrays("lenet_calibration.npz", input=images[:CALIBRATION_ROWS]),
            training.save_arrays("lenet_input.npz", input=test[:1]),
        ],
    )


if __name__ == "__main__":
    main()
