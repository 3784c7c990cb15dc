"""The fits of model A one by one, as `benchmarks.gpu` trains them."""

import numpy as np

from benchmarks.gpu import one_by_one
from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.models.deep_set_training import train
from truestrength.trainer.models.precision import Precision
from truestrength.trainer.models.settings import deep_set_settings


def test_a_fit_can_be_trained_without_the_others(task):
    alone = one_by_one(task)
    assert len(alone) == len(task.fits.train)
    for one in alone:
        found = train(one, deep_set_settings(Config()), Precision("cpu", None), 2)
        assert found["scores"].shape[:2] == (2, len(one.fits.ranked))
        assert np.ptp(found["scores"][-1]) > 0
