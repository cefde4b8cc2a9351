from __future__ import annotations

import numpy as np
import pytest

from sdmae.config import ScoreConfig
from sdmae.scoring import Terms, combine

CONFIG = ScoreConfig(alpha=0.5, beta=0.25, gamma=2.0, delta=4.0)


def random_terms(batch: int) -> Terms:
    rng = np.random.default_rng(0)
    error, discrepancy, anomaly_map = rng.random((3, batch, 4, 6), dtype=np.float32)
    return Terms(error, discrepancy, anomaly_map, rng.random(batch, dtype=np.float32))


def test_each_term_has_its_weight() -> None:
    one, zero, silent = np.ones((2, 3, 4), np.float32), np.zeros((2, 3, 4), np.float32), np.zeros(2, np.float32)
    assert (combine(Terms(one, zero, zero, silent), CONFIG) == 0.5).all()
    assert (combine(Terms(zero, one, zero, silent), CONFIG) == 0.25).all()
    assert (combine(Terms(zero, zero, one, silent), CONFIG) == 4.0).all()
    assert (combine(Terms(zero, zero, zero, np.array([0, 1], np.float32)), CONFIG)[1] == 2.0).all()


def test_a_frame_does_not_depend_on_its_batch() -> None:
    terms = random_terms(5)
    whole = combine(terms, CONFIG)
    assert whole.dtype == np.float32
    for i in range(5):
        alone = Terms(
            terms.error[i : i + 1],
            terms.discrepancy[i : i + 1],
            terms.anomaly_map[i : i + 1],
            terms.classifier[i : i + 1],
        )
        np.testing.assert_array_equal(combine(alone, CONFIG)[0], whole[i])


def test_the_terms_are_left_as_they_were() -> None:
    terms = random_terms(2)
    before = terms.error.copy()
    combine(terms, CONFIG)
    np.testing.assert_array_equal(terms.error, before)


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    terms = random_terms(3)
    with pytest.raises(ValueError, match=r"\(3, 4, 6\).*\(2,\)"):
        combine(Terms(terms.error, terms.discrepancy, terms.anomaly_map, terms.classifier[:2]), CONFIG)
    with pytest.raises(ValueError, match="expected terms"):
        combine(Terms(terms.error, terms.discrepancy[:, :2], terms.anomaly_map, terms.classifier), CONFIG)
