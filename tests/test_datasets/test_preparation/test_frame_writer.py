"""Cropped faces, receipts, and runs that are interrupted while frames are written."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from paths import ROOT
from preparing import contents_below, issues, load_all, run, times_below, write_table

from mmaction_mer.datasets.faces.alignment import TEMPLATE
from mmaction_mer.datasets.faces.finder import FaceFinder
from mmaction_mer.datasets.preparation import frame_writer
from mmaction_mer.utils.errors import MERDataError
from mmaction_mer.utils.json_files import write_json


def crop(root, out, size=64, **options):
    return run('generic', root, out, crop=True, size=size, fps=100.0, **options)


@pytest.fixture(scope='module')
def cropped(faces, tmp_path_factory):
    """The faces, prepared once at 64 pixels."""
    out = tmp_path_factory.mktemp('cropped') / 'out'
    return crop(faces, out), out


@pytest.fixture
def earlier(cropped, tmp_path):
    """A copy of them, as the result of an earlier run."""
    return shutil.copytree(cropped[1], tmp_path / 'out')


def test_faces_are_cropped_by_the_onset_and_none_is_guessed(faces, tmp_path):
    out = tmp_path / 'out'
    done = crop(faces, out, 96)
    assert [row['clip'] for row in done.rows] == ['plain', 'grey', 'tilted']
    (lost,) = issues(done, 'skipped')
    assert (lost['clip'], lost['field']) == ('s3/wall', 'face')
    assert 'onset' in lost['reason']
    assert sum(done.report['faces'].values()) == 3
    finder = FaceFinder()
    for row in done.rows:
        folder = out / 'frames' / row['frame_dir']
        assert set(os.listdir(folder)) == {f'img{n}.png' for n in (98, 99, 100)}
        frames = [cv2.imread(str(folder / f'img{n}.png')) for n in (98, 99, 100)]
        assert frames[0].shape == (96, 96, 3)
        large = cv2.resize(frames[0], (192, 192))[..., ::-1]
        found = finder(np.ascontiguousarray(large)).points / 192
        assert np.abs(found - TEMPLATE).max() < 0.06
        # The head moved by whole pixels, so the crops must show the same movement.
        shift, _ = cv2.phaseCorrelate(
            frames[0].mean(-1).astype(np.float64),
            frames[2].mean(-1).astype(np.float64),
            cv2.createHanningWindow((96, 96), cv2.CV_64F),
        )
        receipt = out / '.prepare/receipts' / row['subject'] / f'{row["clip"]}.json'
        matrix = np.array(json.loads(receipt.read_text())['face']['matrix'])
        assert shift == pytest.approx((matrix[:, :2] @ (2, 0)).tolist(), abs=0.25)


def test_twelve_bits_and_two_workers_crop_the_same(faces, cropped, tmp_path):
    """One brightness for the frames of a clip, whatever their depth."""
    root = shutil.copytree(faces, tmp_path / 'release')
    for path in (root / 'plain').iterdir():
        image = cv2.imread(str(path)).astype(np.uint16)
        path.unlink()
        cv2.imwrite(str(path), 16 * image)
    done = crop(root, tmp_path / 'out', workers=2)
    assert [one['field'] for one in done.report['issues']].count('depth') == 1
    wanted, found = contents_below(cropped[1]), contents_below(tmp_path / 'out')
    frames = {path for path in wanted if path.suffix == '.png'}
    assert len(frames) == 9 and frames == {p for p in found if p.suffix == '.png'}
    for path in frames:
        if 'plain' not in path.parts:
            assert found[path] == wanted[path]
        images = [cv2.imread(str(out / path)) for out in (cropped[1], tmp_path / 'out')]
        assert np.abs(np.subtract(*images, dtype=int)).max() <= 1


def test_another_crop_is_another_annotation(faces, cropped, earlier):
    """Folds that were trained on one crop are not pooled with folds of another."""
    before = (earlier / 'annotations.json').read_bytes()
    assert crop(faces, earlier, 96).files[0].read_bytes() != before
    assert {frames[0].shape for frames in load_all(earlier)} == {(96, 96, 3)}
    assert crop(faces, earlier).files[0].read_bytes() == before
    assert contents_below(earlier) == contents_below(cropped[1])


def test_a_clip_without_a_face_is_removed(faces, tmp_path):
    """Frames that were not cropped do not stay as if they had been."""
    out = tmp_path / 'out'
    assert len(run('generic', faces, out, fps=100.0).rows) == 4
    assert (out / 'frames' / 's3' / 'wall').is_dir()
    assert len(crop(faces, out).rows) == 3
    assert not (out / 'frames' / 's3' / 'wall').exists()
    assert {frames[0].shape for frames in load_all(out)} == {(64, 64, 3)}
    assert len(run('generic', faces, out, fps=100.0).rows) == 4
    assert {frames[0].shape for frames in load_all(out)} == {(320, 320, 3)}


def test_a_missing_or_broken_model_costs_nothing(faces, earlier, tmp_path, monkeypatch):
    before = times_below(earlier)
    (tmp_path / 'junk.onnx').write_bytes(b'junk')
    with pytest.raises(MERDataError, match=r'junk\.onnx'):
        crop(faces, earlier, face_model=tmp_path / 'junk.onnx')
    assert times_below(earlier) == before
    monkeypatch.setattr('mmaction_mer.datasets.faces.model.MODEL_PACKAGES', ())
    monkeypatch.delenv('MER_FACE_MODEL', raising=False)
    with pytest.raises(MERDataError, match='--face-model'):
        crop(faces, tmp_path / 'new')
    assert not (tmp_path / 'new').exists()


@pytest.mark.parametrize('case', ['skipped', 'fps', 'root', 'disk', 'face'])
def test_a_rerun_that_fails_keeps_the_result(
    faces, earlier, tmp_path, monkeypatch, case
):
    """Options and releases with which a rerun ends in an error."""
    release = shutil.copytree(faces, tmp_path / faces.name)
    before = contents_below(earlier)
    options = dict(crop=True, size=48, fps=100.0)
    if case == 'skipped':
        options['max_skipped'] = 0
    elif case == 'fps':
        options['fps'] = 1e9
    elif case == 'root':
        for clip in ('plain', 'grey', 'tilted'):
            shutil.rmtree(release / clip)
    elif case == 'disk':
        calls = []

        def fill_up(path, value):
            calls.append(path)
            if len(calls) == 3:
                raise OSError(28, 'No space left on device', str(path))
            return write_json(path, value)

        monkeypatch.setattr(frame_writer, 'write_json', fill_up)
    else:
        for path in (release / 'plain').iterdir():
            path.unlink()
            cv2.imwrite(str(path), np.zeros((64, 64, 3), np.uint8))
        options['max_skipped'] = 1
    with pytest.raises(MERDataError):
        run('generic', release, earlier, **options)
    assert contents_below(earlier) == before


def test_an_interruption_between_two_sizes_keeps_the_old_one(
    faces, cropped, earlier, monkeypatch
):
    """Finished clips of the new size stay staged, and are not cropped again."""
    before, calls = contents_below(earlier), []

    def interrupt(path, value):
        calls.append(path)
        if len(calls) == 2:  # one clip is done, the frames of another are
            raise KeyboardInterrupt
        return write_json(path, value)

    for size in (48, 64, 48):
        calls.clear()
        monkeypatch.setattr(frame_writer, 'write_json', interrupt)
        if size == 64:
            assert crop(faces, earlier).rows == cropped[0].rows
        else:
            with pytest.raises(KeyboardInterrupt):
                crop(faces, earlier, size)
        assert contents_below(earlier) == before
    first = calls[0]
    calls.clear()
    monkeypatch.setattr(frame_writer, 'write_json', lambda *_: calls.append(_) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        crop(faces, earlier, 48)
    assert calls[0][0] != first  # the first clip was staged, the second begun again
    monkeypatch.undo()
    crop(faces, earlier, 48)
    assert {frames[0].shape for frames in load_all(earlier)} == {(48, 48, 3)}
    assert not (earlier / '.prepare' / 'stage').exists()


@pytest.mark.slow
def test_killed_and_started_again_the_result_is_the_same(faces, tmp_path):
    """A finished clip is not cropped again, a partial one is."""
    release = tmp_path / 'release'
    rows = []
    for number in range(12):
        rows.append(f's{number % 5},c{number:02d},{"sad" if number % 2 else "happy"}')
        shutil.copytree(faces / 'plain', release / f'c{number:02d}')
    write_table(release, *rows, header='subject,clip,emotion')
    command = [sys.executable, ROOT / 'tools' / 'data' / 'prepare.py', 'generic']
    command += ['--root', release, '--fps', '100', '--size', '512', '--workers', '1']
    out, whole = tmp_path / 'cut' / 'x', tmp_path / 'whole' / 'x'
    process = subprocess.Popen(
        [*map(str, command), '--out', str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while len(list(out.glob('.prepare/receipts/*/*'))) < 3 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / 'annotations.json').exists()
    receipts = out / '.prepare' / 'receipts'
    done = {
        name: when
        for name, when in times_below(receipts).items()
        if 'names' in json.loads((receipts / name).read_text())
    }
    assert len(done) >= 2
    rows = crop(release, out, 512).rows
    assert done.items() <= times_below(receipts).items()
    assert rows == crop(release, whole, 512).rows
    frames = [
        {name: data for name, data in contents_below(one).items() if name.parent.name}
        for one in (out, whole)
    ]
    assert frames[0] == frames[1]


@pytest.mark.parametrize('content', ['[]', '"x"', '5', 'null', '{"names": ["a"]}', '{'])
def test_a_damaged_receipt_is_reported_and_replaced(mini, tmp_path, content):
    out = tmp_path / 'out'
    rows = run('generic', mini, out).rows
    receipt = out / '.prepare' / 'receipts' / 'p1' / 'a.json'
    before = receipt.read_text()
    receipt.write_text(content)
    # The frames may be those of the user: they are kept, and the clip is reported.
    done = run('generic', mini, out)
    assert done.rows == rows[1:]
    assert [one['clip'] for one in issues(done, 'skipped')] == ['p1/a']
    shutil.rmtree(out / 'frames' / 'p1' / 'a')
    assert run('generic', mini, out).rows == rows
    assert receipt.read_text() == before


def test_the_version_is_part_of_every_fingerprint(mini, tmp_path, monkeypatch):
    run('generic', mini, tmp_path / 'out')
    receipts = tmp_path / 'out' / '.prepare' / 'receipts'
    before = times_below(receipts)
    monkeypatch.setattr(frame_writer, 'VERSION', 99)
    run('generic', mini, tmp_path / 'out')
    after = times_below(receipts)
    assert before and all(after[name] != before[name] for name in before)


def test_a_full_disk_is_not_remembered(mini, tmp_path, monkeypatch):
    def fill_up(source, target):
        raise OSError(28, 'No space left on device', str(target))

    monkeypatch.setattr(frame_writer, 'link_or_copy', fill_up)
    with pytest.raises(MERDataError, match='No space left on device'):
        run('generic', mini, tmp_path / 'out')
    monkeypatch.undo()
    assert len(run('generic', mini, tmp_path / 'out').rows) == 4
