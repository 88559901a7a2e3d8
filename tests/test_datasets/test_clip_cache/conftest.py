import logging

import cv2
import numpy as np
import pytest
from mmengine.logging import MMLogger
from store_toy import build_store

from mmaction_mer.datasets.annotation import write_annotation
from mmaction_mer.datasets.clip_cache import memory, store, writer


@pytest.fixture(autouse=True)
def fresh_process():
    """Each test begins without the clips and stores that the process has cached."""
    store._open.cache_clear()
    memory.clear_memory()


@pytest.fixture
def rows(tmp_path, fake):
    """Frames of noise: more than six, fewer, with gaps, and a video."""
    made = [
        fake.row('sub01', 'long', fps=100.0),
        fake.row('sub01', 'short', offset=6, apex=None, label=1),
        fake.row('sub02', 'gaps', label=2, emotion='joy', aus=[]),
        fake.row('sub02', 'film', video='films/film.avi', onset=2, offset=9, label=1),
    ]
    rng = np.random.default_rng(0)
    for row in made[:3]:
        folder = fake.write_frames(tmp_path / 'frames' / row['frame_dir'], range(1, 15))
        for path in folder.iterdir():
            cv2.imwrite(str(path), rng.integers(256, size=(20, 16, 3), dtype=np.uint8))
    for number in (5, 6, 7):
        (tmp_path / f'frames/sub02/gaps/img{number}.jpg').unlink()
    fake.write_video(tmp_path / 'frames/films/film.avi', 12)
    del made[3]['frame_dir'], made[3]['filename_tmpl']
    write_annotation(tmp_path / 'ann.json', fake.content(*made))
    return made


@pytest.fixture
def root(tmp_path, rows):
    """A prepared folder with a store."""
    build_store(tmp_path, rows)
    return tmp_path


@pytest.fixture
def log():
    """The messages of mmengine's current logger about stores."""
    messages = []
    handler = logging.Handler(logging.INFO)
    handler.filter = lambda record: 'store' in record.getMessage()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    level = logger.level
    # Another test may have silenced it; MMLogger forgets what it has cached of
    # logging.disable when its level is set.
    logging.disable(logging.NOTSET)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def built(monkeypatch):
    """Names of the clips that this process builds for a store."""
    names = []
    build_clip = writer.build_clip

    def counted(transforms, row):
        names.append(row['clip'])
        return build_clip(transforms, row)

    monkeypatch.setattr(writer, 'build_clip', counted)
    return names
