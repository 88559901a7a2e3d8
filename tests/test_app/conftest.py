import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

MODEL = 'demo'


def neighbor(name):
    """A module of this folder, since tests cannot import each other here."""
    path = Path(__file__).with_name(f'{name}.py')
    spec = importlib.util.spec_from_file_location(f'app_{name}', path)
    module = sys.modules[f'app_{name}'] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='session')
def clips():
    return neighbor('clips')


@pytest.fixture(scope='session')
def visitor():
    return neighbor('visitor')


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


@pytest.fixture(scope='session')
def running(tmp_path_factory):
    """A page as the command line starts it: its address, folder, place and log.

    Where Gradio would keep files by itself lies something that is not a folder, as if
    another user had been there before.
    """
    pytest.importorskip('gradio')
    place = tmp_path_factory.mktemp('running')
    for name in ('temporary', 'nowhere'):
        (place / name).mkdir()
    (place / 'temporary' / 'gradio').touch()
    environment = {**os.environ, 'TMPDIR': str(place / 'temporary')}
    environment['OMP_NUM_THREADS'] = '1'
    for name in ('GRADIO_TEMP_DIR', 'TEMP', 'TMP'):
        environment.pop(name, None)
    root = ROOT
    environment['PYTHONPATH'] = f'{root}:{os.environ.get("PYTHONPATH", "")}'
    with (place / 'log').open('wb') as log:
        process = subprocess.Popen(
            [sys.executable, '-m', 'mmaction_mer', 'app', '--port', '0'],
            cwd=place / 'nowhere',
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            line = process.stdout.readline().decode()
            assert line.startswith('the page: '), (place / 'log').read_text()
            yield Running(process, line.split()[2], place)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(120)
            finally:
                process.kill()
                process.wait()
    assert not list((place / 'temporary').glob('mmaction_mer*'))
    assert not list((place / 'nowhere').iterdir())
    assert 'Traceback' not in (place / 'log').read_text()


class Running:
    """A page in a process of its own."""

    def __init__(self, process, url, place):
        self.process, self.url, self.place = process, url, place
        (self.folder,) = (place / 'temporary').glob('mmaction_mer_page_*')

    @property
    def log(self):
        return (self.place / 'log').read_text()

    def kept(self):
        """All that is kept anywhere of what visitors sent."""
        return [
            path for path in (self.place / 'temporary').rglob('*')
            if path.is_file() and path.stat().st_size and path.suffix != '.raw'
        ]  # fmt: skip


@pytest.fixture
def reading():
    """A reading made by hand: two folds, which disagree, and one window."""
    return make_reading()


def make_reading(**changes):
    import numpy as np

    from mmaction_mer.apis import ClipPrediction, WindowPrediction
    from mmaction_mer.motion.spotting import Spot

    frames = np.random.default_rng(0).integers(0, 255, (60, 64, 64, 3), np.uint8)
    window = WindowPrediction(
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
        saliency=heat,
        explanation=explained,
        notes=['a note'],
    )
    return ClipPrediction(**{**facts, **changes})
