"""From a release to a prepared folder."""

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from preparing import (
    contents_below,
    issues,
    load_all,
    open_dataset,
    run,
    times_below,
    write_frames,
    write_table,
)

from mmaction_mer.datasets import read_annotation
from mmaction_mer.datasets.clips import load_clip, usable_clips
from mmaction_mer.datasets.preparation.compose import make_composite
from mmaction_mer.datasets.preparation.out_folder import out_folder
from mmaction_mer.engine.runners.plan import make_plan
from mmaction_mer.motion.limits import ClipLimits
from mmaction_mer.utils.errors import MERDataError, MERRunError


@pytest.fixture
def vis(fake_releases, tmp_path):
    """SMIC-VIS: 71 clips of 8 subjects."""
    return fake_releases.write_smic(tmp_path / 'smic', kind='VIS')


@pytest.fixture(scope='module')
def parts(fake_releases, tmp_path_factory):
    """SAMM and SMIC, prepared, for the composite of MEGC 2019."""
    root = tmp_path_factory.mktemp('parts')
    for name in ('samm', 'smic'):
        write = getattr(fake_releases, f'write_{name}')
        run(name, write(root / 'release' / name).root, root / name)
    return [root / 'samm', root / 'smic']


@pytest.mark.parametrize('edition', ['20140508', 'mpt', 'third'])
def test_the_composite_comes_out_of_every_edition(
    fake_releases, parts, tmp_path, edition
):
    """MEGC 2019: 442 clips of 68 subjects, without the two that no list has."""
    truth = fake_releases.write_casme2(tmp_path / 'release', variant=edition)
    casme2, out = tmp_path / 'casme2', tmp_path / 'megc2019'
    done = run('casme2', truth.root, casme2)
    assert make_composite([casme2, *parts], out)['differences'] == []
    dataset = open_dataset(out)
    assert len(dataset) == 442 and len(set(dataset.subjects)) == 68
    labels = [dataset.get_data_info(i)['label'] for i in range(442)]
    assert [labels.count(label) for label in range(3)] == [250, 109, 83]
    assert dataset.metainfo['classes'] == ['negative', 'positive', 'surprise']
    assert not set(dataset.clips) & {
        'casme2/casme2_sub04/EP12_01f',
        'casme2/casme2_sub05/EP09_05f',
    }
    frames, row = dataset[441]['imgs'], dataset.get_data_info(441)
    wanted = [n % 64 for n in range(row['onset'], row['offset'] + 1)][:16]
    assert [fake_releases.number_modulo_64(frame) for frame in frames] == wanted
    if edition != 'mpt':
        return
    # The part itself is what the configs of CASME II read.
    names = ['annotations', 'annotations_3class', 'annotations_7class']
    assert [path.stem for path in done.files] == names and done.differences == []
    for name, clips, labels in zip(names, (247, 145, 256), (5, 3, 7), strict=True):
        part = open_dataset(casme2, f'{name}.json')
        assert len(part) == clips and len(part.metainfo['classes']) == labels
        assert part.metainfo['labels'] == f'{labels}class'
    # Frames are not stored twice: they are links to those of the release.
    assert next((casme2 / 'frames').glob('*/*/*.jpg')).stat().st_nlink > 1


def test_the_report_names_row_clip_field_and_reason(fake_releases, tmp_path):
    truth = fake_releases.write_samm(tmp_path / 'samm')
    out = tmp_path / 'out'
    done = run('samm', truth.root, out)
    repaired = issues(done, 'repaired')
    assert {one['row'] for one in repaired} == {r.line for r in truth.quirk('bad apex')}
    text = (out / 'report.md').read_text()
    assert 'As in a complete release.' in text
    for one in repaired:
        assert f'| {one["row"]} | {one["clip"]} | apex | repaired |' in text
    assert json.loads((out / 'report.json').read_text()) == done.report
    # Missing clips, a wrong cell and an unknown emotion explain a difference.
    angry = [r for r in truth.rows if r.emotion == 'anger' and r.outcome == 'kept']
    happy = next(row for row in truth.rows if row.emotion == 'happiness')
    for row in angry[:2]:
        shutil.rmtree(truth.root / row.folder)
    sheet = truth.sheet, 'MICRO_ONLY'
    fake_releases.break_cell(sheet[0], happy.line, 'Subject', 'x', sheet[1])
    column = 'Estimated Emotion'
    fake_releases.break_cell(sheet[0], angry[2].line, column, 'Envy', sheet[1])
    done = run('samm', truth.root, out)
    five = done.report['labels'][0]
    assert five['differences'] == [
        'anger: 54 clips, expected 57',
        'happiness: 25 clips, expected 26',
    ]
    assert done.differences[0] == f'5class: {five["differences"][0]}'
    for row in [*angry[:2], happy]:
        assert any(row.clip in line for line in five['lost'])
    # A label that was changed by hand is not explained by clips left out.
    assert [line.split(':')[0] for line in five['unexplained']] == ['anger']
    (envy,) = (one for one in issues(done, 'skipped') if one['row'] == angry[2].line)
    assert envy['field'] == 'emotion' and 'Envy' in envy['reason']
    assert done.report['skipped'] == 4


def test_too_many_lost_clips_fail_with_a_report(fake_releases, tmp_path):
    truth = fake_releases.write_samm(tmp_path / 'samm')
    out = tmp_path / 'out'
    for row in truth.rows[:5]:
        shutil.rmtree(truth.root / row.folder)
    with pytest.raises(MERDataError, match=r'5 are left out.*--max-skipped is 4'):
        run('samm', truth.root, out, max_skipped=4)
    assert not (out / 'annotations.json').exists()
    assert json.loads((out / 'report.json').read_text())['actions']['skipped'] == 5
    for row in truth.rows[5:-20]:
        shutil.rmtree(truth.root / row.folder)
    with pytest.raises(MERDataError) as error:
        run('samm', truth.root, out)
    assert '--max-skipped 139' in error.value.hint
    assert run('samm', truth.root, out, max_skipped=139).report['clips'] == 20


def test_running_again_does_only_what_changed(vis, fake_releases, tmp_path):
    out = tmp_path / 'out'
    receipts = out / '.prepare' / 'receipts'
    first = run('smic-vis', vis.root, out)
    before = times_below(receipts)
    again = run('smic-vis', vis.root, out)
    assert times_below(receipts) == before and again.rows == first.rows
    # A frame of one clip changes, a clip goes, and one is damaged in `out`.
    folder = vis.root / vis.rows[0].folder
    name = next(path for path in sorted(folder.iterdir()) if path.suffix == '.bmp')
    data = cv2.imencode('.bmp', np.full((6, 6, 3), 77, np.uint8))[1].tobytes()
    fake_releases.replace_file(name, data)
    damaged = out / 'frames' / first.rows[50]['frame_dir']
    next(damaged.iterdir()).unlink()
    (vis.root / vis.rows[1].folder).rename(tmp_path / 'gone')
    third = run('smic-vis', vis.root, out)
    assert len(third.rows) == len(first.rows) - 1
    after = times_below(receipts)
    assert sum(after[name] != before.get(name) for name in after) == 2
    assert len(list(damaged.iterdir())) > 4
    assert len(list((out / 'frames').glob('*/*'))) == len(third.rows)


def test_long_clips_of_a_release_are_listed_and_kept(vis, tmp_path):
    """SMIC-VIS at 25 Hz has clips that last longer than half a second."""
    row = vis.rows[0]
    folder = vis.root / row.folder
    last = max(folder.iterdir(), key=lambda path: (len(path.name), path.name))
    stem, number = last.stem[:-5], int(last.stem[-5:])
    held = len(list(folder.glob('*' + last.suffix)))
    for n in range(1, 15 - held):
        shutil.copy(last, folder / f'{stem}{number + n:05d}{last.suffix}')
    done = run('smic-vis', vis.root, tmp_path / 'out')
    assert len(done.rows) == len(vis.rows)
    (noted,) = (one for one in issues(done, 'noted') if 'longer' in one['reason'])
    assert noted['clip'] == f'{row.subject}/{row.clip}' and '0.52 s' in noted['reason']


def test_names_that_differ_in_case_only_are_one(fake_releases, tmp_path):
    truth = fake_releases.write_casme2(tmp_path / 'release', variant='mpt')
    row = next(row for row in truth.rows if row.clip == 'EP02_07')
    others = [one for one in truth.rows if one is not row]
    taken = next(one for one in others if one.subject == row.subject)
    fake_releases.break_cell(truth.sheet, row.line, 'Filename', 'ep02_07')
    done = run('casme2', truth.root, tmp_path / 'out')
    assert done.report['edition'] == 'with EP02_07' and not done.differences
    name = taken.clip.swapcase()
    fake_releases.break_cell(truth.sheet, row.line, 'Filename', name)
    done = run('casme2', truth.root, tmp_path / 'out')
    lost = {one['row']: one['reason'] for one in issues(done, 'skipped')}
    # Which of the two is right is not known.
    assert set(lost) == {row.line, taken.line} and len(done.rows) == 254
    assert f'row {taken.line}' in lost[row.line]


@pytest.mark.parametrize(
    ('release', 'options', 'field'),
    [
        ('generic', {'fps': -5.0}, '--fps'),
        ('generic', {'fps': float('nan')}, '--fps'),
        ('generic', {'crop': True, 'size': 0}, '--size'),
        ('generic', {'workers': 0}, '--workers'),
        ('generic', {'max_skipped': -1}, '--max-skipped'),
        ('casme2', {'fps': 25.0}, '--fps'),
    ],
)
def test_invalid_options_change_nothing(mini, tmp_path, release, options, field):
    with pytest.raises(MERDataError) as error:
        run(release, mini, tmp_path / 'out', **options)
    assert error.value.field == field
    assert not (tmp_path / 'out').exists()


def test_a_sheet_for_a_release_without_one_is_a_mistake(vis, tmp_path):
    with pytest.raises(MERDataError) as error:
        run('smic-vis', vis.root, tmp_path / 'out', sheet=tmp_path / 'x.xlsx')
    assert error.value.hint == 'leave out --sheet'


# The release and the files of the user are never touched.


@pytest.mark.parametrize('where', ['release/out', '.', 'release'])
def test_the_release_itself_is_never_written_to(mini, tmp_path, where):
    before = times_below(mini)
    with pytest.raises(MERDataError) as error:
        run('generic', mini, tmp_path / where)
    assert error.value.hint == 'choose another --out'
    assert times_below(mini) == before


def test_paths_and_links_stay_in_the_release(mini, tmp_path):
    """A path in a table leads nowhere else, nor does a link to a folder."""
    outside = tmp_path / 'outside'
    write_frames(outside, (1, 2, 3))
    (mini / 'p2' / 'c').symlink_to(outside)
    rows = ('s1,a,happy,p1/a,30', 's2,b,sad,p1/b,25', 's3,c,sad,../../etc,25')
    write_table(mini, *rows, 's4,d,sad,/etc,25', 's5,e,sad,p2/c,25')
    done = run('generic', mini, tmp_path / 'out', max_skipped=3)
    assert [row['fps'] for row in done.rows] == [30.0, 25.0]
    assert [one['row'] for one in issues(done, 'skipped')] == [4, 5, 6]
    metainfo = read_annotation(done.files[0])['metainfo']
    assert metainfo['classes'] == ['happiness', 'sadness']
    assert metainfo['dataset'] == 'out'


@pytest.mark.parametrize('linked', ['frames', 'frames/p1', '.prepare'])
def test_nothing_is_written_through_a_link(mini, tmp_path, linked):
    path = tmp_path / 'out' / linked
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(mini)
    before = times_below(mini)
    with pytest.raises(MERDataError) as error:
        run('generic', mini, tmp_path / 'out')
    assert error.value.path == str(path)
    assert before.items() <= times_below(mini).items()


@pytest.mark.parametrize(
    'name',
    ['frames/p1/a/mine.npy', 'annotations.json', 'report.md', 'sheets/clips_01.png'],
)
def test_a_folder_that_was_made_by_hand_is_rejected(mini, tmp_path, name):
    path = tmp_path / 'out' / name
    path.parent.mkdir(parents=True)
    path.write_text('mine')
    with pytest.raises(MERDataError, match='was not made here'):
        run('generic', mini, tmp_path / 'out')
    assert path.read_text() == 'mine'


def test_files_of_the_user_are_kept(mini, tmp_path):
    out = tmp_path / 'out'
    run('generic', mini, out)
    mine = [
        out / 'annotations_mine.json',
        out / 'frames' / 'p9' / 'other' / 'mine.npy',
        out / 'frames' / 'p1' / 'a' / '.DS_Store',
    ]
    mine[1].parent.mkdir(parents=True)
    for path in mine:
        path.write_text('mine')
    before = times_below(out / 'frames')
    run('generic', mini, out)
    assert times_below(out / 'frames') == before
    assert all(path.read_text() == 'mine' for path in mine)
    # A visible file in a clip that would be written again leaves it out.
    landmarks = out / 'frames' / 'p1' / 'a' / 'landmarks.csv'
    landmarks.write_text('mine')
    (out / 'frames' / 'p1' / 'a' / '2.png').unlink()
    done = run('generic', mini, out)
    assert landmarks.read_text() == 'mine' and len(done.rows) == 3
    assert 'landmarks.csv' in issues(done, 'skipped')[0]['reason']
    landmarks.unlink()
    assert len(run('generic', mini, out).rows) == 4


def test_another_release_into_the_same_folder_is_rejected(mini, tmp_path):
    """Two sets of the same reader do not share a folder either."""
    out = tmp_path / 'out'
    run('generic', mini, out)
    before = contents_below(out)
    shutil.copytree(mini, tmp_path / 'another')
    for reader, root in (('folders', mini), ('generic', tmp_path / 'another')):
        with pytest.raises(MERDataError, match=r'contains release .*, not') as error:
            run(reader, root, out, fps=30.0)
        assert error.value.path == str(out)
    assert contents_below(out) == before


def test_two_runs_at_once_are_rejected(mini, tmp_path):
    run('generic', mini, tmp_path / 'out')
    title = json.loads((tmp_path / 'out/.prepare/release.json').read_text())['release']
    with out_folder(tmp_path / 'out', title):
        with pytest.raises(MERDataError, match='another run'):
            run('generic', mini, tmp_path / 'out')
    run('generic', mini, tmp_path / 'out')


def test_out_is_a_file_or_cannot_be_written(mini, tmp_path):
    (tmp_path / 'file').write_text('x')
    for out in (tmp_path / 'file', tmp_path / 'file' / 'below', Path('/proc/none')):
        with pytest.raises(MERDataError, match='cannot be used: '):
            run('generic', mini, out)


# What an earlier run has prepared is kept.


def test_a_rerun_that_loses_clips_keeps_the_result_and_its_report(mini, tmp_path):
    """Such as a disk that is not mounted completely."""
    out = tmp_path / 'out'
    run('generic', mini, out)
    before = times_below(out)
    report = json.loads((out / 'report.json').read_text())
    shutil.copytree(mini, tmp_path / 'away')
    for path in (mini / 'p1').glob('*/*'):
        path.unlink()
    shutil.rmtree(mini / 'p2' / 'a')
    with pytest.raises(MERDataError, match='3 are left out') as error:
        run('generic', mini, out)
    assert str(out / 'report_failed.md') in error.value.hint
    after = times_below(out)
    changed = {str(name) for name in before if before[name] != after.get(name)}
    assert changed <= {'.prepare/release.json'}
    failed = json.loads((out / 'report_failed.json').read_text())
    assert failed['skipped'] > report['skipped']
    shutil.copytree(tmp_path / 'away', mini, dirs_exist_ok=True)
    run('generic', mini, out)
    assert json.loads((out / 'report.json').read_text()) == report
    assert not [*out.glob('report_failed.*')]


def test_clips_that_are_missing_for_a_while_are_kept(mini, tmp_path):
    out = tmp_path / 'out'
    run('generic', mini, out)
    (mini / 'p1' / 'a').rename(tmp_path / 'away')
    assert len(run('generic', mini, out).rows) == 3
    frames = times_below(out / 'frames')
    assert len(frames) == 24
    (tmp_path / 'away').rename(mini / 'p1' / 'a')
    assert len(run('generic', mini, out).rows) == 4
    assert times_below(out / 'frames') == frames


# Tables of any set.


def test_a_clip_is_found_for_its_own_subject_only(mini, tmp_path):
    shutil.rmtree(mini / 'p1' / 'a')
    write_table(mini, 'p1,a,happy,,30', 'p2,a,sad,,30', 'p2,b,happy,,30')
    done = run('generic', mini, tmp_path / 'out')
    assert [row['frame_dir'] for row in done.rows] == ['p2/a', 'p2/b']
    # Nor does the name of a clip alone match a folder of another subject.
    write_table(mini, 'p1,a,happy,,30', 'p2,b,sad,,30', 'p2,x,happy,p2/a,30')
    done = run('generic', mini, tmp_path / 'out')
    assert [row['frame_dir'] for row in done.rows] == ['p2/b', 'p2/x']


def test_one_folder_is_one_clip_of_one_subject(mini, tmp_path):
    write_table(mini, 's1,x,happy,p1/a,30', 's2,y,sad,p1/a,30', 's1,z,sad,p1/a,30')
    with pytest.raises(MERDataError, match='already'):
        run('generic', mini, tmp_path / 'out')
    report = json.loads((tmp_path / 'out' / 'report.json').read_text())
    skipped = [one for one in report['issues'] if one['action'] == 'skipped']
    assert [one['clip'] for one in skipped] == ['s2/y', 's1/z']
    assert all('row 2' in one['reason'] for one in skipped)


@pytest.mark.parametrize('other', ['P1', 'p01', 'p 1'])
def test_one_person_spelled_two_ways_is_rejected(mini, tmp_path, other):
    write_table(mini, 'p1,a,happy,p1/a,30', f'{other},b,sad,p1/b,30')
    with pytest.raises(MERDataError, match=r"'p1' \(row 2\) and .*one person") as error:
        run('generic', mini, tmp_path / 'out')
    assert error.value.field == 'subject'


def test_a_release_without_a_frame_rate_requires_it(mini, tmp_path):
    text = (mini / 'clips.csv').read_text()
    (mini / 'clips.csv').write_text(text.replace(',fps', '').replace(',30', ''))
    with pytest.raises(MERDataError, match='--fps'):
        run('generic', mini, tmp_path / 'out')
    done = run('generic', mini, tmp_path / 'out', fps=30.0)
    assert {row['fps'] for row in done.rows} == {30.0}


def test_classes_come_from_clips_that_can_be_used(mini, tmp_path):
    rows = ('p1,a,happy,,30', 'subject,clip,emotion,path,fps', 'p1,gone,hapy,,30')
    write_table(mini, *rows, 'p2,b,sad,,30')
    done = run('generic', mini, tmp_path / 'out')
    content = read_annotation(done.files[0])
    assert content['metainfo']['classes'] == ['happiness', 'sadness']


@pytest.mark.parametrize('path', ['.', 'p1', 'p1/a/1.png', ''])
def test_a_path_that_is_not_a_clip_leaves_the_row_out(mini, tmp_path, path):
    rows = (f'p1,nothing,happy,{path},30', 'p1,b,sad,,30', 'p2,a,happy,,30')
    write_table(mini, *rows)
    done = run('generic', mini, tmp_path / 'out')
    assert [one['clip'] for one in issues(done, 'skipped')] == ['p1/nothing']


def test_a_corrected_path_brings_other_frames(mini, tmp_path):
    """Files of the same names, sizes and times in another folder."""
    for number, clip in enumerate(('p1/a', 'p1/b')):
        for path in list((mini / clip).iterdir()):
            path.unlink()
        for n in (1, 2, 3):
            path = mini / clip / f'{n}.bmp'
            cv2.imwrite(str(path), np.full((6, 6, 3), 100 * number, np.uint8))
            os.utime(path, (1e9, 1e9))
    for order in (('p1/a', 'p1/b'), ('p1/b', 'p1/a')):
        write_table(mini, f's1,x,happy,{order[0]},30', f's1,y,sad,{order[1]},30')
        done = run('generic', mini, tmp_path / 'out')
        for row, path in zip(done.rows, order, strict=True):
            made = tmp_path / 'out' / 'frames' / row['frame_dir'] / '1.bmp'
            assert made.read_bytes() == (mini / path / '1.bmp').read_bytes()


def test_invalid_names_are_found_before_frames_are_read(mini, tmp_path):
    write_table(mini, 'p1,a,happy/proud,,30', 'p1,b,sad,,30', 'p2,a,happy,,30')
    for path in (mini / 'p2' / 'a').iterdir():
        path.rename(path.with_name(f' {path.name}'))
    with pytest.raises(MERDataError, match='one emotion') as error:
        run('generic', mini, tmp_path / 'out', max_skipped=9)
    assert 'report.md' in error.value.hint
    text = (tmp_path / 'out' / 'report.md').read_text()
    assert 'happy/proud' in text and 'filename_tmpl' in text
    assert not (tmp_path / 'out' / 'frames').exists()


def test_names_in_another_encoding(mini, tmp_path):
    """Folders as archives bring them, and a clip named like a temporary file."""
    strange = os.fsencode(mini) + b'/p1/\xd1\xf9'
    os.mkdir(strange)
    for name in (b'1.png', b'2.png'):
        shutil.copy(mini / 'p1' / 'a' / '1.png', os.path.join(strange, name))
    done = run('generic', mini, tmp_path / 'out')
    assert len(done.rows) == 4
    (noted,) = issues(done, 'noted')
    assert '\\udcd1' in noted['clip'] or 'xd1' in noted['clip']
    os.rename(mini / 'p1' / 'a', mini / 'p1' / '.b.partial2')
    text = (mini / 'clips.csv').read_text().replace('p1,a', 'p1,.b.partial')
    (mini / 'clips.csv').write_text(text)
    for row in run('generic', mini, tmp_path / 'out').rows:
        assert len(os.listdir(tmp_path / 'out' / 'frames' / row['frame_dir'])) == 6


def test_clips_of_unknown_subjects_are_for_pretraining_only(mini, tmp_path):
    for emotion in ('Happy', 'Sad'):
        for clip in 'ab':
            shutil.copytree(mini / 'p1' / 'a', tmp_path / 'tree' / emotion / clip)
    done = run('folders', tmp_path / 'tree', tmp_path / 'out', fps=30.0)
    assert read_annotation(done.files[0])['metainfo']['subjects_known'] is False
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
    with pytest.raises(MERRunError, match='pre-training'):
        make_plan(cfg)


# Frames.


LARGE = cv2.imencode('.png', np.zeros((20, 20, 3), np.uint8))[1].tobytes()


@pytest.mark.parametrize('data', [b'', b'junk', LARGE])
def test_frames_that_cannot_be_decoded_are_found_without_cropping(mini, tmp_path, data):
    (mini / 'p1' / 'a' / '3.png').write_bytes(data)
    done = run('generic', mini, tmp_path / 'out')
    assert len(done.rows) == 3
    (lost,) = issues(done, 'skipped')
    assert lost['clip'] == 'p1/a' and '3.png' in lost['reason']
    assert 'left out' in done.differences[-1]


def test_a_dead_link_is_a_missing_frame(mini, tmp_path):
    (mini / 'p1' / 'a' / '3.png').unlink()
    (mini / 'p1' / 'a' / '3.png').symlink_to(tmp_path / 'gone')
    done = run('generic', mini, tmp_path / 'out')
    assert len(done.rows) == 4
    assert any(one['clip'] == 'p1/a' for one in issues(done, 'noted'))


def test_links_fall_back_to_copies(mini, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(18, 'Invalid cross-device link')

    monkeypatch.setattr(os, 'link', fail)
    done = run('generic', mini, tmp_path / 'out')
    frame = tmp_path / 'out' / 'frames' / done.rows[0]['frame_dir'] / '1.png'
    assert frame.read_bytes() == (mini / 'p1/a/1.png').read_bytes()
    assert frame.stat().st_nlink == 1


def test_endings_that_differ_within_a_clip_are_one_clip(mini, tmp_path):
    """``.png`` beside ``.PNG`` or ``.bmp``."""
    for n in (2, 4):
        (mini / 'p1' / 'a' / f'{n}.png').rename(mini / 'p1' / 'a' / f'{n}.PNG')
        image = cv2.imread(str(mini / 'p1' / 'b' / f'{n}.png'))
        (mini / 'p1' / 'b' / f'{n}.png').unlink()
        cv2.imwrite(str(mini / 'p1' / 'b' / f'{n}.bmp'), image)
    done = run('generic', mini, tmp_path / 'out')
    assert done.report['clips'] == 4 and done.report['issues'] == []
    usable = usable_clips(done.rows, str(tmp_path / 'out' / 'frames'))
    assert usable.notes == []
    for number, row in enumerate(usable.rows[:2]):
        levels = [int(image.mean()) for image in load_clip(row)['imgs']]
        assert levels == [10 * number + n for n in range(1, 7)]


def test_images_of_twelve_bits_are_linked_and_reported(mini, tmp_path):
    for path in (mini / 'p1' / 'b').iterdir():
        image = cv2.imread(str(path)).astype(np.uint16)
        path.unlink()
        cv2.imwrite(str(path), 200 * image)
    done = run('generic', mini, tmp_path / 'out')
    (noted,) = done.report['issues']
    assert '4095 (12 bits) is white' in noted['reason'] and noted['clip'] == 'p1/b'
    levels = [int(image.mean()) for image in load_all(tmp_path / 'out')[1]]
    assert levels == [200 * (10 + n) // 16 for n in range(1, 7)]
    # A run that finds all of it done reports it again.
    assert run('generic', mini, tmp_path / 'out').report == done.report


def test_clips_that_the_motion_filter_cannot_use_are_left_out(mini, tmp_path):
    """Five steps at 0.2 Hz last 25 s, at 2 Hz 2.5 s: 16 frames at 0.6 and 6 Hz."""
    text = (mini / 'clips.csv').read_text()
    text = text.replace('p1,a,happy,30', 'p1,a,happy,0.2')
    (mini / 'clips.csv').write_text(text.replace('p1,b,sad,30', 'p1,b,sad,2'))
    done = run('generic', mini, tmp_path / 'out')
    assert [row['clip'] for row in done.rows] == ['b', 'a', 'b']
    (lost,), (noted,) = issues(done, 'skipped'), issues(done, 'noted')
    assert (lost['row'], lost['clip'], lost['field']) == (2, 'p1/a', 'offset')
    assert 'lasts 25.00 s (frames 1 to 6 at 0.2 Hz)' in lost['reason']
    assert noted['clip'] == 'p1/b' and '2.97 Hz' in noted['reason']
    # Clips of which short pieces are drawn may be of any length.
    for limits in (None, ClipLimits(low=0.1)):
        done = run('generic', mini, tmp_path / f'{limits is None}', limits=limits)
        assert len(done.rows) == 4
