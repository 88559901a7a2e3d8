"""Fixtures that the tests of this folder share: a run, an inferencer, a clip."""

import pytest
from inference_toy import make_run, synthetic_clip


@pytest.fixture(scope='session')
def run(tmp_path_factory):
    """Work directory of a finished run with two folds."""
    return make_run(tmp_path_factory.mktemp('runs') / 'run')


@pytest.fixture(scope='session')
def inferencer(run):
    from mmaction_mer.apis import MERInferencer

    return MERInferencer(run, device='cpu')


@pytest.fixture(scope='session')
def clip():
    """A clip of raised brows, ``(40, 112, 112, 3)``, apex at frame 18."""
    return synthetic_clip()
