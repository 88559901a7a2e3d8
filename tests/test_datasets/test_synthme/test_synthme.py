"""SynthME: faces, motion, nuisances and releases."""

import hashlib
import json
import os
from dataclasses import replace

import cv2
import numpy as np
import pytest
from data_errors import raises_data_error
from load_tool import load_tool

from mmaction_mer.datasets.annotation import read_annotation
from mmaction_mer.datasets.synthme import release as release_module
from mmaction_mer.datasets.synthme.actions import (
    ACTIONS,
    CLASSES,
    action_units,
    displacement,
    emotion_of,
    sample_expression,
    true_field,
)
from mmaction_mer.datasets.synthme.clip import Timing, render_clip, sample_timing
from mmaction_mer.datasets.synthme.face import render_texture
from mmaction_mer.datasets.synthme.identity import landmarks, sample_identity
from mmaction_mer.datasets.synthme.nuisance import Nuisance
from mmaction_mer.datasets.synthme.plan import Release, plan
from mmaction_mer.datasets.synthme.release import clip_field, is_complete, make_release

STILL_WORLD = Nuisance(0, 0, 0, 0, 0, 0, 0, 0)
SMALL = Release(subjects=3, clips=3, size=32, seed=5)


def person(seed=0):
    return sample_identity(np.random.default_rng(seed))


@pytest.fixture(scope='module')
def face():
    return render_texture(person())


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    out = tmp_path_factory.mktemp('synthme') / 'release'
    assert make_release(out, SMALL, workers=2, progress=False)
    return out


def digests(root):
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob('*'))
        if path.is_file()
    }


# The face


def test_the_seed_determines_the_person(face):
    again = render_texture(person())
    np.testing.assert_array_equal(face.texture, again.texture)
    other = render_texture(person(1))
    assert np.abs(face.texture - other.texture).mean() > 5


@pytest.mark.parametrize('seed', range(4))
def test_faces_are_textured_with_features_at_the_landmarks(seed):
    who = person(seed)
    drawn = render_texture(who)
    points = landmarks(who)
    gray = drawn.texture.mean(-1)
    assert gray.shape == (512, 512)
    assert gray.min() >= 0 and gray.max() <= 255

    def patch(x, y, half):
        column, row = int((x + 16) * 2), int((y + 16) * 2)
        return gray[row - half : row + half, column - half : column + half]

    for side in 'LR':
        cheek = patch(*points[f'{side}_cheek'], 8)
        fine = cheek - cv2.GaussianBlur(cheek, (0, 0), 2)
        assert fine.std() / cheek.mean() > 0.004  # skin has texture
        # Pupil, brow and mouth are darker than the skin around them.
        eye_x, eye_y = points[f'{side}_eye']
        skin = np.median(cheek)
        assert patch(eye_x + who.gaze[0], eye_y - 1 + who.gaze[1], 3).min() < skin * 0.6
        assert patch(*points[f'{side}_brow_mid'], 6).min() < skin * 0.8
    assert patch(*points['mouth'], 5).min() < 0.8 * patch(*points['mouth'], 40).max()


def test_left_and_right_are_those_of_the_person():
    points = landmarks(person())
    for name in points:
        if name.startswith('L_'):
            assert points[name][0] > 112 > points['R_' + name[2:]][0]


# The actions


@pytest.mark.parametrize(
    ('action', 'near', 'direction'),
    [
        ('1', 'brow_inner', (0, -1)),
        ('2', 'brow_outer', (0, -1)),
        ('4', 'brow_inner', (-1, 1)),
        ('5', 'upper_lid', (0, -1)),
        ('6', 'cheek', (0, -1)),
        ('9', 'ala', (0, -1)),
        ('12', 'mouth_corner', (1, -1)),
        ('15', 'mouth_corner', (0, 1)),
    ],
)
@pytest.mark.parametrize(('side', 'out'), [('L', 1), ('R', -1)])
def test_position_and_direction_of_actions(action, near, direction, side, out):
    who = person(2)
    field = true_field(who, {side + action: 1.0}, 224)
    size = np.linalg.norm(field, axis=-1)
    row, column = np.unravel_index(size.argmax(), size.shape)
    x, y = landmarks(who)[f'{side}_{near}']
    assert np.hypot(column + 0.5 - x, row + 0.5 - y) < 14
    assert 0.85 < size.max() < 1.15
    dx, dy = field[row, column]
    for moved, wanted in ((out * dx, direction[0]), (dy, direction[1])):
        assert wanted == 0 or np.sign(moved) == wanted
    far = size[:, :112] if out > 0 else size[:, 112:]
    assert far.max() < 0.95 * size.max()
    assert size[:20].max() < 0.01  # the hair stays


def test_both_sides_are_left_and_right_and_fields_add():
    who = person()
    grid = np.arange(0, 224, 4.0)
    one = displacement(who, {'12': 1.5}, grid, grid)
    two = displacement(who, {'L12': 1.5, 'R12': 1.5}, grid, grid)
    np.testing.assert_allclose(one, two, atol=1e-6)
    left, right = (displacement(who, {s + '12': 1.5}, grid, grid) for s in 'LR')
    np.testing.assert_allclose(left + right, two, atol=1e-6)


def test_unknown_actions():
    with pytest.raises(KeyError, match='L99'):
        true_field(person(), {'L99': 1.0}, 32)


def test_a_field_in_frame_pixels_scales_with_the_frame():
    large, small = (true_field(person(), {'L12': 1.0}, s) for s in (224, 112))
    means = large.reshape(112, 2, 112, 2, 2).mean((1, 3))
    np.testing.assert_allclose(small, means / 2, atol=2e-3)


@pytest.mark.parametrize('label', range(3))
def test_the_largest_expressions_do_not_fold_the_face(label):
    rng = np.random.default_rng(label)
    for seed in range(5):
        weights = sample_expression(label, rng, 12.0)
        field = true_field(person(seed), weights, 224)
        dx_dy, dx_dx = np.gradient(field[..., 0])
        dy_dy, dy_dx = np.gradient(field[..., 1])
        assert ((1 - dx_dx) * (1 - dy_dy) - dx_dy * dy_dx).min() > 0


def test_expressions_belong_to_their_class_and_lean_to_one_side():
    rng = np.random.default_rng(0)
    own = {'negative': {'4', '9', '15'}, 'positive': {'6', '12'}}
    own['surprise'] = {'1', '2', '5'}
    for label, name in enumerate(CLASSES):
        drawn = [sample_expression(label, rng, 1.3) for _ in range(40)]
        assert {a for w in drawn for a in action_units(w)} == own[name]
        for weights in drawn:
            assert max(weights.values()) == pytest.approx(1.3)
            assert min(weights.values()) > 0
            assert emotion_of(weights)
        assert any(w['L' + k[1:]] < w[k] for w in drawn for k in w if k[0] == 'R')
        assert any(w['L' + k[1:]] > w[k] for w in drawn for k in w if k[0] == 'R')
    with pytest.raises(KeyError, match='12'):
        emotion_of({'L12': 1.0, 'L4': 1.0})


# Time and motion


def test_the_course_rises_to_the_apex_and_falls_smoothly():
    timing = Timing(length=80, onset=5, apex=30, offset=70)
    course = timing.course()
    assert course[5] == course[70] == 0 and course[30] == 1
    assert (np.diff(course[5:31]) >= 0).all() and (np.diff(course[30:71]) <= 0).all()
    assert not course[:5].any() and not course[71:].any()
    assert np.abs(np.diff(course, 2)).max() < 0.02


def test_timings_span_20_to_120_frames_with_the_apex_anywhere():
    rng = np.random.default_rng(0)
    drawn = [sample_timing(rng) for _ in range(500)]
    spans = [t.offset - t.onset + 1 for t in drawn]
    assert 20 <= min(spans) <= 22 and 118 <= max(spans) <= 120
    where = [(t.apex - t.onset) / (t.offset - t.onset) for t in drawn]
    assert min(where) < 0.33 and max(where) > 0.63
    assert all(t.onset >= 3 and t.length - t.offset > 3 for t in drawn)


def test_without_nuisances_only_the_expression_moves(face):
    timing = Timing(30, 5, 15, 25)
    rng = np.random.default_rng(0)
    clip = render_clip(face, {'L12': 1.0}, timing, rng, 64, STILL_WORLD)
    assert clip.shape == (30, 64, 64, 3) and clip.dtype == np.uint8
    np.testing.assert_array_equal(clip[:6], np.broadcast_to(clip[0], (6, 64, 64, 3)))
    np.testing.assert_array_equal(clip[25:], np.broadcast_to(clip[0], (5, 64, 64, 3)))
    change = np.abs(clip[15].astype(int) - clip[0]).max(-1)
    field = np.linalg.norm(true_field(face.identity, {'L12': 1.0}, 64), axis=-1)
    assert change.max() > 3
    assert change[field < 1e-3].max() <= 1  # one gray level: rounding


@pytest.mark.parametrize('amplitude', [0.3, 1.0, 2.0])
def test_the_motion_in_the_pixels_is_the_true_field(face, amplitude):
    """Least squares on the image gradient recovers the amplitude.

    The texture has waves of 32 pixels, whose gradient is given by differences of
    neighbors to 1 %.
    """
    wave = 60 * np.sin(2 * np.pi * (np.arange(512) + 0.5) / 64)
    waves = (128 + wave[:, None] + wave[None, :]).astype(np.float32)
    face = replace(face, texture=np.dstack([waves] * 3), _filtered={})
    weights = {'L12': 1.0, 'R12': 0.8, '4': 0.7}
    moved = {name: amplitude * weight for name, weight in weights.items()}
    rng = np.random.default_rng(0)
    clip = render_clip(face, moved, Timing(3, 0, 1, 2), rng, 224, STILL_WORLD)
    before, after = (frame.astype(np.float64).mean(-1) for frame in clip[:2])
    # The gradient in the middle of the motion cancels second-order terms.
    down, across = np.gradient((before + after) / 2)
    field = true_field(face.identity, weights, 224)
    expected = -(across * field[..., 0] + down * field[..., 1])
    change = after - before
    measured = (change * expected).sum() / (expected**2).sum()
    assert measured == pytest.approx(amplitude, rel=0.02)
    # The rest is rounding, of the gradient too, and third-order terms.
    bound = 1 + 0.7 * amplitude + 0.02 * np.abs(change).max()
    assert np.abs(change - amplitude * expected).max() < bound


@pytest.mark.parametrize(
    'name', ['drift', 'rotation', 'scale', 'turn', 'flicker', 'noise', 'twitch']
)
def test_each_nuisance_changes_the_image(face, name):
    strength = {'drift': 2, 'rotation': 2, 'scale': 0.03, 'turn': 3, 'flicker': 0.05}
    nuisance = replace(STILL_WORLD, **{name: strength.get(name, 2)})
    rng = np.random.default_rng(3)
    clip = render_clip(face, {}, Timing(60, 2, 30, 58), rng, 64, nuisance).astype(int)
    assert np.abs(clip[50] - clip[0]).max() > 5
    if name != 'noise':  # slow: consecutive frames are nearly equal
        steps = np.abs(np.diff(clip, axis=0)).mean((1, 2, 3))
        assert steps.max() < np.abs(clip - clip[0]).mean((1, 2, 3)).max() or (
            name == 'flicker'
        )


def test_the_strength_of_the_noise(face):
    rng = np.random.default_rng(0)
    nuisance = replace(STILL_WORLD, noise=3.0)
    clip = render_clip(face, {}, Timing(40, 2, 20, 38), rng, 64, nuisance)
    middle = (clip.min(0) > 20) & (clip.max(0) < 235)
    assert clip.std(0)[middle].mean() == pytest.approx(3.0, rel=0.05)


def test_a_blink_closes_the_eyes_and_moves_nothing_below(face):
    nuisance = replace(STILL_WORLD, blink=1.0)
    rng = np.random.default_rng(1)
    clip = render_clip(face, {}, Timing(110, 5, 50, 105), rng, 112, nuisance).astype(
        int
    )
    change = np.abs(clip - clip[0]).max(-1).max(0)
    assert change[40:56].max() > 40
    assert not change[62:].any()
    never = render_clip(
        face, {}, Timing(110, 5, 50, 105), np.random.default_rng(1), 112, STILL_WORLD
    )
    assert (never == never[0]).all()


def test_chosen_frames_equal_those_of_the_whole_clip(face):
    whole, some = (
        render_clip(
            face, {'12': 2.0}, Timing(30, 3, 12, 26), np.random.default_rng(1), 64,
            STILL_WORLD, chosen,
        )
        for chosen in (None, [3, 12])
    )  # fmt: skip
    np.testing.assert_array_equal(whole[[3, 12]], some)


# The release


def test_the_plan_is_unequal_and_complete():
    drawn = plan(Release(subjects=10, clips=12))
    counts = np.bincount([item.subject for item in drawn], minlength=10)
    assert counts.sum() == 120 and counts.min() >= 1 and np.ptp(counts) >= 5
    mix = np.zeros((10, 3))
    for item in drawn:
        mix[item.subject, item.label] += 1
    assert (mix.sum(0) > 15).all()
    assert np.ptp(mix[:, 0] / counts) > 0.25
    assert len({(item.subject, item.clip) for item in drawn}) == 120


@pytest.mark.parametrize('seed', range(5))
def test_every_class_occurs_even_in_a_small_release(seed):
    drawn = plan(Release(subjects=2, clips=2, seed=seed))
    assert {item.label for item in drawn} == {0, 1, 2}


def test_the_files_of_a_release(small):
    content = read_annotation(small / 'annotations.json')
    assert content['metainfo']['classes'] == list(CLASSES)
    truth = json.loads((small / 'truth.json').read_text())
    assert len(content['data_list']) == len(truth['clips']) == 9
    firsts = set()
    for row, entry in zip(content['data_list'], truth['clips'], strict=True):
        assert row['frame_dir'] == f'frames/{row["subject"]}/{row["clip"]}'
        names = [path.name for path in (small / row['frame_dir']).iterdir()]
        numbers = sorted(int(name[3:-4]) for name in names)
        assert set(names) == {f'img{number}.jpg' for number in numbers}
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert numbers[0] < row['onset'] < row['apex'] < row['offset'] < numbers[-1]
        assert 20 <= row['offset'] - row['onset'] + 1 <= 120
        assert row['fps'] == 200 and row['aus'] == action_units(entry['weights'])
        image = cv2.imread(str(small / row['frame_dir'] / f'img{row["apex"]}.jpg'))
        assert image.shape == (32, 32, 3) and image.std() > 10
        firsts.add(numbers[0])
    assert len(firsts) > 5


def test_the_truth_gives_every_clips_field(small):
    for entry in json.loads((small / 'truth.json').read_text())['clips']:
        field = clip_field(entry, 224)
        assert np.linalg.norm(field, axis=-1).max() == pytest.approx(entry['amplitude'])
        assert 0.3 <= entry['amplitude'] <= 2.0


def test_the_bytes_depend_on_the_seed_and_not_on_the_workers(small, tmp_path):
    assert make_release(tmp_path / 'one', SMALL, workers=1, progress=False)
    assert digests(tmp_path / 'one') == digests(small)
    assert make_release(tmp_path / 'two', replace(SMALL, seed=6), progress=False)
    assert digests(tmp_path / 'two') != digests(small)


def test_a_complete_release_is_not_written_again(small):
    before = {path: path.stat().st_mtime_ns for path in small.rglob('*')}
    assert not make_release(small, SMALL, progress=False)
    assert before == {path: path.stat().st_mtime_ns for path in small.rglob('*')}


def test_other_files_are_never_overwritten(small, tmp_path):
    with raises_data_error("'seed': 5", path=small, hint=True):
        make_release(small, replace(SMALL, seed=7), progress=False)
    (tmp_path / 'thesis').mkdir()
    (tmp_path / 'thesis' / 'chapter1.tex').write_text('x')
    with raises_data_error('other files', path='thesis'):
        make_release(tmp_path / 'thesis', SMALL, progress=False)


def test_a_release_without_a_frame_is_not_complete(tmp_path):
    release, out = replace(SMALL, subjects=1, clips=1), tmp_path / 'release'
    make_release(out, release, progress=False)
    next(out.rglob('*.jpg')).unlink()
    assert not is_complete(out, release)
    with raises_data_error('or parts of it', path=out):
        make_release(out, release, progress=False)


def test_an_invalid_truth_file(tmp_path):
    out = tmp_path / 'release'
    out.mkdir()
    truth = out / 'truth.json'
    os.mkfifo(truth)
    for text in (None, '[' * 100_000, '{"arguments": [1]}', '[]'):
        if text is not None:
            truth.unlink()
            truth.write_text(text)
        assert not is_complete(out, SMALL)
        with raises_data_error('other files', path=out):
            make_release(out, SMALL, progress=False)


def test_a_failed_run_leaves_nothing(tmp_path, monkeypatch):
    draw, done = release_module._draw, []

    def failing(*args):
        if len(done) == 4:
            raise OSError('No space left on device')
        done.append(1)
        return draw(*args)

    monkeypatch.setattr(release_module, '_draw', failing)
    with pytest.raises(OSError, match='No space'):
        make_release(tmp_path / 'release', SMALL, progress=False)
    assert len(done) == 4 and not list(tmp_path.iterdir())


def test_partial_releases_of_killed_runs_are_removed(tmp_path):
    out = tmp_path / 'release'
    dead = 2**22 + 1  # beyond Linux' largest process number
    left = release_module._partial_folder(out, dead)
    (left / 'frames').mkdir(parents=True)
    make_release(out, replace(SMALL, subjects=1, clips=1), progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ['release']


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'subjects': 0}, 'subjects must be'),
        ({'size': 8}, 'size must be'),
        ({'kind': 'mini'}, 'micro or macro'),
        ({'amplitude': (2.0, 1.0)}, 'amplitude must be'),
        ({'amplitude': (float('nan'), 1.0)}, 'amplitude must be'),
        ({'amplitude': (1.0, 40.0)}, 'amplitude must be'),
        ({'nuisance': Nuisance(noise=-1)}, 'nuisance noise'),
        ({'nuisance': Nuisance(blink=2)}, 'nuisance blink'),
    ],
)
def test_invalid_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **change)


def test_the_tool(tmp_path, capsys):
    tool = load_tool('data/make_synthme.py')
    command = ['--out', str(tmp_path / 'data'), '--subjects', '2', '--clips', '2']
    command += ['--size', '32', '--workers', '1', '--noise', '0']
    assert tool.main(command) == 0
    assert 'written' in capsys.readouterr().out
    assert tool.main(command) == 0
    assert 'nothing to do' in capsys.readouterr().out
    assert tool.main([*command, '--seed', '1']) == 2
    assert 'choose another --out' in capsys.readouterr().err
    assert tool.main([*command, '--amplitude', '3', '1']) == 2


def test_every_action_is_used_by_an_expression():
    rng = np.random.default_rng(0)
    used = {
        unit
        for label in range(3)
        for _ in range(60)
        for unit in action_units(sample_expression(label, rng, 1.0))
    }
    assert used == set(ACTIONS)
