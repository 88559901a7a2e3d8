"""Pages that the tests of this folder share, and a prediction made by hand."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT

from mmaction_mer.apis import ClipPrediction, WindowPrediction
from mmaction_mer.motion.spotting import Spot


@pytest.fixture(scope='session')
def served():
    """A page in this process, on a free port."""
    pytest.importorskip('gradio')
    from mmaction_mer.app.serving import serve

    with pytest.MonkeyPatch.context() as patch:
        for name in ('GRADIO_TEMP_DIR', 'GRADIO_ANALYTICS_ENABLED'):
            patch.setenv(name, '')  # restored at the end
        page = serve(port=None)
        try:
            yield page
        finally:
            page.close()
            assert not page.folder.exists()


@pytest.fixture(scope='session')
def running(tmp_path_factory):
    """A page started by the command line.

    There is a file in the place of Gradio's default folder, as if of another user.
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
    environment['PYTHONPATH'] = f'{ROOT}:{os.environ.get("PYTHONPATH", "")}'
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
    """A page in another process."""

    def __init__(self, process, url, place):
        self.process, self.url, self.place = process, url, place
        (self.folder,) = (place / 'temporary').glob('mmaction_mer_app_*')

    @property
    def log(self):
        return (self.place / 'log').read_text()

    def kept(self):
        """Return all files that are kept of uploads."""
        # Not rglob(), which fails when a folder is removed at the same time.
        found = []
        for folder, _, names in os.walk(self.place / 'temporary'):
            for path in (Path(folder, name) for name in names):
                with contextlib.suppress(FileNotFoundError):
                    if path.suffix != '.raw' and path.stat().st_size:
                        found.append(path)
        return found


@pytest.fixture
def prediction():
    """A prediction made by hand: two folds, which disagree, and one window."""
    frames = np.random.default_rng(0).integers(0, 255, (60, 64, 64, 3), np.uint8)
    window = WindowPrediction(
        10,
        70,
        np.float32([[0.7, 0.3], [0.4, 0.6]]),
        Spot(10, 29.5, 50, 1.2, 0.9),
        matrix=np.eye(2, 3),
    )
    saliency = np.zeros((64, 64), np.float32)
    saliency[8:24, 40:56] = 0.8
    return ClipPrediction(
        name='clip.mp4',
        fps=100.0,
        frames=70,
        classes=['calm', 'startled'],
        windows=[window],
        chosen=0,
        folds=['a', 'b'],
        side=64,
        clip=frames,
        saliency=saliency,
        explanation=dict(
            rank_image=np.full((32, 32, 3), 90.0), gaussians=np.eye(3, 16) + 0.01
        ),
        notes=['a note'],
    )
