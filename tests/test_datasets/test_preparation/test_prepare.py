"""From a release to a prepared folder, and the tool around it."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from load_tool import load_tool
from mmengine.config import Config
from paths import ROOT

from mmaction_mer.datasets import MERDataset, read_annotation
from mmaction_mer.datasets.checking import frames_root
from mmaction_mer.datasets.clips import load_clip, usable_clips
from mmaction_mer.datasets.faces.alignment import TEMPLATE
from mmaction_mer.datasets.faces.finder import FaceFinder
from mmaction_mer.datasets.preparation import frame_writer, swapping
from mmaction_mer.datasets.preparation.compose import make_composite
from mmaction_mer.datasets.preparation.out_folder import out_folder
from mmaction_mer.datasets.preparation.prepare import Options, prepare
from mmaction_mer.datasets.preparation.readers import READERS
from mmaction_mer.datasets.preparation.readers.reader import Source
from mmaction_mer.engine.runners.plan import make_plan
from mmaction_mer.motion.limits import ClipLimits
from mmaction_mer.utils.errors import MERDataError, MERRunError
from mmaction_mer.utils.json_files import write_json

LINK = Options(crop=False, progress=False)
PIPELINE = [dict(type='LoadMERFrames', max_frames=16)]


@pytest.fixture(scope='module')
def tool():
    return load_tool('data/prepare.py')


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
    before = files_below(out / '.prepare' / 'receipts')
    again = prepare(READERS['smic'], Source(truth.root), out, LINK)
    assert files_below(out / '.prepare' / 'receipts') == before
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
    after = files_below(out / '.prepare' / 'receipts')
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
            (
                out / '.prepare' / 'receipts' / row['subject'] / f'{row["clip"]}.json'
            ).read_text()
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
    while len(list(cut.glob('.prepare/receipts/*/*'))) < 4 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (cut / 'annotations.json').exists()
    receipts = cut / '.prepare' / 'receipts'
    done = {
        name: when
        for name, when in files_below(receipts).items()
        if 'names' in json.loads((receipts / name).read_text())
    }
    assert len(done) >= 3
    options = Options(size=512, fps=100.0, progress=False)
    rows = prepare(READERS['generic'], Source(release), cut, options).rows
    after = files_below(cut / '.prepare' / 'receipts')
    assert all(after[name] == when for name, when in done.items())
    assert rows == prepare(READERS['generic'], Source(release), whole, options).rows
    for path in (whole / 'frames').rglob('*.png'):
        other = cut / path.relative_to(whole)
        assert path.read_bytes() == other.read_bytes()
    assert not list((cut / 'frames').rglob('*.partial'))


@pytest.mark.parametrize('content', ['[]', '"x"', '5', 'null', '{"names": ["a"]}', '{'])
def test_a_receipt_that_is_none_is_told_of_and_made_anew(
    fake_releases, tmp_path, content
):
    truth = fake_releases.write_smic(tmp_path / 'smic', kind='VIS')
    source, out = Source(truth.root), tmp_path / 'out'
    rows = prepare(READERS['smic-vis'], source, out, LINK).rows
    receipts = out / '.prepare' / 'receipts'
    row = rows[0]
    receipt = receipts / row['subject'] / f'{row["clip"]}.json'
    before = receipt.read_text()
    receipt.write_text(content)
    # Whose the frames are is not known: they are left alone, and the clip is named.
    done = prepare(READERS['smic-vis'], source, out, LINK)
    assert done.rows == rows[1:]
    told = [one['clip'] for one in findings(done, "skipped")
            if 'was not made here' in one['reason']]  # fmt: skip
    assert told == [f'{row["subject"]}/{row["clip"]}']
    shutil.rmtree(out / 'frames' / row['frame_dir'])
    assert prepare(READERS['smic-vis'], source, out, LINK).rows == rows
    assert receipt.read_text() == before


def test_the_receipts_version_is_part_of_every_fingerprint(
    fake_releases, tmp_path, monkeypatch
):
    truth = fake_releases.write_smic(tmp_path / 'smic', kind='VIS')
    prepare(READERS['smic-vis'], Source(truth.root), tmp_path / 'out', LINK)
    before = files_below(tmp_path / 'out' / '.prepare' / 'receipts')
    monkeypatch.setattr(frame_writer, 'VERSION', 99)
    prepare(READERS['smic-vis'], Source(truth.root), tmp_path / 'out', LINK)
    after = files_below(tmp_path / 'out' / '.prepare' / 'receipts')
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


# What is not ours stays as it is.


@pytest.fixture
def mini(tmp_path):
    """A release of two people, four clips, six frames each."""
    root = tmp_path / 'release'
    lines = ['subject,clip,emotion,fps']
    for number, (who, clip) in enumerate(itertools.product(('p1', 'p2'), 'ab')):
        folder = root / who / clip
        folder.mkdir(parents=True)
        for n in range(1, 7):
            image = np.full((6, 6, 3), 10 * number + n, np.uint8)
            cv2.imwrite(str(folder / f'{n}.png'), image)
        lines.append(f'{who},{clip},{"sad" if number % 2 else "happy"},30')
    (root / 'clips.csv').write_text('\n'.join(lines))
    return root


def run_mini(root, out, **options):
    chosen = Options(**{'crop': False, 'progress': False, **options})
    return prepare(READERS['generic'], Source(root), out, chosen)


@pytest.mark.parametrize('linked', ['frames', 'frames/p1', '.prepare'])
def test_nothing_is_written_through_a_link(mini, tmp_path, linked):
    out = tmp_path / 'out'
    (out / linked).parent.mkdir(parents=True, exist_ok=True)
    (out / linked).symlink_to(mini)
    before = files_below(mini)
    with pytest.raises(MERDataError, match='is a link'):
        run_mini(mini, out)
    assert {
        name: before[name] for name in files_below(mini) if name in before
    } == before


@pytest.mark.parametrize(
    'there',
    ['frames/p1/a/mine.npy', 'annotations.json', 'report.md', 'sheets/clips_01.png'],
)
def test_a_folder_that_was_made_by_hand_is_refused(mini, tmp_path, there):
    path = tmp_path / 'out' / there
    path.parent.mkdir(parents=True)
    path.write_text('mine')
    with pytest.raises(MERDataError, match='was not made here'):
        run_mini(mini, tmp_path / 'out')
    assert path.read_text() == 'mine'


def test_frames_put_beside_ours_stay(mini, tmp_path):
    out = tmp_path / 'out'
    run_mini(mini, out)
    mine = out / 'frames' / 'p9' / 'other' / 'mine.npy'
    mine.parent.mkdir(parents=True)
    mine.write_text('mine')
    run_mini(mini, out)
    assert mine.read_text() == 'mine'


def test_another_release_into_the_same_folder_is_refused(fake_releases, mini, tmp_path):
    out = tmp_path / 'out'
    run_mini(mini, out)
    before = files_below(out)
    truth = fake_releases.write_smic(tmp_path / 'smic', kind='VIS')
    with pytest.raises(MERDataError, match=r'holds release \(.*\), not SMIC'):
        prepare(READERS['smic-vis'], Source(truth.root), out, LINK)
    after = files_below(out)
    assert {name for name in after if after[name] != before.get(name)} <= {
        Path('.prepare/lock')
    }


def test_a_release_that_went_away_takes_nothing_along(mini, tmp_path):
    """A disk that is half mounted must not cost what was prepared before."""
    out = tmp_path / 'out'
    run_mini(mini, out)
    before = {name: when for name, when in files_below(out).items()}
    for path in (mini / 'p1').glob('*/*'):
        path.unlink()
    shutil.rmtree(mini / 'p2' / 'a')
    with pytest.raises(MERDataError, match='3 are left out'):
        run_mini(mini, out)
    after = files_below(out)
    changed = {str(name) for name in before if before[name] != after.get(name)}
    assert changed <= {'.prepare/release.json'}


def test_what_stays_keeps_its_report_when_a_rerun_fails(mini, tmp_path):
    """A report is that of the annotations beside it, of a failed run or a good one."""
    out = tmp_path / 'out'
    run_mini(mini, out)
    before = (out / 'report.json').read_bytes(), (out / 'report.md').read_bytes()
    away = tmp_path / 'away'
    shutil.copytree(mini, away)
    for path in (mini / 'p1').glob('*/*'):
        path.unlink()
    shutil.rmtree(mini / 'p2' / 'a')
    with pytest.raises(MERDataError, match=r'report_failed\.md says why'):
        run_mini(mini, out)
    assert before == (
        (out / 'report.json').read_bytes(),
        (out / 'report.md').read_bytes(),
    )
    failed = json.loads((out / 'report_failed.json').read_text())
    assert failed['skipped'] > json.loads(before[0])['skipped']
    shutil.copytree(away, mini, dirs_exist_ok=True)
    run_mini(mini, out)
    assert (out / 'report.json').read_bytes() == before[0]
    assert not [*out.glob('report_failed.*')]


def test_clips_that_are_away_for_a_while_are_kept(mini, tmp_path):
    out = tmp_path / 'out'
    run_mini(mini, out)
    (mini / 'p1' / 'a').rename(tmp_path / 'away')
    assert len(run_mini(mini, out).rows) == 3
    frames = files_below(out / 'frames')
    assert len(frames) == 24
    (tmp_path / 'away').rename(mini / 'p1' / 'a')
    assert len(run_mini(mini, out).rows) == 4
    assert files_below(out / 'frames') == frames


def test_two_sets_of_one_kind_do_not_share_a_folder(mini, tmp_path):
    out = tmp_path / 'out'
    run_mini(mini, out)
    before = files_below(out / 'frames')
    shutil.copytree(mini, tmp_path / 'another')
    with pytest.raises(MERDataError, match='holds release .*, not another'):
        run_mini(tmp_path / 'another', out)
    assert files_below(out / 'frames') == before


def test_a_model_that_cannot_be_read_costs_nothing(faces, tmp_path):
    out = tmp_path / 'out'
    prepare(READERS['generic'], Source(faces), out, CROP)
    before = files_below(out)
    (tmp_path / 'junk.onnx').write_bytes(b'junk')
    options = Options(
        size=96, fps=100.0, progress=False, face_model=tmp_path / 'junk.onnx'
    )
    with pytest.raises(MERDataError, match=r'junk\.onnx: OpenCV cannot read'):
        prepare(READERS['generic'], Source(faces), out, options)
    assert files_below(out) == before


def test_annotations_of_my_own_stay(mini, tmp_path):
    out = tmp_path / 'out'
    run_mini(mini, out)
    mine = out / 'annotations_mine.json'
    shutil.copy(out / 'annotations.json', mine)
    (mini / 'p1' / 'a' / '3.png').write_bytes((mini / 'p1/a/4.png').read_bytes())
    run_mini(mini, out)
    assert mine.exists() and (out / 'annotations.json').exists()


def test_files_of_my_own_in_a_clip_stay(mini, tmp_path):
    out = tmp_path / 'out'
    run_mini(mini, out)
    folder = out / 'frames' / 'p1' / 'a'
    (folder / '.DS_Store').write_text('x')
    before = files_below(out / 'frames')
    run_mini(mini, out)
    assert files_below(out / 'frames') == before
    mine = folder / 'landmarks.csv'
    mine.write_text('mine')
    (folder / '2.png').unlink()
    done = run_mini(mini, out)
    assert mine.read_text() == 'mine' and len(done.rows) == 3
    assert 'landmarks.csv' in findings(done, 'skipped')[0]['reason']
    mine.unlink()
    assert len(run_mini(mini, out).rows) == 4


def test_a_path_that_is_put_right_brings_other_frames(mini, tmp_path):
    """Files of the same names, sizes and times in another folder."""
    for number, clip in enumerate(('p1/a', 'p1/b')):
        for path in list((mini / clip).iterdir()):
            path.unlink()
        for n in (1, 2, 3):
            path = mini / clip / f'{n}.bmp'
            cv2.imwrite(str(path), np.full((6, 6, 3), 100 * number, np.uint8))
            os.utime(path, (1e9, 1e9))
    rows = 's1,x,happy,{},30', 's1,y,sad,{},30'
    for order in (('p1/a', 'p1/b'), ('p1/b', 'p1/a')):
        rewrite(
            mini, *(row.format(path) for row, path in zip(rows, order, strict=True))
        )
        done = run_mini(mini, tmp_path / 'out')
        for row, path in zip(done.rows, order, strict=True):
            made = tmp_path / 'out' / 'frames' / row['frame_dir'] / '1.bmp'
            assert made.read_bytes() == (mini / path / '1.bmp').read_bytes()


def test_names_that_are_not_text_on_this_machine(mini, tmp_path):
    """Folders of another encoding, as archives bring them."""
    strange = os.fsencode(mini) + b'/p1/\xd1\xf9'
    os.mkdir(strange)
    for name in (b'1.png', b'2.png'):
        shutil.copy(mini / 'p1' / 'a' / '1.png', os.path.join(strange, name))
    (mini / '__MACOSX' / 'p1' / 'a').mkdir(parents=True)
    (mini / '__MACOSX' / 'p1' / 'a' / '._1.png').write_bytes(b'x')
    done = run_mini(mini, tmp_path / 'out')
    assert len(done.rows) == 4
    (noted,) = findings(done, 'noted')
    assert '\\udcd1' in noted['clip'] or 'xd1' in noted['clip']


def test_a_clip_called_as_another_ones_workplace(mini, tmp_path):
    os.rename(mini / 'p1' / 'a', mini / 'p1' / '.b.partial2')
    text = (mini / 'clips.csv').read_text().replace('p1,a', 'p1,.b.partial')
    (mini / 'clips.csv').write_text(text)
    shutil.copytree(mini / 'p1' / 'b', mini / 'p1' / 'x')
    done = run_mini(mini, tmp_path / 'out')
    for row in done.rows:
        assert len(os.listdir(tmp_path / 'out' / 'frames' / row['frame_dir'])) == 6


def test_two_runs_at_once_are_refused(mini, tmp_path):
    run_mini(mini, tmp_path / 'out')
    title = json.loads((tmp_path / 'out/.prepare/release.json').read_text())['release']
    with out_folder(tmp_path / 'out', title):
        with pytest.raises(MERDataError, match='another run'):
            run_mini(mini, tmp_path / 'out')
    run_mini(mini, tmp_path / 'out')


def test_out_is_a_file_or_cannot_be_written(mini, tmp_path):
    (tmp_path / 'file').write_text('x')
    for out in (tmp_path / 'file', tmp_path / 'file' / 'below', Path('/proc/none')):
        with pytest.raises(MERDataError, match='cannot be used: '):
            run_mini(mini, out)


def test_a_cut_between_two_sizes_leaves_the_old_one_whole(faces, tmp_path, monkeypatch):
    """What is done of the new size waits, and is not done again."""
    out, calls = tmp_path / 'out', []
    rows = prepare(READERS['generic'], Source(faces), out, CROP).rows
    before = contents_below(out)

    def cut(path, value):
        calls.append(path)
        if len(calls) == 2:  # one clip is done, the frames of another are
            raise KeyboardInterrupt
        return write_json(path, value)

    monkeypatch.setattr(frame_writer, 'write_json', cut)
    other = Options(size=64, fps=100.0, progress=False)
    with pytest.raises(KeyboardInterrupt):
        prepare(READERS['generic'], Source(faces), out, other)
    monkeypatch.undo()
    assert contents_below(out) == before
    assert prepare(READERS['generic'], Source(faces), out, CROP).rows == rows
    assert contents_below(out) == before
    with pytest.raises(KeyboardInterrupt):
        calls.clear()
        monkeypatch.setattr(frame_writer, 'write_json', cut)
        prepare(READERS['generic'], Source(faces), out, other)
    monkeypatch.setattr(frame_writer, 'write_json', lambda *_: calls.append(_) or 1 / 0)
    first = calls[0]
    with pytest.raises(ZeroDivisionError):
        prepare(READERS['generic'], Source(faces), out, other)
    assert calls[-1][0] != first  # the first clip was staged, the second begun anew
    monkeypatch.undo()
    for row in prepare(READERS['generic'], Source(faces), out, other).rows:
        for path in (out / 'frames' / row['frame_dir']).iterdir():
            assert cv2.imread(str(path)).shape == (64, 64, 3)
    assert not (out / '.prepare' / 'stage').exists()


def test_a_full_disk_is_not_remembered(mini, tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(28, 'No space left on device', str(target))

    monkeypatch.setattr(frame_writer, 'link_or_copy', full)
    with pytest.raises(MERDataError, match='No space left on device; what is done'):
        run_mini(mini, tmp_path / 'out')
    monkeypatch.undo()
    assert len(run_mini(mini, tmp_path / 'out').rows) == 4


LARGE = cv2.imencode('.png', np.zeros((20, 20, 3), np.uint8))[1].tobytes()


@pytest.mark.parametrize('data', [b'', b'junk', LARGE])
def test_frames_that_cannot_be_decoded_are_found_without_cropping(mini, tmp_path, data):
    (mini / 'p1' / 'a' / '3.png').write_bytes(data)
    done = run_mini(mini, tmp_path / 'out')
    assert len(done.rows) == 3
    (lost,) = findings(done, 'skipped')
    assert lost['clip'] == 'p1/a' and '3.png' in lost['reason']
    assert 'left out' in done.differences[-1]


def test_links_fall_back_to_copies(mini, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(18, 'Invalid cross-device link')

    monkeypatch.setattr(os, 'link', refuse)
    done = run_mini(mini, tmp_path / 'out')
    folder = tmp_path / 'out' / 'frames' / done.rows[0]['frame_dir']
    assert (folder / '1.png').read_bytes() == (mini / 'p1/a/1.png').read_bytes()
    assert (folder / '1.png').stat().st_nlink == 1


# What must not come out in silence.


def rewrite(root, *rows):
    head = 'subject,clip,emotion,path,fps'
    (root / 'clips.csv').write_text('\n'.join([head, *rows]))


def test_nobody_gets_the_clip_of_somebody_else(mini, tmp_path):
    shutil.rmtree(mini / 'p1' / 'a')
    rewrite(mini, 'p1,a,happy,,30', 'p2,a,sad,,30', 'p2,b,happy,,30')
    done = run_mini(mini, tmp_path / 'out')
    assert [(row['subject'], row['clip']) for row in done.rows] == [
        ('p2', 'a'),
        ('p2', 'b'),
    ]
    # Nor does the name of a clip alone find a folder that is a person's.
    rewrite(mini, 'p1,a,happy,,30', 'p2,b,sad,,30', 'p2,x,happy,p2/a,30')
    done = run_mini(mini, tmp_path / 'out')
    assert [(row['subject'], row['clip']) for row in done.rows] == [
        ('p2', 'b'),
        ('p2', 'x'),
    ]


def test_one_folder_is_one_clip_of_one_person(mini, tmp_path):
    rewrite(mini, 's1,x,happy,p1/a,30', 's2,y,sad,p1/a,30', 's1,z,sad,p1/a,30')
    with pytest.raises(MERDataError, match='already'):
        run_mini(mini, tmp_path / 'out')
    text = (tmp_path / 'out' / 'report.md').read_text()
    assert 's2/y' in text and 's1/z' in text and 'row 2 already' in text


@pytest.mark.parametrize('other', ['P1', 'p01', 'p 1'])
def test_one_person_spelled_two_ways_is_refused(mini, tmp_path, other):
    rewrite(mini, 'p1,a,happy,p1/a,30', f'{other},b,sad,p1/b,30')
    with pytest.raises(MERDataError, match=r"'p1' \(row 2\) and .*one person"):
        run_mini(mini, tmp_path / 'out')


def test_names_that_differ_in_case_alone_are_one(fake_releases, tmp_path):
    truth = fake_releases.write_casme2(tmp_path / 'release', variant='mpt')
    row = next(row for row in truth.rows if row.clip == 'EP02_07')
    others = [one for one in truth.rows if one is not row]
    taken = next(one for one in others if one.subject == row.subject)
    fake_releases.break_cell(truth.sheet, row.line, 'Filename', 'ep02_07')
    done = prepare(READERS['casme2'], Source(truth.root), tmp_path / 'a', LINK)
    assert done.report['edition'] == 'with EP02_07' and not done.differences
    name = taken.clip.swapcase()
    fake_releases.break_cell(truth.sheet, row.line, 'Filename', name)
    done = prepare(READERS['casme2'], Source(truth.root), tmp_path / 'b', LINK)
    lost = {one['row']: one['reason'] for one in findings(done, 'skipped')}
    # Which of the two is right is not known.
    assert lost == {
        row.line: f'contradicts row {taken.line}: which one is right?',
        taken.line: f'contradicts row {row.line}: which one is right?',
    }
    assert len(done.rows) == 254


def test_folders_that_fit_nothing_are_listed(fake_releases, tmp_path):
    smic = fake_releases.write_smic(tmp_path / 'smic', kind='VIS')
    folder = (smic.root / smic.rows[0].folder).parent
    folder.rename(folder.with_name('negativ'))
    done = prepare(READERS['smic-vis'], Source(smic.root), tmp_path / 'a', LINK)
    skipped = findings(done, 'skipped')
    assert len(done.rows) + len(skipped) == 71 and skipped
    assert all('negativ/' in one['clip'] for one in skipped)
    assert 'left out' in done.differences[-1]
    mmew = fake_releases.write_mmew(tmp_path / 'mmew', kind='macro')
    folder = (mmew.root / mmew.rows[0].folder).parent
    folder.rename(folder.with_name('happines'))
    done = prepare(READERS['mmew-macro'], Source(mmew.root), tmp_path / 'b', LINK)
    assert len(done.rows) + len(findings(done, 'skipped')) == 900


def test_a_fault_in_a_cell_explains_a_difference(fake_releases, tmp_path):
    truth = fake_releases.write_samm(tmp_path / 'samm')
    row = next(row for row in truth.rows if row.emotion == 'happiness')
    fake_releases.break_cell(truth.sheet, row.line, 'Subject', 'x', 'MICRO_ONLY')
    done = prepare(READERS['samm'], Source(truth.root), tmp_path / 'out', LINK)
    five = done.report['labels'][0]
    assert five['differences'][0] == 'happiness: 25 clips, expected 26'
    assert not five['unexplained'] and f'row {row.line}' in five['lost'][0]
    assert row.clip in five['lost'][0]
    assert done.report['skipped'] == 1


def test_a_class_is_made_of_clips_that_can_be_used(mini, tmp_path):
    rewrite(
        mini,
        'p1,a,happy,,30',
        'subject,clip,emotion,path,fps',
        'p1,gone,hapy,,30',
        'p2,b,sad,,30',
    )
    done = run_mini(mini, tmp_path / 'out')
    content = read_annotation(done.files[0])
    assert content['metainfo']['classes'] == ['happiness', 'sadness']


@pytest.mark.parametrize('path', ['.', 'p1', 'p1/a/1.png', ''])
def test_odd_paths_in_a_table(mini, tmp_path, path):
    rewrite(mini, f'p1,nothing,happy,{path},30', 'p1,b,sad,,30', 'p2,a,happy,,30')
    done = run_mini(mini, tmp_path / 'out')
    assert [one['clip'] for one in findings(done, 'skipped')] == ['p1/nothing']


def test_odd_names_fail_before_the_work_not_after(mini, tmp_path):
    rewrite(mini, 'p1,a,happy/proud,,30', 'p1,b,sad,,30', 'p2,a,happy,,30')
    for path in (mini / 'p2' / 'a').iterdir():
        path.rename(path.with_name(f' {path.name}'))
    with pytest.raises(MERDataError, match='one emotion') as caught:
        run_mini(mini, tmp_path / 'out', max_skipped=9)
    assert 'report.md' in str(caught.value)
    text = (tmp_path / 'out' / 'report.md').read_text()
    assert 'happy/proud' in text and 'filename_tmpl' in text
    assert not (tmp_path / 'out' / 'frames').exists()


def test_a_link_to_nowhere_is_a_missing_frame(mini, tmp_path):
    (mini / 'p1' / 'a' / '3.png').unlink()
    (mini / 'p1' / 'a' / '3.png').symlink_to(tmp_path / 'gone')
    done = run_mini(mini, tmp_path / 'out')
    assert len(done.rows) == 4
    assert any(one['clip'] == 'p1/a' for one in findings(done, 'noted'))


@pytest.mark.parametrize(
    ('release', 'options', 'message'),
    [
        ('generic', {'fps': -5.0}, 'no frame rate'),
        ('generic', {'fps': float('nan')}, 'no frame rate'),
        ('generic', {'crop': True, 'size': 0}, '32 to 2048 pixels'),
        ('casme2', {'fps': 25.0}, 'recorded at 200 Hz'),
    ],
)
def test_options_that_cannot_be_meant(mini, tmp_path, release, options, message):
    chosen = Options(**{'crop': False, 'progress': False, **options})
    with pytest.raises(MERDataError, match=message):
        prepare(READERS[release], Source(mini), tmp_path / 'out', chosen)
    assert not (tmp_path / 'out').exists()


def test_a_sheet_for_a_release_without_one_is_a_mistake(fake_releases, tmp_path):
    truth = fake_releases.write_smic(tmp_path / 'smic')
    source = Source(truth.root, tmp_path / 'x.xlsx')
    with pytest.raises(MERDataError, match='leave out --sheet'):
        prepare(READERS['smic'], source, tmp_path / 'out', LINK)


def test_clips_of_nobody_known_are_for_pre_training_alone(mini, tmp_path):
    tree = tmp_path / 'tree'
    for emotion, clip in itertools.product(('Happy', 'Sad'), 'ab'):
        shutil.copytree(mini / 'p1' / 'a', tree / emotion / clip)
    options = Options(crop=False, progress=False, fps=30.0)
    done = prepare(READERS['folders'], Source(tree), tmp_path / 'out', options)
    metainfo = read_annotation(done.files[0])['metainfo']
    assert metainfo['subjects_known'] is False
    dataset = dict(type='MERDataset', data_root=str(tmp_path / 'out'), pipeline=[])
    dataset |= dict(ann_file='annotations.json', data_prefix=dict(img='frames'))
    loader = dict(batch_size=1, num_workers=0, sampler=None, dataset=dataset)
    cfg = Config(
        dict(
            work_dir=str(tmp_path / 'run'),
            train_dataloader=loader,
            test_dataloader=loader,
            train_cfg={'max_iters': 1},
            optim_wrapper={'optimizer': {}},
        )
    )
    with pytest.raises(MERRunError, match='who is seen in its clips is not known'):
        make_plan(cfg)


def test_other_pictures_are_another_annotation(faces, tmp_path):
    """Folds that were trained on one crop are not pooled with folds of another."""
    texts = []
    for size in (64, 96, 64):
        options = Options(size=size, fps=100.0, progress=False)
        done = prepare(READERS['generic'], Source(faces), tmp_path / 'out', options)
        texts.append(done.files[0].read_bytes())
    assert texts[0] == texts[2] != texts[1]


def test_clips_that_the_motion_filter_cannot_use_are_left_out(mini, tmp_path):
    """The kind: sound on disk, and refused or changed by the pipeline of a config.

    Five steps at 0.2 Hz last 25 s, at 2 Hz 2.5 s: as 16 frames 0.6 and 6 a second.
    """
    text = (mini / 'clips.csv').read_text()
    text = text.replace('p1,a,happy,30', 'p1,a,happy,0.2')
    (mini / 'clips.csv').write_text(text.replace('p1,b,sad,30', 'p1,b,sad,2'))
    done = run_mini(mini, tmp_path / 'out')
    assert [row['clip'] for row in done.rows] == ['b', 'a', 'b']
    (lost,) = findings(done, 'skipped')
    assert (lost['row'], lost['clip'], lost['field']) == (2, 'p1/a', 'offset')
    assert 'lasts 25.00 s (frames 1 to 6 at 0.2 Hz)' in lost['reason']
    assert '0.6 a second and hold motion up to 0.3 Hz' in lost['reason']
    (noted,) = findings(done, 'noted')
    assert noted['clip'] == 'p1/b'
    assert 'is lowered to 2.97 Hz' in noted['reason']
    assert '2.97 Hz' in (tmp_path / 'out' / 'report.md').read_text()
    # What is drawn in short pieces may last as long as it likes.
    assert len(run_mini(mini, tmp_path / 'pairs', limits=None).rows) == 4
    assert len(run_mini(mini, tmp_path / 'low', limits=ClipLimits(low=0.1)).rows) == 4


def test_long_clips_of_a_release_are_listed_and_kept(fake_releases, tmp_path):
    """SMIC-VIS at 25 Hz has clips that last longer than half a second if cut wide."""
    truth = fake_releases.write_smic(tmp_path / 'smic', kind='VIS')
    row = truth.rows[0]
    folder = truth.root / row.folder
    last = max(folder.iterdir(), key=lambda path: (len(path.name), path.name))
    stem, number = last.stem[:-5], int(last.stem[-5:])
    held = len(list(folder.glob('*' + last.suffix)))
    for n in range(1, 15 - held):
        shutil.copy(last, folder / f'{stem}{number + n:05d}{last.suffix}')
    done = prepare(READERS['smic-vis'], Source(truth.root), tmp_path / 'out', LINK)
    assert len(done.rows) == len(truth.rows)
    told = [one for one in done.report['findings'] if 'longer than' in one['reason']]
    assert [one['clip'] for one in told] == [f'{row.subject}/{row.clip}']
    assert 'lasts 0.52 s' in told[0]['reason'] and told[0]['action'] == 'noted'


def contents_below(out):
    """The bytes of all frames and annotation files of a prepared folder."""
    files = [*(out / 'frames').rglob('*'), *out.glob('annotations*.json')]
    return {path: path.read_bytes() for path in files if path.is_file()}


def load_all(out):
    dataset = MERDataset(
        'annotations.json', PIPELINE, data_root=str(out), data_prefix=dict(img='frames')
    )
    return [dataset[index]['imgs'] for index in range(len(dataset))]


def test_a_rerun_that_finds_no_face_leaves_what_was_there(tool, mini, tmp_path, capsys):
    """The kind: a rerun with other options that fails. Here --no-crop is forgotten."""
    out = tmp_path / 'out'
    command = ['generic', '--root', mini, '--out', out, '--workers', 1]
    command = [str(part) for part in command]
    assert tool.main([*command, '--no-crop']) == 0
    before = contents_below(out)
    assert len(before) == 25
    assert tool.main(command) == 1
    assert '0 of 4 clips' in capsys.readouterr().err
    assert contents_below(out) == before
    # Each frame of clip n is 10 n + its number.
    for number, frames in enumerate(load_all(out)):
        assert [frame[0, 0, 0] for frame in frames] == [
            10 * number + n for n in range(1, 7)
        ]


@pytest.mark.parametrize('case', ['skipped', 'fps', 'root', 'disk', 'face'])
def test_a_rerun_that_fails_leaves_what_was_there(faces, tmp_path, monkeypatch, case):
    """The kind again: options and releases with which a rerun ends in an error."""
    out, release = tmp_path / 'out', tmp_path / faces.name
    shutil.copytree(faces, release)
    prepare(READERS['generic'], Source(release), out, CROP)
    before, options = contents_below(out), dict(size=64, fps=100.0, progress=False)
    if case == 'skipped':
        options['max_skipped'] = 0
    elif case == 'fps':
        options['fps'] = 1e9
    elif case == 'root':
        for clip in ('plain', 'grey', 'tilted'):
            shutil.rmtree(release / clip)
    elif case == 'disk':
        calls = []

        def full(path, value):
            calls.append(path)
            if len(calls) == 3:
                raise OSError(28, 'No space left on device', str(path))
            return write_json(path, value)

        monkeypatch.setattr(frame_writer, 'write_json', full)
    else:
        for path in (release / 'plain').iterdir():
            path.unlink()
            cv2.imwrite(str(path), np.zeros((64, 64, 3), np.uint8))
        options['max_skipped'] = 1
    with pytest.raises(MERDataError):
        prepare(READERS['generic'], Source(release), out, Options(**options))
    assert contents_below(out) == before
    assert {frames[0].shape for frames in load_all(out)} == {(96, 96, 3)}


def test_a_clip_whose_face_is_not_found_any_more_goes(faces, tmp_path):
    """Frames that were not cropped do not stay as if they had been."""
    out = tmp_path / 'out'
    plain = Options(crop=False, fps=100.0, progress=False)
    assert len(prepare(READERS['generic'], Source(faces), out, plain).rows) == 4
    assert (out / 'frames' / 's3' / 'wall').is_dir()
    assert len(prepare(READERS['generic'], Source(faces), out, CROP).rows) == 3
    assert not (out / 'frames' / 's3' / 'wall').exists()
    assert {frames[0].shape for frames in load_all(out)} == {(96, 96, 3)}
    assert len(prepare(READERS['generic'], Source(faces), out, plain).rows) == 4
    assert {frames[0].shape for frames in load_all(out)} == {(320, 320, 3)}


STEPS = ('_move', 'write_annotation', 'write_json')


def killed_at(step, work):
    """Do some work in a child that is gone before its step-th step of an exchange.

    Returns:
        Whether it came to its end before that.
    """
    child = os.fork()
    if child == 0:
        code = 3
        try:
            left = [step]

            def counted(function):
                def run(*args, **kwargs):
                    left[0] -= 1
                    if left[0] < 0:
                        os._exit(9)
                    return function(*args, **kwargs)

                return run

            for name in STEPS:
                setattr(swapping, name, counted(getattr(swapping, name)))
            shutil.rmtree = counted(shutil.rmtree)
            work()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 0


def test_killed_anywhere_in_the_exchange(mini, tmp_path):
    """All of the old, all of the new, or no annotation until the next run, never both.

    Each frame of clip n is 10 n + its number, and 100 more in the new release. The next
    run, one that fails too, brings the old back; one that works goes on to the new.
    """
    done = tmp_path / 'done'
    run_mini(mini, done / 'out')
    old, broken = contents_below(done / 'out'), tmp_path / 'broken' / mini.name
    for path in mini.rglob('*.png'):
        grey = cv2.imread(str(path)) + 100
        path.unlink()  # it is also the prepared frame
        cv2.imwrite(str(path), grey)
    shutil.copytree(mini, broken)
    for clip in ('p1/a', 'p1/b', 'p2/a'):
        shutil.rmtree(broken / clip)

    def greys(out):
        return [[int(one[0, 0, 0]) for one in frames] for frames in load_all(out)]

    greys_old = [[10 * clip + n for n in range(1, 7)] for clip in range(4)]
    greys_new = [[100 + grey for grey in clip] for clip in greys_old]
    seen, step, ended = set(), 0, False
    while not ended:
        out = tmp_path / f'{step}' / 'out'
        shutil.copytree(done / 'out', out)
        ended = killed_at(step, lambda out=out: run_mini(mini, out))
        state = 'none'
        if (out / 'annotations.json').exists():
            state = {False: 'old', True: 'new'}[greys(out) == greys_new]
            assert greys(out) in (greys_old, greys_new)
        seen.add(state)
        closed = not (out / '.prepare' / 'swap.json').exists()
        if step % 3 == 0 and not closed:
            # Undoing may be cut as well.
            killed_at(step // 3, lambda out=out: run_mini(broken, out))
        with pytest.raises(MERDataError, match='3 are left out'):
            run_mini(broken, out)
        if state != 'new' or not closed:
            assert contents_below(out) == {
                out / path.relative_to(done / 'out'): data for path, data in old.items()
            }
            assert greys(out) == greys_old
        assert len(run_mini(mini, out).rows) == 4
        assert greys(out) == greys_new
        assert sorted(os.listdir(out / '.prepare')) == [
            'lock',
            'receipts',
            'release.json',
        ]
        shutil.rmtree(out)
        step += 1
    assert seen == {'old', 'new', 'none'} and step > 20


@pytest.mark.parametrize(
    'content', ['[]', '{}', '{"annotations": ["../x"], "clips": []}',
                '{"annotations": [], "clips": [["..", "x", true, true]]}',
                '{"annotations": [], "clips": [["a", "b", 1, true]]}', '{'],
)  # fmt: skip
def test_a_journal_that_is_none_moves_nothing(mini, tmp_path, content):
    out = tmp_path / 'out'
    run_mini(mini, out)
    before = contents_below(out)
    (out / '.prepare' / 'swap.json').write_text(content)
    with pytest.raises(MERDataError, match=r'swap\.json: is not as it was written'):
        run_mini(mini, out)
    assert contents_below(out) == before


def test_an_annotation_of_my_own_comes_back_too(mini, tmp_path, monkeypatch):
    """One that has the name of a new one, and is no file of an earlier run."""
    out = tmp_path / 'out'
    run_mini(mini, out)
    owner = out / '.prepare' / 'release.json'
    owner.write_text(json.dumps({'release': json.loads(owner.read_text())['release']}))
    mine = out / 'annotations.json'
    mine.write_text('mine')
    monkeypatch.setattr(swapping, 'write_annotation', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_mini(mini, out)
    assert mine.read_text() == 'mine'


def test_endings_that_differ_within_a_clip_are_one_clip(mini, tmp_path):
    """``.png`` beside ``.PNG`` or ``.bmp``: the others counted as missing frames."""
    for n in (2, 4):
        (mini / 'p1' / 'a' / f'{n}.png').rename(mini / 'p1' / 'a' / f'{n}.PNG')
        image = cv2.imread(str(mini / 'p1' / 'b' / f'{n}.png'))
        (mini / 'p1' / 'b' / f'{n}.png').unlink()
        cv2.imwrite(str(mini / 'p1' / 'b' / f'{n}.bmp'), image)
    prepared = run_mini(mini, tmp_path / 'out')
    assert prepared.report['clips'] == 4 and prepared.report['findings'] == []
    usable = usable_clips(prepared.rows, str(tmp_path / 'out' / 'frames'))
    assert usable.notes == []
    for number, row in enumerate(usable.rows[:2]):
        levels = [int(image.mean()) for image in load_clip(row)['imgs']]
        assert levels == [10 * number + n for n in range(1, 7)]


def deepen(folder, factor=16):
    """Store 8-bit pictures as a camera of 12 bits does, in files of 16."""
    for path in folder.iterdir():
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.uint16)
        path.unlink()
        cv2.imwrite(str(path.with_suffix('.png')), image * factor)


def test_pictures_of_twelve_bits_are_linked_and_said(mini, tmp_path):
    """They were nearly black for training, and the report had no word of it."""
    deepen(mini / 'p1' / 'b', 200)
    prepared = run_mini(mini, tmp_path / 'out')
    noted = [str(one['reason']) for one in prepared.report['findings']]
    assert len(noted) == 1 and '4095 (12 bits) is white' in noted[0]
    assert prepared.report['findings'][0]['clip'] == 'p1/b'
    usable = usable_clips(prepared.rows, str(tmp_path / 'out' / 'frames'))
    levels = [int(image.mean()) for image in load_clip(usable.rows[1])['imgs']]
    assert levels == [200 * (10 + n) // 16 for n in range(1, 7)]
    # Said again by a run that finds all of it done.
    assert run_mini(mini, tmp_path / 'out').report == prepared.report


def test_faces_are_cropped_from_twelve_bits_as_from_eight(faces, tmp_path):
    """One brightness for the frames of a clip, whatever their depth."""
    shutil.copytree(faces, tmp_path / 'release')
    deepen(tmp_path / 'release' / 'plain')
    made = {}
    for name, root in (('plain', faces), ('deep', tmp_path / 'release')):
        prepared = prepare(READERS['generic'], Source(root), tmp_path / name, CROP)
        made[name] = {
            path.relative_to(tmp_path / name): cv2.imread(str(path))
            for path in (tmp_path / name / 'frames').rglob('*.png')
        }
    assert [one['field'] for one in prepared.report['findings']].count('depth') == 1
    assert made['plain'].keys() == made['deep'].keys() and made['deep']
    for path, image in made['plain'].items():
        assert np.abs(image.astype(int) - made['deep'][path]).max() <= 1, path
