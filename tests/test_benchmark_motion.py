import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from mmaction_mer.engine.errors import MERRunError
from mmaction_mer.motion import magnify, to_video

FOLDER = Path(__file__).parents[1] / 'benchmarks'


@pytest.fixture(scope='module')
def motion():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        spec = importlib.util.spec_from_file_location(
            'motion_benchmark', FOLDER / 'motion.py'
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture
def swaying(motion):
    return motion.make_clip(16, 200.0, 20.0, size=32)


def test_what_moves_is_found_in_motion_and_in_video(motion, swaying):
    clip, moves = swaying
    band = dict(low=10.0, high=40.0)
    result = magnify(clip, 200.0, **band)
    video = to_video(magnify(clip, 200.0, add_original=True, **band))
    assert motion.likeness('ours', 'motion', result, clip, moves) > 0.7
    assert motion.likeness('ours', 'video', video, clip, moves) > 0.6
    assert motion.likeness('ours', 'motion', -result, clip, moves) < -0.7
    rng = np.random.default_rng(0)
    noise = rng.normal(size=clip.shape)
    assert abs(motion.likeness('noise', 'motion', noise, clip, moves)) < 0.1


def test_a_program_that_does_nothing_is_refused(motion, swaying):
    clip, moves = swaying
    with pytest.raises(MERRunError, match='PyEVM, video: nothing was magnified'):
        motion.likeness('PyEVM', 'video', clip, clip, moves)
    with pytest.raises(MERRunError, match='motion: not all of its result is finite'):
        motion.likeness('PyEVM', 'motion', moves * np.nan, clip, moves)
    with pytest.raises(MERRunError, match='came back for a clip of'):
        motion.likeness('PyEVM', 'motion', moves[:3], clip, moves)


def _row(name, ms, where='1 thread', task='motion'):
    rates = dict(ms=ms, clips_per_s=1e3 / ms, likeness=0.5)
    return dict(name=name, task=task, frames=16, where=where, **rates)


def test_speedups_are_over_the_fastest_peer_at_the_same_place(motion):
    rows = [
        _row('magnify', 2.0),
        _row('joeljose', 10.0),
        _row('PyEVM', 40.0),
        _row('magnify', 1.0, '2 threads'),
        _row('PyEVM', 20.0, '2 threads'),
        _row('motion_front_end', 0.5, 'GPU'),
        _row('magnify', 2.0, task='call'),
    ]
    motion.add_speedups(rows)
    assert [row['speedup'] for row in rows] == [5, 1, 0.25, 20, 1, 20, None]
    lines = motion.table(rows, 16, 'motion').splitlines()
    assert lines[0].startswith('| 16 frames, motion | 1 thread | ratio | 2 threads |')
    assert lines[-1] == '| PyEVM | 40.00 ms | 0.25 | 20.00 ms | 1.00 |  |  | 0.50 |'
    widths = {line.count('|') for line in lines}
    assert widths == {9} and len(lines) == 6


def test_every_program_of_the_table_is_explained(motion):
    assert set(motion.PEERS) == set(motion.TITLES)
    assert set(motion.TITLES.values()) <= set(motion.DOES)


def test_a_side_that_fails_says_what_and_how_to_go_on(motion, tmp_path):
    setting = dict(threads=1, device='cpu')
    folder = tmp_path / 'venv/bin'
    folder.mkdir(parents=True)
    (folder / 'python').symlink_to(sys.executable)
    with pytest.raises(MERRunError, match='joeljose failed: .*--install'):
        motion.Side('joeljose', tmp_path / 'no.npy', setting, tmp_path)


def test_what_is_copied_is_what_a_task_moves(motion, tmp_path):
    clip = np.zeros((2, 4, 4, 3), np.uint8)
    np.save(tmp_path / 'clip.npy', clip)
    setting = dict(threads=2, device='cpu')  # by the wall clock
    side = motion.Side('copy', tmp_path / 'clip.npy', setting, None)
    try:
        assert side.tasks == {'copy': ['video', 'motion', 'call']}
        saved = tmp_path / 'result.npy'
        for task, out in dict(video=clip.nbytes, motion=clip.size * 4).items():
            side.ask(program='copy', task=task, save=str(saved))
            assert 2 * np.load(saved).nbytes == clip.nbytes + out
        times = side.ask(program='copy', task='video', seconds=0.0)
        assert len(times) == 3 and min(times) > 0
    finally:
        side.close()
