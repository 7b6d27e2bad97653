"""When to answer: thresholds from held-out scores, by hand-made evidence."""

from __future__ import annotations

import numpy as np
import pytest

from faq.calibration import EVIDENCE, MAX_STRAY, MAX_WRONG, Calibration, calibrate


def made(count: int = 1000, seed: int = 3):
    """Evidence of which the first column tells what is right, with noise."""
    rng = np.random.default_rng(seed)
    truth = rng.random(count) < 0.6
    evidence = rng.normal(0, 1, (count, len(EVIDENCE)))
    evidence[:, 0] += np.where(truth, 2.0, -2.0)
    among = truth | (rng.random(count) < 0.3)
    negative = ~truth & (rng.random(count) < 0.5)
    return evidence, truth, among & ~negative, negative


def test_probabilities_tell_right_from_wrong() -> None:
    evidence, right, among, negative = made()
    calibration = calibrate(evidence, right, among, negative)
    p_right, p_among = calibration.probabilities(evidence)
    assert p_right.shape == p_among.shape == (1000,)
    assert p_right[right].mean() > 0.9 > 0.2 > p_right[~right].mean()
    assert p_right.mean() == pytest.approx(right.mean(), abs=0.02), "calibrated on the whole"


def test_no_more_than_the_allowed_share_is_answered_wrongly() -> None:
    evidence, right, among, negative = made()
    calibration = calibrate(evidence, right, among, negative)
    p_right, p_among = calibration.probabilities(evidence)
    wrong = (p_right >= calibration.answer_at) & ~right
    assert wrong.sum() <= MAX_WRONG * len(right)
    assert (p_right >= calibration.answer_at)[right].mean() > 0.5, "and most is answered"
    met = (p_among >= calibration.ask_at) & negative
    assert met.sum() <= MAX_STRAY * negative.sum()


def test_thresholds_rise_when_mistakes_look_sure() -> None:
    evidence, right, among, negative = made()
    clean = calibrate(evidence, right, among, negative)
    fooled = right.copy()
    fooled[np.argsort(-evidence[:, 0])[:60]] = False
    assert calibrate(evidence, fooled, among, negative).answer_at > clean.answer_at


def test_thresholds_stay_within_reach() -> None:
    evidence, right, among, negative = made()
    calibration = calibrate(evidence, right, among, negative)
    for threshold in (calibration.answer_at, calibration.ask_at):
        assert 0.05 <= threshold < 1.0


@pytest.mark.parametrize("value", [True, False])
def test_one_class_alone_does_not_break(value: bool) -> None:
    evidence, _, _, _ = made(50)
    same = np.full(50, value)
    calibration = calibrate(evidence, same, same, np.zeros(50, dtype=bool))
    p_right, p_among = calibration.probabilities(evidence)
    assert np.isfinite(p_right).all() and np.isfinite(p_among).all()
    assert bool(p_right.mean() > 0.5) is value


def test_a_column_without_spread_does_not_break() -> None:
    evidence, right, among, negative = made()
    evidence[:, 4] = 7.0
    calibration = calibrate(evidence, right, among, negative)
    assert np.isfinite(calibration.probabilities(evidence)[0]).all()


def test_extreme_evidence_stays_a_probability() -> None:
    evidence, right, among, negative = made()
    calibration = calibrate(evidence, right, among, negative)
    extreme = np.full((2, len(EVIDENCE)), 1e9)
    extreme[1] *= -1
    for values in calibration.probabilities(extreme):
        assert ((values >= 0) & (values <= 1)).all()


def test_storing_loses_nothing() -> None:
    calibration = calibrate(*made())
    again = Calibration.from_arrays(calibration.to_arrays())
    evidence = made(seed=9)[0]
    for one, two in zip(
        calibration.probabilities(evidence), again.probabilities(evidence), strict=True
    ):
        assert np.array_equal(one, two)
    assert (again.answer_at, again.ask_at) == (calibration.answer_at, calibration.ask_at)
