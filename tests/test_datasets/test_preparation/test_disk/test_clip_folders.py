"""Every folder of a release is a clip or an issue with a reason."""

import os
import shutil

import pytest
from preparing import parse, run

from mmaction_mer.datasets.preparation.disk.copies import strip_copy_marker
from mmaction_mer.datasets.preparation.disk.scan import ClipEntry, scan_release
from mmaction_mer.datasets.preparation.labels import LABEL_MAPS
from mmaction_mer.datasets.preparation.readers import READERS
from mmaction_mer.datasets.preparation.readers.reader import Source
from mmaction_mer.datasets.preparation.reconcile import reconcile_clips
from mmaction_mer.utils.errors import MERDataError

VIS = LABEL_MAPS['smic-vis'][0]


@pytest.fixture
def vis(fake_releases, tmp_path):
    """SMIC-VIS: 71 clips of 8 subjects, and the folders of its clips."""
    truth = fake_releases.write_smic(tmp_path / 'smic', kind='VIS')
    return truth, [truth.root / row.folder for row in truth.rows]


@pytest.fixture
def unreadable(monkeypatch):
    """Make a folder unreadable, as permissions and broken disks do."""
    scandir = os.scandir

    def make(folder):
        def fail(path):
            if str(path) == str(folder):
                raise PermissionError(13, 'Permission denied', str(path))
            return scandir(path)

        monkeypatch.setattr(os, 'scandir', fail)

    return make


def read(reader, root):
    return READERS[reader].read(Source(root))


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


def dead_images(folder):
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
    papers: "contains neither images nor a video (1 file(s): '.txt')",
    thumbnails: 'is an empty folder',
    link: 'links to folders are not followed',
    dead_link: 'which does not exist',
    dead_images: 'to images that do not exist',
    archive: 'is an archive: unpack it',
    rar: 'is an archive: unpack it',
    shortcut: 'is a shortcut of Windows',
    backslashes: 'files with backslashes in their names',
}


def test_a_folder_of_smic_without_a_clip_is_an_issue(vis, unreadable):
    truth, folders = vis
    rows = truth.rows[3::6][: len(BROKEN) + 1]
    for row, break_folder in zip(rows, BROKEN, strict=False):
        break_folder(truth.root / row.folder)
    unreadable(truth.root / rows[-1].folder)
    done = parse('smic-vis', truth.root)
    lost = dict(done.reasons('skipped'))
    wanted = [*BROKEN.values(), 'cannot be read: Permission denied']
    for row, reason in zip(rows, wanted, strict=True):
        assert reason in lost.pop(f'{row.subject}/{row.clip}')
    assert not lost
    assert len(done.clips) == 60 and done.release.rows == 71
    labels = done.compare(VIS)
    assert labels['differences'] == ['clips: 60, expected 71']
    assert len(labels['lost']) == 11 and not labels['unexplained']


@pytest.mark.parametrize('what', [dead_link, archive, None])
def test_a_lost_subject_is_an_issue(vis, unreadable, what):
    """The folder is a link to nothing, an archive, or not readable."""
    truth, folders = vis
    subject = folders[0].parents[2]
    clips = sum(subject in folder.parents for folder in folders)
    (what or unreadable)(subject)
    done = parse('smic-vis', truth.root)
    assert len(done.clips) == 71 - clips
    ((name, _),) = done.reasons('skipped')
    assert name == f'SMIC_all_cropped/VIS/{subject.name}'
    assert done.compare(VIS)['differences'] == [
        f'clips: {71 - clips}, expected 71',
        'subjects: 7, expected 8',
    ]


NAMES = (
    '{} - Copy', '{} - Copy (2)', '{} (1)', '{}_backup', 'Copy of {}', '{}_old',
    '{}.bak', '{} copy 2', '{} - Kopie', '{} - 副本', '{}~', 's90_ne_99',
)  # fmt: skip


@pytest.mark.parametrize(
    ('level', 'names'), [(0, NAMES), (1, NAMES[:1]), (3, NAMES[2:3]), (4, NAMES[3:4])]
)
def test_a_copy_is_not_a_clip_of_smic(vis, level, names):
    """A copied clip, emotion, subject or camera: 71 clips, and the copy is reported."""
    truth, folders = vis
    for folder, name in zip(folders[3::5], names, strict=False):
        folder = (folder, *folder.parents)[level]
        shutil.copytree(folder, folder.with_name(name.format(folder.name)))
    done = parse('smic-vis', truth.root)
    assert len(done.clips) == 71 and done.release.rows == 71
    noted = done.reasons('noted')
    assert len(noted) == len(names)
    assert all('copy' in reason and 'left out' in reason for _, reason in noted)
    assert not done.reasons('skipped')
    assert done.compare(VIS)['differences'] == []


def test_a_copy_with_other_frames_is_reported_as_lost(vis):
    """It may be a clip of its own."""
    truth, folders = vis
    other = folders[10].with_name(f'{folders[10].name} (1)')
    shutil.copytree(folders[11], other)
    done = parse('smic-vis', truth.root)
    assert len(done.clips) == 71
    ((name, reason),) = done.reasons('skipped')
    assert name.endswith(' (1)') and 'but contains other files' in reason
    # Without the original, it is the clip, whatever its name.
    shutil.rmtree(folders[10])
    assert len(parse('smic-vis', truth.root).clips) == 70


def test_the_same_frames_under_two_emotions_are_neither(vis):
    truth, folders = vis
    folder = next(one for one in folders if one.parent.name == 'negative')
    shutil.copytree(folder, folder.parents[1] / 'surprise' / 'another')
    done = parse('smic-vis', truth.root)
    assert len(done.clips) == 70
    assert len(done.reasons('skipped')) == 2
    assert all('another emotion' in reason for _, reason in done.reasons('skipped'))


def test_a_misspelled_emotion_is_reported(vis, fake_releases, tmp_path):
    truth, folders = vis
    emotion = folders[0].parent
    emotion.rename(emotion.with_name('negativ'))
    done = parse('smic-vis', truth.root)
    skipped = done.reasons('skipped')
    assert len(done.clips) + len(skipped) == 71
    assert skipped and all('negativ/' in name for name, _ in skipped)
    mmew = fake_releases.write_mmew(tmp_path / 'mmew', kind='macro')
    emotion = (mmew.root / mmew.rows[0].folder).parent
    emotion.rename(emotion.with_name('happines'))
    done = parse('mmew-macro', mmew.root)
    assert len(done.clips) < 900 == len(done.clips) + len(done.reasons('skipped'))


SYSTEM = (
    '@eaDir', '#recycle', '$RECYCLE.BIN', '.Trash-1000', '__MACOSX', 'lost+found',
    'System Volume Information', '@Recycle', '.thumbnails',
)  # fmt: skip


def test_folders_of_the_system_are_ignored(fake_releases, tmp_path):
    """Thumbnails, recycle bins and the like, at every level, and sheets in them."""
    smic = fake_releases.write_smic(tmp_path / 'smic', kind='VIS')
    samm = fake_releases.write_samm(tmp_path / 'samm')
    for truth, reader, clips in ((smic, 'smic-vis', 71), (samm, 'samm', 159)):
        clip = truth.root / truth.rows[0].folder
        shutil.copytree(clip, tmp_path / 'clip', dirs_exist_ok=True)
        for name in SYSTEM:
            for folder in (truth.root, clip.parents[1], clip.parent, clip):
                shutil.copytree(tmp_path / 'clip', folder / name / clip.name)
            if truth.sheet:
                shutil.copy(truth.sheet, truth.root / name)
        (clip.parent / f'._{clip.name}').touch()
        release = read(reader, truth.root)
        assert len(release.clips) == clips
        assert [one for one in release.issues if one.row is None] == []


SHEETS = {
    'casme2': ('write_casme2', 255), 'samm': ('write_samm', 159),
    '4dme': ('write_4dme', 267), 'generic': ('write_generic', 40),
    'smic-long': ('write_smic', 164),
}  # fmt: skip


@pytest.mark.parametrize('reader', SHEETS)
def test_a_row_tells_what_is_in_the_place_of_its_clip(fake_releases, tmp_path, reader):
    writer, clips = SHEETS[reader]
    options = {'form': 'long'} if reader == 'smic-long' else {}
    root = tmp_path / 'a' / 'b' / 'c' / 'd' / 'e'
    truth = getattr(fake_releases, writer)(root, **options)
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
    release = read(reader, truth.root)
    assert len(release.clips) == clips
    found, issues, _ = reconcile_clips(release.clips)
    reasons = {
        one.row: one.reason
        for one in issues
        if one.field == 'frames' and one.action == 'skipped'
    }
    for line, reason in wanted.items():
        assert reason in reasons[line]
    assert not {one.clip.row for one in found} & wanted.keys()


def test_an_empty_folder_is_matched_in_another_spelling(fake_releases, tmp_path):
    """The sheet says S03, the folder of the subject is 003, that of a clip is empty."""
    truth = fake_releases.write_4dme(tmp_path / '4dme')
    first = next(row for row in truth.rows if row.subject == 'S03')
    for folder in sorted((truth.root / 'gray_micro').iterdir()):
        folder.rename(folder.with_name(f'{int(folder.name[1:]):03}'))
    empty(truth.root / 'gray_micro' / '003' / first.clip)
    release = read('4dme', truth.root)
    (lost,) = (clip for clip in release.clips if clip.path is None)
    assert lost.row == first.line and BROKEN[empty] in lost.missing_reason
    assert len(release.clips) == len(truth.rows)
    assert not [one for one in release.issues if 'without a row' in one.reason]


def test_casme2_with_lost_subjects_and_clips(fake_releases, tmp_path):
    """An archive and a link of a subject, clips that are misplaced or misspelled."""
    truth = fake_releases.write_casme2(tmp_path / 'casme2')
    first, second, *_ = sorted({(truth.root / r.folder).parent for r in truth.rows})
    archive(first)
    shutil.move(second, tmp_path / second.name)
    second.symlink_to(tmp_path / second.name)
    rows = [r for r in truth.rows if r.outcome == 'kept' and r.subject > 'sub02']
    # An archive that was unpacked into a folder of its own name.
    deep = truth.root / rows[0].folder
    shutil.move(deep, tmp_path / 'x')
    shutil.move(tmp_path / 'x', deep / deep.name)
    # An empty folder of that very name, beside one that is alike.
    alike = truth.root / next(r.folder for r in rows[1:] if 'P0' in r.clip)
    alike.rename(alike.with_name(alike.name.replace('P0', 'P')))
    alike.mkdir()
    release = read('casme2', truth.root)
    lost = {clip.title: clip.missing_reason for clip in release.clips if not clip.path}
    one = lost.pop(f'{deep.parent.name}/{deep.name}')
    assert f'{deep / deep.name} is a level deeper' in one
    assert lost.pop(f'{alike.parent.name}/{alike.name}').endswith(BROKEN[empty])
    for name, reason in lost.items():
        wanted = 'sub01.zip is an archive' if name < 'sub02' else 'sub02 is a link'
        assert wanted in reason
    assert {name.split('/')[0] for name in lost} == {'sub01', 'sub02'}
    notes = {one.clip for one in release.issues if one.field == 'frames'}
    assert notes >= {'Cropped/sub01', 'Cropped/sub02'}


def test_labeled_folders_of_any_set(vis, tmp_path):
    """Copies, empty folders and archives where folders are the labels."""
    root = tmp_path / 'set'
    for person in ('p1', 'p2'):
        for emotion in ('happy', 'sad'):
            shutil.copytree(vis[1][0], root / person / emotion / '01')
    empty(root / 'p2' / 'sad' / '01')
    (root / 'p2' / 'happy' / '02.zip').write_bytes(b'PK')
    shutil.copytree(root / 'p1', root / 'p1 - Copy')
    release = read('folders', root)
    assert [clip.title for clip in release.clips] == [
        'p1/p1_happy_01', 'p1/p1_sad_01', 'p2/p2_happy_01',
    ]  # fmt: skip
    assert {(one.clip, one.action) for one in release.issues} == {
        ('p1 - Copy', 'noted'),
        ('p2/p2_sad_01', 'skipped'),
        ('p2/p2_happy_02', 'skipped'),
    }


def test_several_trees_are_listed(fake_releases, tmp_path):
    """Cropped, raw and videos below one folder: the choice, with the clips of each."""
    truth = fake_releases.write_casme2(tmp_path / 'CASME2')
    fake_releases.write_casme2(tmp_path / 'CASME2', cropped=False)
    for row in truth.rows[:9]:
        video = truth.root / 'videos' / row.subject / f'{row.clip}.avi'
        video.parent.mkdir(parents=True, exist_ok=True)
        video.touch()
    with pytest.raises(MERDataError) as error:
        read('casme2', truth.root)
    hint = error.value.hint
    assert f'--root "{truth.root}/Cropped" (255 clips)' in hint
    assert f'--root "{truth.root}/CASME2_RAW_selected" (255 clips)' in hint
    assert f'--root "{truth.root}/videos" (9 clips)' in hint
    # One of them is the release; the sheet is above it.
    for tree in ('Cropped', 'CASME2_RAW_selected'):
        assert read('casme2', truth.root / tree).rows == 255


def test_two_folders_of_one_subject_are_not_a_choice(vis):
    """To give one of them as the release would lose all other subjects."""
    truth, folders = vis
    subject = folders[0].parents[2]
    shutil.copytree(subject, subject.with_name(subject.name.replace('s', 's0')))
    with pytest.raises(MERDataError) as error:
        read('smic-vis', truth.root)
    assert error.value.hint.endswith('or move the other one away')


@pytest.mark.parametrize(
    ('reader', 'writer', 'options'),
    [('casme2', 'write_casme2', {}), ('smic-vis', 'write_smic', {'kind': 'VIS'})],
)
def test_a_zipped_release_is_recognized(
    fake_releases, tmp_path, reader, writer, options
):
    """The archive itself as --root, and a folder of archives, with a sheet or not."""
    truth = getattr(fake_releases, writer)(tmp_path / reader, **options)
    packed = tmp_path / 'packed'
    packed.mkdir()
    for path in list(truth.root.iterdir()):
        if path.is_dir():
            (packed / f'{path.name}.zip').write_bytes(b'PK')
        else:
            shutil.move(path, packed / path.name)
    cases = [packed, next(packed.glob('*.zip'))]
    for where in [*cases, packed]:
        with pytest.raises(MERDataError, match=r'\.zip.*: unpack it'):
            run(reader, where, tmp_path / 'out')
        if truth.sheet and where is cases[-1]:
            (packed / truth.sheet.name).unlink()


def test_file_names_with_backslashes_are_explained(fake_releases, tmp_path):
    """An archive made on Windows that was unpacked without its folders."""
    truth = fake_releases.write_casme2(tmp_path / 'casme2')
    # Folders with such names are the folders that are meant.
    for folder in sorted((truth.root / 'Cropped').iterdir()):
        for clip in sorted(folder.iterdir()):
            clip.rename(truth.root / f'Cropped\\{folder.name}\\{clip.name}')
    shutil.rmtree(truth.root / 'Cropped')
    # A file of a folder without a name is not in the place of a clip.
    folder = next(truth.root.glob('Cropped*'))
    shutil.copy(next(folder.glob('*.jpg')), truth.root / '\\1.jpg')
    row = next(r for r in truth.rows if r.folder == folder.name.replace('\\', '/'))
    shutil.rmtree(folder)
    lost = [clip for clip in read('casme2', truth.root).clips if not clip.path]
    assert [(one.row, one.missing_reason) for one in lost] == [
        (row.line, 'not on disk')
    ]
    for path in sorted(truth.root.rglob('*.jpg')):
        flat = '\\'.join(path.relative_to(truth.root).parts)
        os.replace(path, truth.root / flat)
    for folder in truth.root.glob('Cropped*'):
        if folder.is_dir():
            shutil.rmtree(folder)
    with pytest.raises(MERDataError, match='(?s)backslashes in their names.*unzip'):
        read('casme2', truth.root)


def test_images_in_other_places_are_one_note(fake_releases, tmp_path):
    truth = fake_releases.write_samm(tmp_path)
    clip = truth.root / truth.rows[0].folder
    for name in ('extra', 'faces'):
        shutil.copytree(clip, truth.root / name)
    issues = read('samm', truth.root).issues
    (note,) = [one for one in issues if one.field == 'frames']
    assert note.action == 'noted' and note.reason.startswith('2 folder(s) of images')


def test_names_of_copies():
    for name in ('gold', 's1_ne_01', '01', 'copy', '1 2'):
        assert strip_copy_marker(name) == name
    for name in ('a (1)', 'a(1)', 'a - Copy (12)', 'copy of a', 'a_bak2'):
        assert strip_copy_marker(name) == 'a'


def test_a_scan_goes_in_order_and_not_through_links(tmp_path):
    """Clips are folders of images, and videos."""
    for name in ('b/x/1.png', 'a/x/1.png', '.hidden/1.jpg', 'v/7.mp4', 'v/._7.mp4'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / 'cover.jpg').touch()
    (tmp_path / 'a' / 'loop').symlink_to(tmp_path)
    found = list(scan_release(tmp_path))
    clips = [one.parts for one in found if isinstance(one, ClipEntry)]
    assert clips == [('a', 'x'), ('b', 'x'), ('v', '7')]
    others = [one.parts for one in found if not isinstance(one, ClipEntry)]
    assert others == [('a', 'loop')]
