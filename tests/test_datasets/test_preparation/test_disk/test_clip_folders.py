"""Every folder of a release is a clip or a finding, and says what it is."""

import os
import shutil
from dataclasses import dataclass

import pytest

from mmaction_mer.datasets.preparation.disk.copies import unmarked
from mmaction_mer.datasets.preparation.disk.walk import Place, walk
from mmaction_mer.datasets.preparation.issues import Reading, drop_repeated
from mmaction_mer.datasets.preparation.labels import LABEL_MAPS
from mmaction_mer.datasets.preparation.prepare import Options, prepare
from mmaction_mer.datasets.preparation.readers import READERS
from mmaction_mer.datasets.preparation.readers.reader import Source
from mmaction_mer.datasets.preparation.reconcile import settle
from mmaction_mer.datasets.preparation.report import compare
from mmaction_mer.utils.errors import MERDataError

LINK = Options(crop=False, progress=False)


def run(reader, root, out, options=LINK):
    return prepare(READERS[reader], Source(root), out, options)


@dataclass
class Seen:
    """What the clips of a release are before a frame is read."""

    reading: Reading
    clips: list
    findings: list
    labels: dict

    def said(self, action):
        return [(f.clip, f.reason) for f in self.findings if f.action == action]


def look(reader, root):
    reading = READERS[reader].read(Source(root))
    drop_repeated(reading)
    settled, found, _ = settle(reading.clips)
    clips = [one.clip for one in settled]
    findings = [*reading.findings, *found]
    read = [*reading.clips, *reading.lost]
    labels = compare(LABEL_MAPS['smic-vis'][0], '', read, clips, findings)
    return Seen(reading, clips, findings, labels)


@pytest.fixture
def vis(fake_releases, tmp_path):
    """SMIC-VIS: 71 clips of 8 subjects, and the folders of its clips."""
    truth = fake_releases.write_smic(tmp_path / 'smic', kind='VIS')
    return truth, [truth.root / row.folder for row in truth.rows]


def empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def papers(folder):
    empty(folder)
    (folder / 'notes.txt').write_text('frames follow')


def thumbnails(folder):
    names = sorted(os.listdir(folder))
    (folder / '@eaDir').mkdir()
    for name in names:
        os.replace(folder / name, folder / '@eaDir' / name)


def link(folder):
    elsewhere = folder.parents[6] / folder.name
    shutil.move(folder, elsewhere)
    folder.symlink_to(elsewhere)


def dead_link(folder):
    shutil.rmtree(folder)
    folder.symlink_to(folder.parents[6] / 'gone')


def dead_pictures(folder):
    for name in os.listdir(folder):
        (folder / name).unlink()
        (folder / name).symlink_to(folder.parents[6] / 'gone' / name)


def archive(folder):
    shutil.make_archive(str(folder), 'zip', folder)
    shutil.rmtree(folder)


def rar(folder):
    shutil.rmtree(folder)
    folder.with_name(f'{folder.name}.rar').write_bytes(b'Rar!')


def shortcut(folder):
    shutil.rmtree(folder)
    folder.with_name(f'{folder.name}.lnk').write_bytes(b'L\0\0\0')


def backslashes(folder):
    for name in os.listdir(folder):
        os.replace(folder / name, folder.with_name(f'{folder.name}\\{name}'))
    folder.rmdir()


BROKEN = {
    empty: 'is an empty folder',
    papers: "holds no picture and no video (1 file(s): '.txt')",
    thumbnails: 'is an empty folder',
    link: 'links to folders are not followed',
    dead_link: 'which is not there',
    dead_pictures: 'to pictures that are not there',
    archive: 'is an archive: unpack it',
    rar: 'is an archive: unpack it',
    shortcut: 'is a shortcut of Windows',
    backslashes: 'files with backslashes in their names',
}


@pytest.mark.parametrize('spoil', BROKEN, ids=lambda one: one.__name__)
def test_a_folder_of_smic_without_a_clip_is_a_finding(vis, spoil):
    """Whatever stands in a clip's place: 69 of 71 clips, and each of the two is named.

    Empty folders, folders without pictures, links, links to nothing, archives and
    files with backslashes in their names.
    """
    truth, folders = vis
    for folder in folders[3:70:50]:
        spoil(folder)
    done = look('smic-vis', truth.root)
    assert len(done.clips) == 69
    assert done.reading.rows == 71
    lost = done.said('skipped')
    assert [name for name, _ in lost] == [
        f'{row.subject}/{row.clip}' for row in truth.rows[3:70:50]
    ]
    assert all(BROKEN[spoil] in reason for _, reason in lost)
    assert done.labels['differences'] == ['clips: 69, expected 71']
    assert len(done.labels['lost']) == 2 and not done.labels['unexplained']


def test_a_folder_that_cannot_be_read_is_a_finding(vis, monkeypatch):
    """Permissions and broken disks: the clip is named with the system's reason."""
    truth, folders = vis
    scandir = os.scandir

    def refuse(path):
        if str(path) == str(folders[5]):
            raise PermissionError(13, 'Permission denied', str(path))
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', refuse)
    done = look('smic-vis', truth.root)
    row = truth.rows[5]
    ((name, reason),) = done.said('skipped')
    assert len(done.clips) == 70
    assert name == f'{row.subject}/{row.clip}'
    assert 'cannot be read: Permission denied' in reason


@pytest.mark.parametrize('what', ['dead link', 'archive', 'unreadable'])
def test_a_subject_that_is_lost_is_a_finding(vis, tmp_path, monkeypatch, what):
    """A subject's folder that is a link to nothing, an archive, or not readable."""
    truth, folders = vis
    subject = folders[0].parents[2]
    clips = sum(subject in folder.parents for folder in folders)
    if what == 'dead link':
        shutil.rmtree(subject)
        subject.symlink_to(tmp_path / 'gone')
    elif what == 'archive':
        archive(subject)
    else:
        scandir = os.scandir

        def refuse(path):
            if str(path) == str(subject):
                raise PermissionError(13, 'Permission denied', str(path))
            return scandir(path)

        monkeypatch.setattr(os, 'scandir', refuse)
    done = look('smic-vis', truth.root)
    assert len(done.clips) == 71 - clips
    ((name, _),) = done.said('skipped')
    assert name == f'SMIC_all_cropped/VIS/{subject.name}'
    assert done.labels['differences'] == [
        f'clips: {71 - clips}, expected 71',
        'subjects: 7, expected 8',
    ]


def copy_as(name):
    def copy(folder):
        shutil.copytree(folder, folder.with_name(name.format(folder.name)))

    copy.__name__ = name
    return copy


def copy_emotion(folder):
    copy_as('{} - Copy')(folder.parent)


def copy_subject(folder):
    copy_as('{} (1)')(folder.parents[2])


def copy_camera(folder):
    copy_as('{}_backup')(folder.parents[3])


COPIES = [
    *map(copy_as, (
        '{} - Copy', '{} - Copy (2)', '{} (1)', '{}_backup', 'Copy of {}', '{}_old',
        '{}.bak', '{} copy 2', '{} - Kopie', '{} - 副本', '{}~', 's90_ne_99',
    )),
    copy_emotion, copy_subject, copy_camera,
]  # fmt: skip


@pytest.mark.parametrize('copy', COPIES, ids=lambda one: one.__name__)
def test_a_copy_is_no_clip_of_smic(vis, copy):
    """A copied clip, emotion, subject or camera: 71 clips, and the copy is named."""
    truth, folders = vis
    copy(folders[10])
    done = look('smic-vis', truth.root)
    assert len(done.clips) == 71 and done.reading.rows == 71
    ((_, reason),) = done.said('noted')
    assert 'a copy of' in reason and 'left alone' in reason
    assert not done.said('skipped')
    assert done.labels['differences'] == []


def test_a_copy_with_other_frames_is_not_passed_over(vis):
    """It may be a clip of its own: it is left out, and that is counted."""
    truth, folders = vis
    other = folders[10].with_name(f'{folders[10].name} (1)')
    shutil.copytree(folders[11], other)
    done = look('smic-vis', truth.root)
    assert len(done.clips) == 71
    ((name, reason),) = done.said('skipped')
    assert name.endswith(' (1)') and 'but holds other files' in reason
    # The only clip of its name is a clip, however it is called.
    shutil.rmtree(folders[10])
    done = look('smic-vis', truth.root)
    assert len(done.clips) == 70


def test_the_same_frames_under_two_emotions_are_neither(vis):
    """Which emotion is right cannot be known."""
    truth, folders = vis
    folder = next(one for one in folders if one.parent.name == 'negative')
    other = folder.parents[1] / 'surprise' / 'another'
    shutil.copytree(folder, other)
    done = look('smic-vis', truth.root)
    assert len(done.clips) == 70
    assert len(done.said('skipped')) == 2
    assert all('which one is right?' in reason for _, reason in done.said('skipped'))


SYSTEM = (
    '@eaDir', '#recycle', '$RECYCLE.BIN', '.Trash-1000', '__MACOSX', 'lost+found',
    'System Volume Information', '@Recycle', '.thumbnails',
)  # fmt: skip


def test_folders_of_the_system_are_no_clips(fake_releases, tmp_path):
    """Thumbnails of a network drive, recycle bins and the like, at every level.

    They are left alone without a word, for releases with a table and without one.
    """
    smic = fake_releases.write_smic(tmp_path / 'smic', kind='VIS')
    samm = fake_releases.write_samm(tmp_path / 'samm')
    for truth, reader, clips in ((smic, 'smic-vis', 71), (samm, 'samm', 159)):
        clip = truth.root / truth.rows[0].folder
        shutil.copytree(clip, tmp_path / 'clip', dirs_exist_ok=True)
        for name in SYSTEM:
            for folder in (truth.root, clip.parents[1], clip.parent, clip):
                shutil.copytree(tmp_path / 'clip', folder / name / clip.name)
        (clip.parent / f'._{clip.name}').touch()
        reading = READERS[reader].read(Source(truth.root))
        assert len(reading.clips) == clips
        assert [one for one in reading.findings if one.row is None] == []


def test_sheets_and_labels_of_the_system_are_none(fake_releases, tmp_path):
    """Deleted sheets in a recycle bin, and the doubles that macOS makes of labels."""
    truth = fake_releases.write_samm(tmp_path / 'samm')
    for name in ('#recycle', '@eaDir', '$RECYCLE.BIN', '__MACOSX', '.Trash-0'):
        (truth.root / name).mkdir()
        shutil.copy(truth.sheet, truth.root / name)
    assert READERS['samm'].read(Source(truth.root)).rows == 159
    truth = fake_releases.write_ckplus(tmp_path / 'ck')
    before = READERS['ckplus'].read(Source(truth.root)).clips
    for path in sorted(truth.root.rglob('*_emotion.txt')):
        path.with_name(f'._{path.name}').write_bytes(b'\0\5\x16\7')
    reading = READERS['ckplus'].read(Source(truth.root))
    assert reading.clips == before and len(before) == 593
    assert reading.findings == []


SHEETS = {
    'casme2': ('write_casme2', 255), 'samm': ('write_samm', 159),
    '4dme': ('write_4dme', 267), 'generic': ('write_generic', 40),
    'smic-long': ('write_smic', 164),
}  # fmt: skip


@pytest.mark.parametrize('reader', SHEETS)
def test_a_row_says_what_stands_in_its_clips_place(fake_releases, tmp_path, reader):
    """Empty, unreadable, linked and archived are told from missing, in every reader."""
    writer, clips = SHEETS[reader]
    options = {'form': 'long'} if reader == 'smic-long' else {}
    truth = getattr(fake_releases, writer)(
        tmp_path / 'a' / 'b' / 'c' / 'd' / 'e', **options
    )
    rows = [
        row
        for row in truth.rows
        if row.outcome == 'kept' and sum(r.folder == row.folder for r in truth.rows) < 2
    ]
    wanted = {}
    for row, spoil in zip(rows[::7], (empty, link, dead_link, archive), strict=False):
        spoil(truth.root / row.folder)
        wanted[row.line] = BROKEN[spoil]
    shutil.rmtree(truth.root / rows[30].folder)
    wanted[rows[30].line] = 'not on disk'
    reading = READERS[reader].read(Source(truth.root))
    assert len(reading.clips) == clips
    settled, findings, _ = settle(reading.clips)
    reasons = {
        one.row: one.reason
        for one in findings
        if one.field == 'frames' and one.action == 'skipped'
    }
    for line, reason in wanted.items():
        assert reason in reasons[line]
    assert not {one.clip.row for one in settled} & wanted.keys()


def test_a_row_finds_what_stands_in_its_clips_place_by_another_spelling(
    fake_releases, tmp_path
):
    """The sheet says S1 or S01, the folder of the person is 001, a clip's is empty."""
    truth = fake_releases.write_4dme(tmp_path / '4dme')
    first = next(row for row in truth.rows if row.subject == 'S03')
    for folder in sorted((truth.root / 'gray_micro').iterdir()):
        folder.rename(folder.with_name(f'{int(folder.name[1:]):03}'))
    empty(truth.root / 'gray_micro' / '003' / first.clip)
    reading = READERS['4dme'].read(Source(truth.root))
    clips = {clip.row: clip for clip in reading.clips}
    assert BROKEN[empty] in clips[first.line].why_not
    lost = [clip.row for clip in reading.clips if clip.path is None]
    assert lost == [first.line] and len(reading.clips) == len(truth.rows)
    assert not [one for one in reading.findings if 'without a row' in one.reason]


def test_a_row_names_the_archive_of_its_subject(fake_releases, tmp_path):
    """A subject that was not unpacked, or is a link, is named in each of its rows."""
    truth = fake_releases.write_casme2(tmp_path / 'casme2')
    folders = {(truth.root / row.folder).parent for row in truth.rows}
    first, second = sorted(folders)[:2]
    archive(first)
    link_to = tmp_path / second.name
    shutil.move(second, link_to)
    second.symlink_to(link_to)
    reading = READERS['casme2'].read(Source(truth.root))
    for clip in reading.clips:
        if clip.subject == 'sub01':
            assert 'sub01.zip is an archive' in clip.why_not
        elif clip.subject == 'sub02':
            assert 'sub02 is a link' in clip.why_not
        else:
            assert clip.path and not clip.why_not
    notes = {one.clip for one in reading.findings if one.field == 'frames'}
    assert notes == {'Cropped/sub01', 'Cropped/sub02'}


def test_an_empty_clip_is_not_replaced_by_another_spelling(fake_releases, tmp_path):
    """An empty folder of that very name is the clip's, though one alike has frames."""
    truth = fake_releases.write_casme2(tmp_path)
    row = truth.rows[0]
    reading = READERS['casme2'].read(Source(truth.root))
    (clip,) = [one for one in reading.clips if one.row == row.line]
    assert '0' in clip.path.name
    clip.path.rename(clip.path.with_name(clip.path.name.replace('P0', 'P')))
    clip.path.mkdir()
    (now,) = [
        one
        for one in READERS['casme2'].read(Source(truth.root)).clips
        if one.row == row.line
    ]
    assert now.path is None and now.why_not.endswith('is an empty folder')


def test_labelled_folders_of_any_set(fake_releases, tmp_path):
    """Copies, empty folders and archives where folders are the labels."""
    root = tmp_path / 'set'
    for person in ('p1', 'p2'):
        for emotion in ('happy', 'sad'):
            truth = fake_releases.write_smic(tmp_path / 'x', kind='VIS')
            shutil.copytree(
                truth.root / truth.rows[0].folder, root / person / emotion / '01'
            )
    empty(root / 'p2' / 'sad' / '01')
    (root / 'p2' / 'happy' / '02.zip').write_bytes(b'PK')
    shutil.copytree(root / 'p1', root / 'p1 - Copy')
    reading = READERS['folders'].read(Source(root))
    assert [clip.title for clip in reading.clips] == [
        'p1/p1_happy_01', 'p1/p1_sad_01', 'p2/p2_happy_01',
    ]  # fmt: skip
    assert {(one.clip, one.action) for one in reading.findings} == {
        ('p1 - Copy', 'noted'),
        ('p2/p2_sad_01', 'skipped'),
        ('p2/p2_happy_02', 'skipped'),
    }


def test_both_cameras_are_compared_with_a_complete_release(fake_releases, tmp_path):
    """VIS and NIR have 71 clips of 8 subjects each."""
    for camera in ('VIS', 'NIR'):
        (labels,) = LABEL_MAPS[f'smic-{camera.lower()}']
        assert [(one.total, one.subjects) for one in labels.expected] == [(71, 8)]
        truth = fake_releases.write_smic(tmp_path / camera, kind=camera)
        reader = f'smic-{camera.lower()}'
        done = run(reader, truth.root, tmp_path / f'out{camera}')
        assert done.differences == []
        assert '| all | 71 | 71 |' in (tmp_path / f'out{camera}/report.md').read_text()


def test_several_trees_are_offered_by_name(fake_releases, tmp_path):
    """Cropped, raw and videos below one folder: the choice, with the clips of each."""
    truth = fake_releases.write_casme2(tmp_path / 'CASME2')
    fake_releases.write_casme2(tmp_path / 'CASME2', cropped=False)
    for row in truth.rows[:9]:
        video = truth.root / 'videos' / row.subject / f'{row.clip}.avi'
        video.parent.mkdir(parents=True, exist_ok=True)
        video.touch()
    with pytest.raises(MERDataError) as error:
        READERS['casme2'].read(Source(truth.root))
    text = str(error.value)
    assert f'--root "{truth.root}/Cropped" (255 clips)' in text
    assert f'--root "{truth.root}/CASME2_RAW_selected" (255 clips)' in text
    assert f'--root "{truth.root}/videos" (9 clips)' in text
    assert len(READERS['casme2'].read(Source(truth.root / 'Cropped')).clips) == 255


def test_trees_of_smic_are_offered_by_name(fake_releases, tmp_path):
    """Cropped and raw pictures of one camera."""
    fake_releases.write_smic(tmp_path, kind='VIS')
    fake_releases.write_smic(tmp_path, kind='VIS', cropped=False)
    with pytest.raises(MERDataError) as error:
        READERS['smic-vis'].read(Source(tmp_path))
    for tree in ('SMIC_all_cropped', 'SMIC_all_raw'):
        assert f'--root "{tmp_path}/{tree}" (71 clips)' in str(error.value)


def test_two_folders_of_one_person_are_no_choice(vis):
    """To give one of them as the release would lose everybody else."""
    truth, folders = vis
    subject = folders[0].parents[2]
    shutil.copytree(subject, subject.with_name(subject.name.replace('s', 's0')))
    with pytest.raises(MERDataError, match='or move the other one away') as error:
        READERS['smic-vis'].read(Source(truth.root))
    assert '--root "' not in str(error.value)


def test_a_clip_that_lies_a_folder_too_deep(fake_releases, tmp_path):
    """An archive that was unpacked into a folder of its own name."""
    truth = fake_releases.write_casme2(tmp_path)
    folder = truth.root / truth.rows[0].folder
    shutil.move(folder, tmp_path / 'x')
    shutil.move(tmp_path / 'x', folder / folder.name)
    reading = READERS['casme2'].read(Source(truth.root))
    (lost,) = [clip for clip in reading.clips if clip.path is None]
    assert lost.why_not == (
        f'not on disk where it should: {folder / folder.name} lies too deep'
    )


def test_a_release_that_is_zipped_is_called_so(fake_releases, tmp_path):
    """The archive itself as --root, and a folder of archives, with a sheet or not."""
    for reader, writer in (('casme2', 'write_casme2'), ('smic', 'write_smic')):
        truth = getattr(fake_releases, writer)(tmp_path / reader)
        packed = tmp_path / f'{reader}_packed'
        packed.mkdir()
        for path in list(truth.root.iterdir()):
            if path.is_dir():
                shutil.make_archive(str(packed / path.name), 'zip', path)
            else:
                shutil.move(path, packed / path.name)
        for where in (packed, next(packed.glob('*.zip'))):
            with pytest.raises(MERDataError, match=r'\.zip.*: unpack it'):
                run(reader, where, tmp_path / 'out')
        if truth.sheet:
            (packed / truth.sheet.name).unlink()
            with pytest.raises(MERDataError, match=r'\.zip.*: unpack it'):
                run(reader, packed, tmp_path / 'out')


def test_file_names_with_backslashes_are_explained(fake_releases, tmp_path):
    """An archive of Windows that was unpacked without its folders."""
    truth = fake_releases.write_casme2(tmp_path / 'casme2')
    for path in sorted(truth.root.rglob('*.jpg')):
        flat = '\\'.join(path.relative_to(truth.root).parts)
        os.replace(path, truth.root / flat)
    shutil.rmtree(truth.root / 'Cropped')
    with pytest.raises(MERDataError) as error:
        READERS['casme2'].read(Source(truth.root))
    text = str(error.value)
    assert 'backslashes in their names' in text and 'unzip' in text
    # Where folders have such names, they are the folders that are meant.
    again = fake_releases.write_casme2(tmp_path / 'again')
    for folder in sorted((again.root / 'Cropped').iterdir()):
        for clip in sorted(folder.iterdir()):
            clip.rename(again.root / f'Cropped\\{folder.name}\\{clip.name}')
    shutil.rmtree(again.root / 'Cropped')
    assert all(clip.path for clip in READERS['casme2'].read(Source(again.root)).clips)


def test_a_backslash_in_the_root_is_nobodys(fake_releases, tmp_path):
    """A file that is named as of a folder without a name stands in no clip's place."""
    truth = fake_releases.write_casme2(tmp_path / 'casme2')
    row = next(row for row in truth.rows if row.outcome == 'kept')
    picture = next((truth.root / row.folder).iterdir())
    shutil.copy(picture, truth.root / f'\\1{picture.suffix}')
    shutil.rmtree(truth.root / row.folder)
    reading = READERS['casme2'].read(Source(truth.root))
    clip = next(clip for clip in reading.clips if clip.row == row.line)
    assert clip.path is None and clip.why_not == 'not on disk'


def test_a_partial_download_names_the_option(fake_releases, tmp_path):
    """Too few clips: the message says which option lets the rest be prepared."""
    truth = fake_releases.write_casme2(tmp_path / 'casme2')
    for row in truth.rows[20:]:
        shutil.rmtree(truth.root / row.folder)
    with pytest.raises(MERDataError, match='--max-skipped 235'):
        run('casme2', truth.root, tmp_path / 'out')
    options = Options(crop=False, progress=False, max_skipped=235)
    assert run('casme2', truth.root, tmp_path / 'out', options).report['clips'] == 20


def test_pictures_where_no_clip_lies_are_one_note(fake_releases, tmp_path):
    """Folders of pictures that belong to no row, and to no place of the release."""
    truth = fake_releases.write_samm(tmp_path)
    clip = truth.root / truth.rows[0].folder
    for name in ('extra', 'faces'):
        shutil.copytree(clip, truth.root / name)
    findings = READERS['samm'].read(Source(truth.root)).findings
    (note,) = [one for one in findings if one.field == 'frames']
    assert note.action == 'noted'
    assert note.reason.startswith('2 folder(s) of pictures or video(s) lie where no')


def test_names_of_copies():
    assert [unmarked(name) for name in ('gold', 's1_ne_01', '01', 'copy', '1 2')] == [
        'gold', 's1_ne_01', '01', 'copy', '1 2',
    ]  # fmt: skip
    for name in ('a (1)', 'a(1)', 'a - Copy (12)', 'copy of a', 'a_bak2'):
        assert unmarked(name) == 'a'


def test_a_walk_goes_in_order_and_not_through_links(tmp_path):
    for name in ('b', 'a', 'c'):
        (tmp_path / name / 'x').mkdir(parents=True)
        (tmp_path / name / 'x' / '1.png').touch()
    (tmp_path / 'a' / 'loop').symlink_to(tmp_path)
    found = list(walk(tmp_path))
    assert [one.parts for one in found if isinstance(one, Place)] == [
        ('a', 'x'), ('b', 'x'), ('c', 'x'),
    ]  # fmt: skip
    assert [one.parts for one in found if not isinstance(one, Place)] == [('a', 'loop')]
