"""A multinomial logistic regression whose weights are plain arrays, so that they can be stored
without pickling and used without the library that fitted them.

Fitting happens in a smaller space that gives the same result: with n texts and far more features,
the Cholesky factor of the texts' inner products stands in for the features (L2-regularised linear
models depend on inner products alone), and the weights are carried back afterwards. For very many
texts the largest singular directions stand in, which is close but not the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.encoder import Vectors

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

#: Inverse regularisation strength, chosen on ArBanking77 with 10 phrasings an intent.
_C = 20.0
_MAX_ITERATIONS = 200
_TOLERANCE = 1e-3

#: Bias of a class without examples: it stays last.
_NEVER = -50.0

#: Texts up to which inner products are factorised exactly; at 6,000 that takes about a second and
#: 300 MB.
_EXACT = 6_000

#: Singular directions that are kept beyond.
_DIRECTIONS = 1_024


@dataclass(frozen=True, slots=True)
class Compressed:
    """Features of n texts in k columns: `rows` of shape (n, k). `back` carries weights of shape
    (classes, k) back to shape (classes, features)."""

    rows: Any
    back: Callable[[Vectors], Vectors]


def compress(joined: Any) -> Compressed:
    """Sparse features of shape (n, features) in no more columns than training needs."""
    texts, features = joined.shape
    if texts >= features:
        return Compressed(joined, lambda weights: weights)
    if texts <= _EXACT:
        return _factorised(joined)
    from sklearn.utils.extmath import randomized_svd  # only learning needs it

    _, _, components = randomized_svd(joined, _DIRECTIONS, n_iter=2, random_state=0)
    rows = np.asarray(joined @ components.T, dtype=np.float32)
    return Compressed(rows, lambda weights: (weights @ components).astype(np.float32))


def _factorised(joined: Any) -> Compressed:
    from scipy.linalg import cholesky, solve_triangular

    products = (joined @ joined.T).toarray().astype(np.float64)
    # Texts with the same features make the matrix singular; a grain on the diagonal mends it.
    products[np.diag_indices_from(products)] += 1e-6
    lower = cholesky(products, lower=True, overwrite_a=True, check_finite=False)

    def back(weights: Vectors) -> Vectors:
        # rows = L with X X' = L L', so X = L V' where V = X' inv(L)', and W in L is W V' in X.
        mixed = solve_triangular(lower, weights.T.astype(np.float64), lower=True, trans="T")
        return np.asarray((joined.T @ mixed).T, dtype=np.float32)

    return Compressed(lower.astype(np.float32), back)


def train(
    joined: Any, truth: Labels, classes: int, *, balanced: bool = False
) -> tuple[Vectors, Vectors]:
    """Fit on features of shape (n, k), sparse or not, with labels 0..classes-1 of shape (n,).

    Returns weights of shape (classes, k) and bias of shape (classes,), float32.
    `balanced` weighs classes alike however many examples they have.
    """
    present = np.unique(truth)
    weights = np.zeros((classes, joined.shape[1]), dtype=np.float32)
    bias = np.full(classes, _NEVER, dtype=np.float32)
    if len(present) == 1:
        bias[present[0]] = 0.0
        return weights, bias
    # Imported where it is needed: serving a model that was learnt before needs none of it.
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(
        C=_C,
        max_iter=_MAX_ITERATIONS,
        tol=_TOLERANCE,
        class_weight="balanced" if balanced else None,
    ).fit(joined, truth)
    if len(present) == 2:
        weights[present[1]], bias[present[1]] = model.coef_[0], model.intercept_[0]
        bias[present[0]] = 0.0
    else:
        weights[present], bias[present] = model.coef_, model.intercept_
    return weights, bias


def shares(joined: Any, weights: Vectors, bias: Vectors) -> Floats:
    """Probability of each class for each text, shape (n, classes)."""
    scores = np.asarray(joined @ weights.T + bias, dtype=np.float64)
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Floats = scores / scores.sum(axis=1, keepdims=True)
    return result
