"""From a release to a prepared folder, and the tool around it."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmaction_mer.datasets import MERDataset, read_annotation
from mmaction_mer.datasets.annotation import MERDataError
from mmaction_mer.datasets.checking import frames_root
from mmaction_mer.datasets.compose import make_composite
from mmaction_mer.datasets.faces import TEMPLATE, FaceFinder
from mmaction_mer.datasets.releases import READERS, Source, frame_writer
from mmaction_mer.datasets.releases.prepare import Options, prepare

ROOT = Path(__file__).parents[3]
LINK = Options(crop=False, progress=False)
PIPELINE = [dict(type='LoadMERFrames', max_frames=16)]


@pytest.fixture(scope='module')
def tool():
    path = ROOT / 'tools' / 'data' / 'prepare.py'
    spec = importlib.util.spec_from_file_location('prepare_tool', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def findings(prepared, action):
    return [one for one in prepared.report['findings'] if one['action'] == action]


def files_below(folder):
    return {
        path.relative_to(folder): path.stat().st_mtime_ns
        for path in folder.rglob('*')
        if path.is_file()
    }


def test_a_prepared_folder_is_what_the_configs_read(fake_releases, tmp_path):
    truth = fake_releases.write_casme2(tmp_path / 'release', variant='mpt')
    out = tmp_path / 'casme2'
    done = prepare(READERS['casme2'], Source(truth.root), out, LINK)
    assert [path.name for path in done.files] == [
        'annotations.json',
        'annotations_3class.json',
        'annotations_7class.json',
    ]
    assert done.differences == []
    for name, clips, labels in (
        ('annotations.json', 247, '5class'),
        ('annotations_3class.json', 145, '3class'),
        ('annotations_7class.json', 256, '7class'),
    ):
        dataset = MERDataset(
            name, PIPELINE, data_root=str(out), data_prefix=dict(img='frames')
        )
        assert len(dataset) == clips
        assert dataset.metainfo['labels'] == labels
        assert len(dataset.metainfo['classes']) == int(labels[0])
    row = dataset.get_data_info(0)
    frames = dataset[0]['imgs']
    numbers = [fake_releases.number_modulo_64(frame) for frame in frames]
    assert numbers == [n % 64 for n in range(row['onset'], row['offset'] + 1)][:16]
    # Nothing is written twice: the frames are those of the release.
    one = next((out / 'frames').glob('*/*/*.jpg'))
    assert one.stat().st_nlink > 1


def test_the_report_names_row_clip_field_and_reason(fake_releases, tmp_path):
    truth = fake_releases.write_samm(tmp_path / 'samm')
    done = prepare(READERS['samm'], Source(truth.root), tmp_path / 'out', LINK)
    repaired = findings(done, 'repaired')
    assert {one['clip'] for one in repaired} == {
        '028/028_4_1',
        '032/032_3_1',
        '032/032_3_2',
    }
    bad = {row.line for row in truth.quirk('bad apex')}
    assert {one['row'] for one in repaired} == bad
    text = (tmp_path / 'out' / 'report.md').read_text()
    assert 'As in a complete release.' in text
    for one in repaired:
        assert f'| {one["row"]} | {one["clip"]} | apex | repaired |' in text
    assert json.loads((tmp_path / 'out' / 'report.json').read_text()) == done.report


def test_a_difference_is_explained_clip_by_clip(fake_releases, tmp_path):
    whole = fake_releases.write_samm(tmp_path / 'whole')
    gone = {
        (row.subject, row.clip)
        for row in whole.rows
        if row.emotion == 'anger' and row.outcome == 'kept'
    }
    gone = set(sorted(gone)[:2])
    truth = fake_releases.write_samm(tmp_path / 'samm', missing=gone)
    done = prepare(READERS['samm'], Source(truth.root), tmp_path / 'out', LINK)
    assert done.differences[0] == '5class: anger: 55 clips, expected 57'
    five = done.report['labels'][0]
    assert len(five['lost']) == 2 and not five['unexplained']
    for subject, clip in gone:
        assert any(f'{subject}/{clip}' in line for line in five['lost'])
    # Two rows whose label was changed by hand cannot be explained.
    row = whole.rows[0]
    fake_releases.break_cell(
        whole.sheet, row.line, 'Estimated Emotion', 'Envy', 'MICRO_ONLY'
    )
    done = prepare(READERS['samm'], Source(whole.root), tmp_path / 'out2', LINK)
    assert done.differences
    assert findings(done, 'skipped')[0]['row'] == row.line
    assert 'Envy' in findings(done, 'skipped')[0]['reason']


def test_too_many_lost_clips_fail_with_a_report(fake_releases, tmp_path):
    whole = fake_releases.write_samm(tmp_path / 'whole')
    names = [(row.subject, row.clip) for row in whole.rows]
    few = fake_releases.write_samm(tmp_path / 'few', missing=set(names[:5]))
    source, out = Source(few.root), tmp_path / 'out'
    with pytest.raises(MERDataError, match=r'5 are left out.*--max-skipped is 4'):
        prepare(
            READERS['samm'],
            source,
            out,
            Options(crop=False, progress=False, max_skipped=4),
        )
    assert not (out / 'annotations.json').exists()
    assert json.loads((out / 'report.json').read_text())['actions']['skipped'] == 5
    options = Options(crop=False, progress=False, max_skipped=5)
    assert len(prepare(READERS['samm'], source, out, options).rows) == 154
    most = fake_releases.write_samm(tmp_path / 'most', missing=set(names[:90]))
    with pytest.raises(MERDataError, match='90 are left out'):
        prepare(READERS['samm'], Source(most.root), tmp_path / 'out3', LINK)


def test_running_again_does_only_what_changed(fake_releases, tmp_path):
    truth = fake_releases.write_smic(tmp_path / 'smic')
    out = tmp_path / 'out'
    first = prepare(READERS['smic'], Source(truth.root), out, LINK)
    before = files_below(out / '.receipts')
    again = prepare(READERS['smic'], Source(truth.root), out, LINK)
    assert files_below(out / '.receipts') == before
    assert again.rows == first.rows
    # A frame of one clip changes, a clip goes, and one is damaged in `out`.
    rows = truth.rows
    folder = truth.root / rows[0].folder
    name = next(path for path in sorted(folder.iterdir()) if path.suffix == '.bmp')
    data = cv2.imencode('.bmp', np.full((6, 6, 3), 77, np.uint8))[1].tobytes()
    fake_releases.replace_file(name, data)
    damaged = out / 'frames' / first.rows[50]['frame_dir']
    next(damaged.iterdir()).unlink()
    (truth.root / rows[1].folder).rename(tmp_path / 'gone')
    third = prepare(READERS['smic'], Source(truth.root), out, LINK)
    assert len(third.rows) == len(first.rows) - 1
    after = files_below(out / '.receipts')
    changed = {name for name in after if after[name] != before.get(name)}
    assert len(changed) == 2
    assert len(list(damaged.iterdir())) > 4
    frames = sum(1 for _ in (out / 'frames').glob('*/*'))
    assert frames == len(third.rows)


@pytest.mark.parametrize('where', ['inside', 'around', 'same'])
def test_the_release_itself_is_never_written_to(fake_releases, tmp_path, where):
    truth = fake_releases.write_smic(tmp_path / 'a' / 'smic')
    out = {
        'inside': truth.root / 'out',
        'around': tmp_path / 'a',
        'same': truth.root,
    }[where]
    before = files_below(truth.root)
    with pytest.raises(MERDataError, match='choose another --out'):
        prepare(READERS['smic'], Source(truth.root), out, LINK)
    assert files_below(truth.root) == before


def test_links_that_lead_out_are_not_followed(fake_releases, tmp_path):
    truth = fake_releases.write_smic(tmp_path / 'smic')
    outside = tmp_path / 'outside'
    outside.mkdir()
    (outside / 'a1.bmp').write_bytes(b'secret')
    (outside / 'a2.bmp').write_bytes(b'secret')
    place = (truth.root / truth.rows[0].folder).parent / 's1_ne_99'
    place.symlink_to(outside)
    done = prepare(READERS['smic'], Source(truth.root), tmp_path / 'out', LINK)
    assert len(done.rows) == 164
    assert not any(row['clip'] == 's1_ne_99' for row in done.rows)


def test_a_path_in_a_table_stays_in_the_release(tmp_path):
    root = tmp_path / 'set'
    for clip in ('a', 'b'):
        folder = root / clip
        folder.mkdir(parents=True)
        for n in (1, 2, 3):
            cv2.imwrite(str(folder / f'{n}.png'), np.full((6, 6, 3), n, np.uint8))
    (root / 'clips.csv').write_text(
        'subject,clip,emotion,path,fps\n'
        's1,a,happy,a,30\ns2,b,sad,b,25\ns3,c,sad,../../etc,25\ns4,d,sad,/etc,25\n'
    )
    out = tmp_path / 'out'
    done = prepare(READERS['generic'], Source(root), out, LINK)
    assert [row['fps'] for row in done.rows] == [30.0, 25.0]
    assert [one['row'] for one in findings(done, 'skipped')] == [4, 5]
    content = read_annotation(out / 'annotations.json')
    assert content['metainfo']['classes'] == ['happiness', 'sadness']
    assert content['metainfo']['dataset'] == 'out'


def test_a_release_without_a_frame_rate_asks_for_it(fake_releases, tmp_path):
    truth = fake_releases.write_generic(tmp_path / 'set')
    with pytest.raises(MERDataError, match='--fps'):
        prepare(READERS['generic'], Source(truth.root), tmp_path / 'out', LINK)
    options = Options(crop=False, progress=False, fps=30.0)
    done = prepare(READERS['generic'], Source(truth.root), tmp_path / 'out', options)
    assert len(done.rows) == 40 and {row['fps'] for row in done.rows} == {30.0}


def test_videos_are_linked_whole(fake_releases, tmp_path):
    truth = fake_releases.write_generic(tmp_path / 'set', video=True)
    out = tmp_path / 'out'
    options = Options(crop=False, progress=False, fps=30.0)
    done = prepare(READERS['generic'], Source(truth.root), out, options)
    assert len(done.rows) == 40
    dataset = MERDataset(
        'annotations.json',
        PIPELINE,
        data_root=str(out),
        data_prefix=dict(img='frames'),
    )
    assert len(dataset[0]['imgs']) >= 2


def test_people_of_two_releases_share_a_name(fake_releases, tmp_path):
    """MMEW's macro-expressions are of the people of its micro-expressions."""
    truth = fake_releases.write_mmew(tmp_path / 'mmew')
    people = []
    for name in ('mmew', 'mmew-macro'):
        done = prepare(READERS[name], Source(truth.root), tmp_path / 'out' / name, LINK)
        content = read_annotation(done.files[0])
        people.append({(row['dataset'], row['subject']) for row in done.rows})
        assert content['metainfo']['dataset'] == name
    assert people[0] == people[1]
    assert 'macro' in content['metainfo']['task_name']


# Faces, on a photograph that a public package carries.


@pytest.fixture(scope='module')
def faces(tmp_path_factory):
    """A release of one real face: shifted and dimmed, one clip grey, one without."""
    from skimage import data

    root = tmp_path_factory.mktemp('faces')
    picture = data.astronaut()[:320, 60:380, ::-1]
    lines = ['subject,clip,emotion']
    for number, clip in enumerate(('plain', 'grey', 'tilted', 'wall')):
        folder = root / clip
        folder.mkdir()
        lines.append(f's{number},{clip},{"happy" if number % 2 else "sad"}')
        image = picture
        if clip == 'grey':
            image = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        if clip == 'tilted':
            turn = cv2.getRotationMatrix2D((160, 120), 12, 1.0)
            image = cv2.warpAffine(picture, turn, (320, 320))
        if clip == 'wall':
            image = cv2.resize(data.brick(), (320, 320))
        for frame in range(3):
            moved = np.roll(image, frame, axis=1)
            assert cv2.imwrite(str(folder / f'img{98 + frame}.png'), moved)
    (root / 'clips.csv').write_text('\n'.join(lines))
    return root


CROP = Options(size=96, fps=100.0, progress=False)


def test_faces_are_cropped_by_the_onset_and_none_is_guessed(faces, tmp_path):
    out = tmp_path / 'out'
    done = prepare(READERS['generic'], Source(faces), out, CROP)
    assert [row['clip'] for row in done.rows] == ['plain', 'grey', 'tilted']
    (lost,) = findings(done, 'skipped')
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
        receipt = json.loads(
            (out / '.receipts' / row['subject'] / f'{row["clip"]}.json').read_text()
        )
        matrix = np.array(receipt['face']['matrix'])
        assert shift == pytest.approx((matrix[:, :2] @ (2, 0)).tolist(), abs=0.25)


def test_another_size_is_another_crop(faces, tmp_path):
    out = tmp_path / 'out'
    prepare(READERS['generic'], Source(faces), out, CROP)
    other = Options(size=64, fps=100.0, progress=False)
    done = prepare(READERS['generic'], Source(faces), out, other)
    path = next((out / 'frames' / done.rows[0]['frame_dir']).iterdir())
    assert cv2.imread(str(path)).shape == (64, 64, 3)


def test_two_workers_write_what_one_writes(faces, tmp_path):
    two = Options(size=64, fps=100.0, progress=False, workers=2)
    one = Options(size=64, fps=100.0, progress=False)
    rows = [
        prepare(READERS['generic'], Source(faces), tmp_path / name / 'x', options).rows
        for name, options in (('a', one), ('b', two))
    ]
    assert rows[0] == rows[1]
    for path in (tmp_path / 'a' / 'x' / 'frames').rglob('*.png'):
        other = tmp_path / 'b' / path.relative_to(tmp_path / 'a')
        assert path.read_bytes() == other.read_bytes()


def test_without_a_model_the_error_says_what_to_do(faces, tmp_path, monkeypatch):
    monkeypatch.setattr('mmaction_mer.datasets.faces.model.MODEL_PACKAGES', ())
    monkeypatch.delenv('MER_FACE_MODEL', raising=False)
    with pytest.raises(MERDataError, match='--face-model'):
        prepare(READERS['generic'], Source(faces), tmp_path / 'out', CROP)
    assert not (tmp_path / 'out').exists()


# The tool.


def test_the_tool_prepares_draws_and_stores(tool, faces, tmp_path, capsys):
    out = tmp_path / 'out'
    command = ['generic', '--root', faces, '--out', out, '--fps', 100, '--workers', 1]
    assert tool.main([*map(str, command), '--size', '224', '--store']) == 0
    said = capsys.readouterr().out
    assert 'clips of 3 subjects (happiness 1, sadness 2)' in said
    assert '1 skipped' in said
    assert (out / 'sheets' / 'clips_01.png').stat().st_size > 5000
    assert (out / 'store' / 'index.json').is_file()
    rows = read_annotation(out / 'annotations.json')['data_list']
    assert frames_root(out / 'annotations.json', rows) == out / 'frames'


def test_strict_fails_after_the_work_is_done(tool, fake_releases, tmp_path, capsys):
    truth = fake_releases.write_smic(tmp_path / 'smic')
    command = ['smic', '--root', str(truth.root), '--out', str(tmp_path / 'a')]
    command += ['--no-crop', '--strict', '--workers', '1']
    assert tool.main(command) == 0
    gone = {(truth.rows[0].subject, truth.rows[0].clip)}
    truth = fake_releases.write_smic(tmp_path / 'less', missing=gone)
    command[2], command[4] = str(truth.root), str(tmp_path / 'b')
    assert tool.main(command) == 1
    assert 'expected' in capsys.readouterr().err
    assert (tmp_path / 'b' / 'annotations.json').is_file()


@pytest.mark.parametrize(
    'broken',
    [['--root', 'nowhere'], ['--sheet', 'nowhere.xlsx'], ['--face-model', 'no.onnx']],
)
def test_mistakes_are_one_message(tool, fake_releases, tmp_path, capsys, broken):
    truth = fake_releases.write_samm(tmp_path / 'samm')
    command = ['samm', '--root', str(truth.root), '--out', str(tmp_path / 'out')]
    assert tool.main([*command, *broken]) == 1
    said = capsys.readouterr().err
    assert said.startswith('error: ') and broken[1] in said
    assert 'Traceback' not in said


@pytest.mark.slow
def test_killed_and_started_again_it_ends_in_the_same(faces, tmp_path):
    """A clip that is done is not done again, one that is half done is."""
    release = tmp_path / 'release'
    release.mkdir()
    lines = ['subject,clip,emotion']
    for number in range(30):
        lines.append(f's{number % 5},c{number:02d},{"sad" if number % 2 else "happy"}')
        folder = release / f'c{number:02d}'
        folder.mkdir()
        for path in (faces / 'plain').iterdir():
            os.link(path, folder / path.name)
    (release / 'clips.csv').write_text('\n'.join(lines))
    command = [sys.executable, ROOT / 'tools' / 'data' / 'prepare.py', 'generic']
    command += ['--root', release, '--fps', '100', '--size', '512', '--workers', '1']
    cut, whole = tmp_path / 'cut' / 'x', tmp_path / 'whole' / 'x'
    process = subprocess.Popen(
        [*map(str, command), '--out', str(cut)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while len(list(cut.glob('.receipts/*/*'))) < 4 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (cut / 'annotations.json').exists()
    done = files_below(cut / '.receipts')
    options = Options(size=512, fps=100.0, progress=False)
    rows = prepare(READERS['generic'], Source(release), cut, options).rows
    after = files_below(cut / '.receipts')
    assert all(after[name] == when for name, when in done.items())
    assert rows == prepare(READERS['generic'], Source(release), whole, options).rows
    for path in (whole / 'frames').rglob('*.png'):
        other = cut / path.relative_to(whole)
        assert path.read_bytes() == other.read_bytes()
    assert not list((cut / 'frames').rglob('*.partial'))


def test_the_receipts_version_is_part_of_every_fingerprint(
    fake_releases, tmp_path, monkeypatch
):
    truth = fake_releases.write_smic(tmp_path / 'smic', kind='VIS')
    prepare(READERS['smic-vis'], Source(truth.root), tmp_path / 'out', LINK)
    before = files_below(tmp_path / 'out' / '.receipts')
    monkeypatch.setattr(frame_writer, 'VERSION', 99)
    prepare(READERS['smic-vis'], Source(truth.root), tmp_path / 'out', LINK)
    after = files_below(tmp_path / 'out' / '.receipts')
    assert all(after[name] != before[name] for name in before)


@pytest.mark.parametrize('edition', ['20140508', 'mpt', 'third'])
def test_the_composite_comes_out_of_every_edition(fake_releases, tmp_path, edition):
    """MEGC 2019: 442 clips of 68 subjects, without the two that no list has."""
    releases = {
        'casme2': fake_releases.write_casme2(tmp_path / 'r' / 'a', variant=edition),
        'samm': fake_releases.write_samm(tmp_path / 'r' / 'b'),
        'smic': fake_releases.write_smic(tmp_path / 'r' / 'c'),
    }
    for name, truth in releases.items():
        prepare(READERS[name], Source(truth.root), tmp_path / 'data' / name, LINK)
    out = tmp_path / 'data' / 'megc2019'
    report = make_composite([tmp_path / 'data' / name for name in releases], out)
    assert report['differences'] == []
    dataset = MERDataset(
        'annotations.json', PIPELINE, data_root=str(out), data_prefix=dict(img='frames')
    )
    assert len(dataset) == 442 and len(set(dataset.subjects)) == 68
    labels = [dataset.get_data_info(i)['label'] for i in range(442)]
    assert [labels.count(label) for label in range(3)] == [250, 109, 83]
    assert dataset.metainfo['classes'] == ['negative', 'positive', 'surprise']
    clips = set(dataset.clips)
    for clip in ('sub04/EP12_01f', 'sub05/EP09_05f'):
        assert f'casme2/casme2_{clip}' not in clips
        row = next(
            row
            for row in releases['casme2'].rows
            if f'{row.subject}/{row.clip}' == clip
        )
        assert row.emotion in ('disgust', 'repression')
    frames = dataset[441]['imgs']
    row = dataset.get_data_info(441)
    wanted = [n % 64 for n in range(row['onset'], row['offset'] + 1)][:16]
    assert [fake_releases.number_modulo_64(frame) for frame in frames] == wanted
