"""When to answer, when to ask back, when to say that it is not understood.

The index scores held-out phrasings of the knowledge base and held-out negatives (texts that no
entry answers) by cross-validation. Two logistic calibrators (Platt, 1999) learn from those
scores how likely the first entry is right, and how likely the right one is among the first three.
Thresholds follow from what may go wrong: see `MAX_WRONG` and `MAX_STRAY`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: Share of all held-out messages that may be answered with the wrong entry.
MAX_WRONG = 0.02

#: Share of held-out negatives that may be met by an answer or a question back.
MAX_STRAY = 0.08

#: Names of the evidence columns, in order.
EVIDENCE = (
    "log first",
    "log second",
    "log background",
    "best similarity",
    "mean of three best similarities",
    "similarity lost to another entry",
    "similarity to negatives over this entry",
    "share of words known to this entry",
    "share of words known at all",
    "log words",
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Two logistic functions of the evidence, and their thresholds.

    `right` and `among` have shape (columns + 1,), the last value being the intercept; they work
    on evidence that was shifted by `shift` and divided by `scale`, each of shape (columns,).
    """

    shift: Floats
    scale: Floats
    right: Floats
    among: Floats
    answer_at: float
    ask_at: float

    def to_arrays(self) -> dict[str, npt.NDArray[np.float64]]:
        """For storing."""
        thresholds = np.array([self.answer_at, self.ask_at])
        return {
            "shift": self.shift,
            "scale": self.scale,
            "right": self.right,
            "among": self.among,
            "thresholds": thresholds,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[np.float64]]) -> Calibration:
        """Inverse of `to_arrays`."""
        return cls(
            arrays["shift"],
            arrays["scale"],
            arrays["right"],
            arrays["among"],
            float(arrays["thresholds"][0]),
            float(arrays["thresholds"][1]),
        )

    def probabilities(self, evidence: Floats) -> tuple[Floats, Floats]:
        """How likely the first entry is right, and the right one among three; shape (n,) each."""
        scaled = (evidence - self.shift) / self.scale
        return (
            _sigmoid(scaled @ self.right[:-1] + self.right[-1]),
            _sigmoid(scaled @ self.among[:-1] + self.among[-1]),
        )


def calibrate(evidence: Floats, right: Bools, among: Bools, negative: Bools) -> Calibration:
    """Fit on held-out evidence of shape (n, columns); the others are of shape (n,)."""
    shift = evidence.mean(axis=0)
    scale = np.maximum(evidence.std(axis=0), 1e-6)
    scaled = (evidence - shift) / scale
    right_weights = _fit(scaled, right)
    among_weights = _fit(scaled, among)
    draft = Calibration(shift, scale, right_weights, among_weights, 1.0, 1.0)
    right_p, among_p = draft.probabilities(evidence)
    return Calibration(
        shift,
        scale,
        right_weights,
        among_weights,
        answer_at=_threshold(right_p[~right], MAX_WRONG * len(right)),
        ask_at=_threshold(among_p[negative], MAX_STRAY * negative.sum()),
    )


def _threshold(scores_of_mistakes: Floats, allowed: float) -> float:
    """The lowest threshold that at most `allowed` of the mistakes reach."""
    if len(scores_of_mistakes) == 0:
        return 0.5
    ordered = np.sort(scores_of_mistakes)[::-1]
    place = min(int(allowed), len(ordered) - 1)
    return float(np.nextafter(np.clip(ordered[place], 0.05, 0.99), 1.0))


def _fit(scaled: Floats, truth: Bools) -> Floats:
    if truth.all() or not truth.any():
        # One class alone teaches nothing: lean on the truth's side with the first column.
        weights = np.zeros(scaled.shape[1] + 1)
        weights[0], weights[-1] = 1.0, 3.0 if truth.all() else -3.0
        return weights
    from sklearn.linear_model import LogisticRegression  # only learning needs it

    model = LogisticRegression(C=1.0, max_iter=500).fit(scaled, truth)
    return np.append(model.coef_[0], model.intercept_[0]).astype(np.float64)


def _sigmoid(values: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(values, -60.0, 60.0)))
