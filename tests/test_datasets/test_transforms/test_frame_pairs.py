"""Pairs of nearby frames: uniform, inside the clip, reproducible by seed."""

from collections import Counter

import numpy as np
import pytest
from data_errors import raises_data_error
from fake_clips import row

from mmaction_mer.datasets.transforms.frame_pairs import DrawFramePair, draw_pair


@pytest.fixture
def clip(tmp_path):
    """Write frames 10 to 29, of which the clip is 12 to 27."""
    folder = tmp_path / 's1_c1'
    folder.mkdir()
    for number in range(10, 30):
        (folder / f'img{number}.jpg').write_bytes(b'')
    return row(
        's1', 's1_c1', frame_dir=str(folder), onset=12, apex=20, offset=27, fps=30.0
    )


def test_delta_and_start_are_uniform():
    rng = np.random.default_rng(0)
    drawn = [draw_pair(np.arange(20), (2, 5), rng) for _ in range(8000)]
    gaps = Counter(end - start for start, end in drawn)
    assert set(gaps) == {2, 3, 4, 5}
    assert max(gaps.values()) < 1.1 * min(gaps.values())
    starts = Counter(start for start, end in drawn if end - start == 5)
    assert set(starts) == set(range(15))


def test_missing_frames_are_replaced_by_the_nearest():
    rng = np.random.default_rng(0)
    numbers = np.array([1, 2, 6, 9])
    drawn = {draw_pair(numbers, (3, 4), rng) for _ in range(100)}
    assert drawn == {(2, 6), (6, 9)}
    # A gap is not crossed if the distance would be more than b.
    numbers = np.array([0, 1, 50, 51])
    drawn = {draw_pair(numbers, (1, 8), rng) for _ in range(300)}
    assert drawn == {(0, 1), (50, 51)}
    # Unless there is nothing else.
    assert draw_pair(np.array([0, 20, 40]), (1, 8), rng) in {(0, 20), (20, 40)}


def test_the_clip_is_shortened_to_the_pair(clip):
    found = DrawFramePair(delta=(3, 3), seconds=0.5, seed=0)(dict(clip))
    assert 12 <= found['onset'] and found['offset'] <= 27
    assert found['offset'] - found['onset'] == 3
    assert found['apex'] is None and found['fps'] == 6.0
    assert DrawFramePair(delta=(3, 3), seed=0)(dict(clip))['fps'] == 30.0


def test_by_its_seed_and_clip_a_pair_repeats(clip):
    draw = DrawFramePair(delta=(1, 9), seed=0)
    pairs = {
        (found['onset'], found['offset'])
        for found in (draw(dict(clip)) for _ in range(5))
    }
    assert len(pairs) == 1
    others = {
        DrawFramePair(delta=(1, 9), seed=seed)(dict(clip))['onset'] for seed in range(9)
    }
    assert len(others) > 1
    np.random.seed(0)
    free = DrawFramePair(delta=(1, 9))
    assert len({free(dict(clip))['onset'] for _ in range(9)}) > 1


@pytest.mark.parametrize(
    ('options', 'field'),
    [
        (dict(delta=(0, 3)), 'delta'),
        (dict(delta=(4, 3)), 'delta'),
        (dict(delta=(1, 3), seconds=0), 'seconds'),
    ],
)
def test_invalid_arguments(options, field):
    with raises_data_error(field=field):
        DrawFramePair(**options)


def test_clips_without_a_pair(clip):
    with raises_data_error('LoadMERFrames', clip='fake/s1/s1_c1', hint=True):
        DrawFramePair(delta=(1, 2))(dict(clip, imgs=[]))
    clip.update(onset=27, offset=27)
    with raises_data_error('1 frame(s)', clip='fake/s1/s1_c1'):
        DrawFramePair(delta=(1, 2))(clip)
