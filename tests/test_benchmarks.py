import ast
import importlib.util
import json
import sys

import numpy as np
import pytest
import torch
from paths import ROOT

from mmaction_mer.engine.strategies.stacking.compatibility import (
    StackingNotSupportedError,
)
from mmaction_mer.evaluation.predictions import write_predictions
from mmaction_mer.motion import magnify, to_video
from mmaction_mer.utils.errors import MERRunError
from mmaction_mer.utils.json_files import write_json

FOLDER = ROOT / 'benchmarks'


NAMES = ('allocator', 'loso', 'memory', 'motion', 'scaling', 'store', 'videos')


@pytest.fixture(scope='module')
def benchmarks():
    """Every benchmark that writes JSON, by its name, and that of the prompts."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        for name in (*NAMES, 'prompts'):
            spec = importlib.util.spec_from_file_location(
                f'{name}_benchmark', FOLDER / f'{name}.py'
            )
            found[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(found[name])
        yield found


@pytest.fixture(scope='module')
def motion(benchmarks):
    return benchmarks['motion']


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
    rates = dict(ms=ms, wall_s=ms / 1e3, clips_per_s=1e3 / ms, likeness=0.5)
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


FORM = ['name', 'clips_per_s', 'wall_s', 'speedup']


def _rows(benchmarks):
    """What each benchmark makes of numbers that are easy to follow."""
    moved = [
        _row('magnify', 2.0),
        _row('magnify', 2.0, '2 threads'),
        _row('magnify', 2.0, task='video'),
        {**_row('magnify', 2.0), 'frames': 70},
        _row('PyEVM', 40.0),
    ]
    benchmarks['motion'].add_speedups(moved)
    sizes = dict(stacked=(2.0, 0.5), separate=(8.0, 1.0))
    steps = [
        dict(folds=folds, clips=clips, open_s=1.0, step_s=0.5)
        for folds, clips in ((8, 250), (26, 250), (8, 442))
    ]
    rates = {'JPEG 640x480': 4.0, 'store, warm': 64.0}
    return dict(
        allocator=benchmarks['allocator'].rows_of(2.0, 1.0, batch=16),
        loso=benchmarks['loso'].rows_of({'host-loop': 60.0, 'stacked': 4.0}, 120),
        memory=benchmarks['memory'].rows_of(sizes, folds=26, batch=2),
        motion=benchmarks['motion'].rows_of(moved),
        scaling=benchmarks['scaling'].rows_of(steps, alone=0.25, batch=4),
        store=benchmarks['store'].rows_of(rates, clips=64),
        videos=benchmarks['videos'].rows_of(
            {'h264': {'index': 0.5, 'in order': 1.0, 'seeking': 0.125, 'decord': None}}
        ),
    )


def test_every_benchmark_writes_rows_of_one_form(benchmarks, tmp_path):
    for name, rows in _rows(benchmarks).items():
        write_json(tmp_path / 'rows.json', rows)
        assert json.loads((tmp_path / 'rows.json').read_text()) == rows
        assert all([*row][:4] == FORM for row in rows), name
        names = [row['name'] for row in rows]
        assert len(set(names)) == len(names), name


def test_rows_say_what_was_measured(benchmarks):
    found = {name: rows[-1] for name, rows in _rows(benchmarks).items()}
    first = {key: [row[key] for row in found.values()] for key in FORM}
    assert first['clips_per_s'] == [16, 30, 52, 25, 64, 64, 8]
    assert first['wall_s'] == [1, 4, 1, 0.04, 0.5, 1, 0.125]
    assert first['speedup'] == [2, 15, 1, 1, 4, 16, 8]
    assert found['motion']['name'] == 'PyEVM, motion, 16 frames, 1 thread'
    assert found['scaling']['name'] == '8 folds, 442 clips'
    memory = _rows(benchmarks)['memory']
    assert [row['over_stacked'] for row in memory] == [1, 4]
    assert [row['bytes'] for row in memory] == [2, 8]
    assert [row['speedup'] for row in memory] == [2, 1]


def test_what_is_not_compared_has_no_speedup(benchmarks):
    (alone,) = benchmarks['loso'].rows_of({'stacked': 3.0}, 1)
    assert alone == dict(name='stacked', clips_per_s=0.3333, wall_s=3, speedup=None)
    (alone,) = benchmarks['memory'].rows_of({'unfrozen': (8.0, 1.0)}, 2, 1)
    assert alone['speedup'] is None and alone['over_stacked'] is None


@pytest.mark.parametrize('name', NAMES)
def test_every_benchmark_is_asked_for_json(benchmarks, name, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', [name, '--help'])
    with pytest.raises(SystemExit) as end:
        benchmarks[name].main()
    assert end.value.code == 0 and '--json JSON' in capsys.readouterr().out


def test_what_benchmarks_share_is_light():
    tree = ast.parse((FOLDER / 'common.py').read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, 'module', None), *(one.name for one in node.names)]
            heads = {name.partition('.')[0] for name in names[:1] if name}
            heads |= {name for name in names[1:] if isinstance(node, ast.Import)}
            assert heads <= set(sys.stdlib_module_names)


def _write_run(folder, classes):
    """A finished run of one fold that predicts these classes, clip after clip."""
    write_json(folder / 'results.json', dict(classes=['a', 'b'], selection='last'))
    lines = [
        dict(dataset='d', subject='s', clip=f'c{number}', label=0, prediction=said)
        | dict(probabilities=[1 - said, said])
        for number, said in enumerate(classes)
    ]
    write_predictions(folder / 'folds/s/predictions.jsonl', lines)
    return folder


def test_ways_agree_on_the_clips_for_which_all_say_the_same(benchmarks, tmp_path):
    agreement = benchmarks['loso'].agreement
    one = _write_run(tmp_path / 'one', [0, 1, 1, 0])
    two = _write_run(tmp_path / 'two', [0, 1, 0, 0])
    cut = _write_run(tmp_path / 'cut', [0, 1])
    assert agreement([one, one]) == (4, 4)
    assert agreement([one, two]) == (3, 4)
    assert agreement([one, two, cut]) == (2, 4)
    with pytest.raises(MERRunError, match='no finished fold here'):
        agreement([one, tmp_path / 'none'])


def test_a_step_that_cannot_be_stacked_says_why(benchmarks, monkeypatch, capsys):
    loso = benchmarks['loso']

    def fail(error):
        def share(cfg, folder):
            raise error

        monkeypatch.setattr(loso, 'training_share', share)
        return loso.closing_step(None, None)

    assert fail(StackingNotSupportedError('compile changes the model')) is None
    assert 'compile changes the model' in capsys.readouterr().out
    assert fail(torch.cuda.OutOfMemoryError('no room\nmore')) is None
    assert 'does not hold it: no room\n' in capsys.readouterr().out
    with pytest.raises(RuntimeError, match='shapes'):
        fail(RuntimeError('shapes do not fit'))


def test_the_clock_of_a_way_runs_for_its_calls_alone(benchmarks, monkeypatch, tmp_path):
    loso, order = benchmarks['loso'], []
    monkeypatch.setattr(loso, 'call', lambda log, *command: order.append(command[0]))
    monkeypatch.setattr(
        loso, 'host_commands', lambda *_: order.append('configs') or [('train',)] * 2
    )
    monkeypatch.setattr(
        loso.time, 'perf_counter', lambda: order.append('clock') or float(len(order))
    )
    cfg = loso.Config(dict(work_dir='', train_cfg=dict(max_iters=1)))
    assert loso.run('host-loop', cfg, tmp_path) == 3
    assert order == ['configs', 'clock', 'train', 'train', 'clock']


def test_a_model_that_listens_to_motion_alone_is_found_out(benchmarks):
    """A model whose answer is written in the motion, and nowhere in the image."""
    labels = torch.arange(30) % 3
    motion = torch.zeros(30, 16, 3, 16, 16) + labels.view(-1, 1, 1, 1, 1)

    class Listening(torch.nn.Module):
        def forward(self, inputs, mode, stage):
            seen = inputs['motion'].mean(dim=(1, 2, 3, 4)).long()
            return torch.eye(3)[seen]

    class Given:
        inputs = dict(motion=motion, image=torch.zeros(30, 3, 16, 16))

    Given.labels = labels
    prompts = benchmarks['prompts']
    plain, motion, image = prompts.swapped(Listening(), Given, torch.arange(30), 0)
    assert plain == image == 30
    assert motion < 20


def test_a_place_carries_what_the_mean_over_space_forgets(benchmarks):
    """The same movement at the top of the face, or at its bottom."""
    stream = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 2
    motion = torch.zeros(40, 16, 3, 48, 48)
    for clip, label in zip(motion, labels, strict=True):
        rows = slice(0, 16) if label else slice(32, 48)
        clip[:, :, rows] = 3 * torch.randn(16, 3, 16, 48, generator=stream)

    class Given:
        inputs = dict(motion=motion)
        subjects = np.arange(40) % 10

    Given.labels = labels
    carried = benchmarks['prompts'].carried
    assert carried(Given, 16, spatial=True) > 0.9
    assert carried(Given, 16, spatial=False) < 0.75


@pytest.fixture
def actions():
    spec = importlib.util.spec_from_file_location('actions', FOLDER / 'actions.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Swaps:
    """A model whose code is the true field: what it decodes is the giver's movement."""

    def __init__(self, fields):
        self.fields = torch.from_numpy(fields).permute(0, 3, 1, 2)
        self.backbone = self
        self.data_preprocessor = self
        self.std = torch.full((3, 1, 1), 127.5)

    def encode(self, first, last):
        return first, self.fields

    def reconstruct(self, first, positions, code):
        return dict(frame=first, flow=code)


def test_whose_movement_a_swapped_code_gives(actions):
    fields = np.zeros((4, 8, 8, 2))
    for index in range(4):
        fields[index, 2 * index : 2 * index + 2] = 1 + index
    inputs = torch.rand(4, 2, 3, 8, 8)
    people = ['a', 'a', 'b', 'b']
    found = actions.measure(_Swaps(fields), inputs, fields, people)
    assert found['own'] == pytest.approx(1) and found['giver'] == pytest.approx(1)
    assert found['face'] < 0 and found['unlike'] == 4
    assert found['error'] == found['copy_error'] > 0


def test_true_fields_are_cut_as_the_pipeline_cuts(actions, tmp_path):
    from mmaction_mer.datasets.synthme.plan import Release
    from mmaction_mer.datasets.synthme.release import make_release

    make_release(tmp_path / 'r', Release(subjects=1, clips=2, size=112, seed=1), 1)
    truth = json.loads((tmp_path / 'r' / 'truth.json').read_text())
    clips = [entry['clip'] for entry in truth['clips']]
    fields = actions.true_fields(tmp_path / 'r', clips, 112)
    assert fields.shape == (2, 112, 112, 2)
    whole = actions.clip_field(truth['clips'][0], 112)
    # The middle stays the middle, 119 / 98 as large.
    y, x = np.unravel_index(np.linalg.norm(whole, axis=-1).argmax(), whole.shape[:2])
    at = [round((place - 55.5) * 119 / 98 + 55.5) for place in (y, x)]
    near = fields[0][at[0] - 2 : at[0] + 3, at[1] - 2 : at[1] + 3]
    assert np.linalg.norm(near, axis=-1).max() == pytest.approx(
        np.linalg.norm(whole, axis=-1).max(), rel=0.02
    )


def test_a_code_that_is_the_face_gives_the_person_away(actions):
    faces = torch.eye(4)[:, :, None, None].repeat_interleave(5, 0)
    people = [f's{index // 5}' for index in range(20)]
    hits, chance = actions.same_person(faces + 0.01 * torch.rand(20, 4, 1, 1), people)
    assert hits == 1 and chance == pytest.approx(4 / 19)
    shuffled = torch.randn(20, 4, 7, 7, generator=torch.Generator().manual_seed(0))
    assert actions.same_person(shuffled, people)[0] < 0.6


def test_every_way_of_reading_a_deep_clip_gives_the_same_frames(benchmarks, tmp_path):
    videos = benchmarks['videos']
    name, codec, params = videos.FILES['h264, closed groups']
    videos.make_video(tmp_path / name, codec, params, 240)
    index = videos.video_index(tmp_path / name)
    for way in videos.WAYS:
        assert videos.seconds_of(way, tmp_path / name, index) > 0
