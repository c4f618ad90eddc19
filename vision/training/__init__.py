"""Train, evaluate and export the detector, as `kitchen train` and `kitchen evaluate` do.

Only `fit` and `export` need torch (the extra `train`); `evaluate` runs with the base install.
"""

from vision.training.commands import evaluate, export, train

__all__ = ["evaluate", "export", "train"]
