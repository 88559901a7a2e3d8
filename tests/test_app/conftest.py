import importlib.util
import sys
from pathlib import Path

import pytest

MODEL = 'demo'


@pytest.fixture(scope='session')
def clips():
    """The module ``clips.py``, since tests cannot import each other here."""
    path = Path(__file__).with_name('clips.py')
    spec = importlib.util.spec_from_file_location('app_clips', path)
    module = sys.modules['app_clips'] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='session')
def served():
    """One page for all tests, on a free port of this machine."""
    pytest.importorskip('gradio')
    from mmaction_mer.app.serving import serve

    with pytest.MonkeyPatch.context() as patch:
        for name in ('GRADIO_TEMP_DIR', 'GRADIO_ANALYTICS_ENABLED'):
            patch.setenv(name, '')  # is put back at the end
        page = serve(MODEL, port=None)
        try:
            yield page
        finally:
            page.close()
            assert not page.folder.exists()


@pytest.fixture
def reading():
    """A reading made by hand: two folds, which disagree, and one window."""
    return make_reading()


def make_reading(**changes):
    import numpy as np

    from mmaction_mer.inference import Reading, WindowReading
    from mmaction_mer.motion.spotting import Spot

    frames = np.random.default_rng(0).integers(0, 255, (60, 64, 64, 3), np.uint8)
    window = WindowReading(
        10,
        70,
        np.float32([[0.7, 0.3], [0.4, 0.6]]),
        Spot(10, 29.5, 50, 1.2, 0.9),
        matrix=np.eye(2, 3),
    )
    heat = np.zeros((64, 64), np.float32)
    heat[8:24, 40:56] = 0.8
    explained = dict(
        rank_image=np.full((32, 32, 3), 90.0), gaussians=np.eye(3, 16) + 0.01
    )
    facts = dict(
        name='clip.mp4',
        fps=100.0,
        frames=70,
        classes=['calm', 'startled'],
        windows=[window],
        chosen=0,
        folds=['a', 'b'],
        side=64,
        clip=frames,
        heat=heat,
        explained=explained,
        notes=['a note'],
    )
    return Reading(**{**facts, **changes})
