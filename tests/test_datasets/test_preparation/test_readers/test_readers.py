"""Every release at full size, with every quirk, through its reader."""

import datetime
import shutil
from collections import Counter

import cv2
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from preparing import parse

from mmaction_mer.datasets.preparation.labels import LABEL_MAPS, emotion_key
from mmaction_mer.datasets.preparation.readers import READERS
from mmaction_mer.datasets.preparation.readers.reader import Source
from mmaction_mer.utils.errors import MERDataError

# Reader, writer, its options, the part of the release that is read.
RELEASES = {
    'casme2': ('casme2', 'write_casme2', {}, None),
    'casme2 raw': ('casme2', 'write_casme2', {'cropped': False}, None),
    'casme2 numbers': ('casme2', 'write_casme2', {'subject_numbers': True}, None),
    'casme2 xls': ('casme2', 'write_casme2', {'sheet': 'coding.xls'}, None),
    'casme2 mpt': ('casme2', 'write_casme2', {'variant': 'mpt'}, None),
    'casme2 third': ('casme2', 'write_casme2', {'variant': 'third'}, None),
    'casme2 third added': (
        'casme2', 'write_casme2', {'variant': 'third', 'added': True}, None,
    ),
    'samm': ('samm', 'write_samm', {}, None),
    'samm numbers': ('samm', 'write_samm', {'subject_numbers': True}, None),
    'smic': ('smic', 'write_smic', {}, None),
    'smic raw': ('smic', 'write_smic', {'cropped': False}, None),
    'smic-vis': ('smic-vis', 'write_smic', {'kind': 'VIS'}, None),
    'smic-nir': ('smic-nir', 'write_smic', {'kind': 'NIR'}, None),
    'smic-long': ('smic-long', 'write_smic', {'form': 'long'}, None),
    'casme': ('casme', 'write_casme', {}, None),
    'casme loose': ('casme', 'write_casme', {'trimmed': False}, None),
    'mmew': ('mmew', 'write_mmew', {'kind': 'micro'}, 'micro'),
    'mmew emotion': ('mmew', 'write_mmew', {'layout': 'emotion'}, 'micro'),
    'mmew absolute': (
        'mmew', 'write_mmew', {'numbering': 'absolute', 'kind': 'micro'}, 'micro',
    ),
    'mmew-macro': ('mmew-macro', 'write_mmew', {}, 'macro'),
    'mmew-macro emotion': (
        'mmew-macro', 'write_mmew', {'layout': 'emotion', 'kind': 'macro'}, 'macro',
    ),
    'cas3': ('cas3', 'write_cas3', {}, None),
    'cas3-c': ('cas3-c', 'write_cas3', {'part': 'C'}, None),
    '4dme': ('4dme', 'write_4dme', {}, None),
    'dfew': ('dfew', 'write_dfew', {}, None),
    'dfew videos': ('dfew', 'write_dfew', {'layout': 'mp4'}, None),
    'ckplus': ('ckplus', 'write_ckplus', {}, None),
    'generic': ('generic', 'write_generic', {}, None),
    'generic videos': ('generic', 'write_generic', {'video': True}, None),
    'generic semicolons': ('generic', 'write_generic', {'delimiter': ';'}, None),
}  # fmt: skip


@pytest.fixture(scope='module')
def parsed(fake_releases, tmp_path_factory):
    """Each release is written and read once."""
    cache = {}

    def get(name):
        if name not in cache:
            reader, writer, options, part = RELEASES[name]
            root = tmp_path_factory.mktemp('release')
            truth = getattr(fake_releases, writer)(root, **options)
            truth = truth if part is None else truth.only(part)
            cache[name] = truth, parse(reader, root)
        return cache[name]

    return get


@pytest.mark.parametrize('name', RELEASES)
def test_every_row_and_every_count(parsed, name):
    truth, done = parsed(name)
    reader = READERS[RELEASES[name][0]]
    assert reader.fps in (None, truth.fps)
    by_path, actions_of = {}, {}
    for clip in done.clips:
        by_path.setdefault(clip.path, []).append(clip)
    for issue in done.issues:
        actions_of.setdefault(issue.row, set()).add(issue.action)
    for row in truth.rows:
        if row.outcome == 'absent':
            continue
        found = [
            clip
            for clip in by_path.get(truth.root / row.folder, [])
            if clip.row in (None, row.line)
            and (row.part != 'second' or clip.onset == row.onset)
        ]
        actions = actions_of.get(row.line, set()) if row.line else set()
        if row.outcome == 'skipped':
            assert not found and 'skipped' in actions, row
            continue
        assert found and 'skipped' not in actions, row
        clip = found[0]
        assert clip.subject == row.subject
        assert emotion_key(clip.emotion) == emotion_key(row.emotion)
        ends = clip.onset, clip.apex, clip.offset
        if not clip.whole and row.outcome == 'kept':
            assert ends == (row.onset, row.apex, row.offset), row
            assert 'repaired' not in actions, row
        if row.outcome in ('noted', 'repaired'):
            assert actions & {'noted', 'repaired'}, row
            # Ends that are not on disk are moved.
            here = [n for n in row.frames if row.onset <= n <= row.offset]
            inside = row.apex in range(here[0], here[-1] + 1)
            assert ends == (here[0], row.apex if inside else None, here[-1]), row
    labeled = [clip for clip in done.clips if clip.emotion != 'unlabelled']
    assert len(labeled) == len(truth.came_out())
    for labels in LABEL_MAPS.get(reader.labels, ()):
        if labels.name not in truth.label_maps or labels.exclude:
            continue
        counts, people = truth.expected(labels.name)
        wanted = Counter()
        for emotion, count in counts.items():
            wanted[emotion_key(emotion)] += count
        found = done.compare(labels)
        assert (found['clips'], found['subjects']) == (dict(wanted), people)


FIVE = dict(disgust=63, happiness=32, others=99, repression=27, surprise=25)


@pytest.mark.parametrize(
    ('name', 'edition', 'five', 'clips'),
    [
        ('casme2', '20140508', FIVE, 246),
        ('casme2 xls', '20140508', FIVE, 246),
        ('casme2 raw', '20140508', FIVE, 246),
        ('casme2 mpt', 'with EP02_07', FIVE | {'disgust': 64}, 247),
        ('casme2 third', 'with EP07_01', FIVE | {'surprise': 28}, 249),
        ('casme2 third added', 'with EP07_01', FIVE | {'surprise': 28}, 249),
    ],
)
def test_the_three_editions_of_casme2(parsed, name, edition, five, clips):
    _, done = parsed(name)
    assert done.release.edition == edition
    first, second = (done.compare(one) for one in LABEL_MAPS['casme2'][:2])
    assert first['clips'] == five and sum(five.values()) == clips
    assert (first['subjects'], first['differences']) == (26, [])
    # The part of the composite is the same in every edition.
    assert second['clips'] == dict(negative=88, positive=32, surprise=25)
    assert (second['subjects'], second['differences']) == (24, [])


@pytest.mark.parametrize('name', ['samm', 'samm numbers'])
def test_samm(parsed, name):
    _, done = parsed(name)
    five, three, _ = map(done.compare, LABEL_MAPS['samm'])
    assert (sum(five['clips'].values()), five['subjects']) == (136, 27)
    assert (sum(three['clips'].values()), three['subjects']) == (133, 28)
    assert five['differences'] == three['differences'] == []
    bad = {issue.clip for issue in done.issues if issue.field == 'apex'}
    assert bad == {'028/028_4_1', '032/032_3_1', '032/032_3_2'}
    assert any('(R6 or R12)' in clip.aus for clip in done.clips)


@pytest.mark.parametrize('name', ['smic', 'smic raw', 'smic-long', 'smic-vis'])
def test_smic(parsed, name):
    """A complete release; VIS and NIR have 71 clips of 8 subjects each."""
    _, done = parsed(name)
    (three,) = LABEL_MAPS['smic-vis' if name == 'smic-vis' else 'smic']
    found = done.compare(three)
    counts = sum(found['clips'].values()), found['subjects']
    assert counts == ((71, 8) if name == 'smic-vis' else (164, 16))
    assert found['differences'] == []
    assert {one.subject for one in done.clips}.isdisjoint({'s07', 's10', 's16', 's17'})
    assert all(clip.apex is None for clip in done.clips)


def test_cas3_keeps_duplicates_apart(parsed):
    truth, done = parsed('cas3')
    assert done.release.rows == 860
    assert len({clip.title for clip in done.release.clips}) == 860
    shared = Counter((row.subject, row.clip) for row in truth.rows).values()
    assert sum(n for n in shared if n > 1) == 588 and sum(n > 1 for n in shared) == 191


def test_mmew_numbers_both_ways(parsed):
    truth, relative = parsed('mmew')
    _, absolute = parsed('mmew absolute')
    assert relative.numbering.relative and not absolute.numbering.relative
    assert {clip.onset for clip in relative.clips} == {1}
    assert min(clip.onset for clip in absolute.clips) > 1
    assert [c.title for c in relative.clips] == [c.title for c in absolute.clips]
    # Even absolute numbers that happen to be in the folder, too.
    assert len(truth.quirk('numbers overlap')) >= 5
    # The macro-expressions are of the same people.
    _, macro = parsed('mmew-macro')
    assert READERS['mmew'].dataset == READERS['mmew-macro'].dataset
    assert {c.subject for c in macro.clips} == {c.subject for c in relative.clips}


@pytest.mark.parametrize('name', ['casme2', 'smic', 'cas3', 'samm'])
def test_frames_are_in_natural_order(parsed, fake_releases, name):
    _, done = parsed(name)
    for held in done.files[::7]:
        numbers = list(held.files)
        assert numbers == sorted(numbers)
        for number in numbers[:2]:
            image = cv2.imread(str(held.folder / held.files[number]))
            assert fake_releases.number_modulo_64(image) == number % 64


@pytest.mark.parametrize('name', ['casme2', 'cas3', 'mmew', 'generic'])
def test_missing_clips_are_reported_and_the_rest_is_used(
    parsed, fake_releases, tmp_path, name
):
    reader, writer, options, part = RELEASES[name]
    whole, before = parsed(name)
    names = [(row.subject, row.clip) for row in whole.rows if row.outcome == 'kept']
    gone = set(names[3:40:9])
    getattr(fake_releases, writer)(tmp_path, missing=gone, **options)
    after = parse(reader, tmp_path)
    titles = [{clip.title for clip in one.clips} for one in (before, after)]
    assert titles[1] < titles[0]
    assert titles[0] - titles[1] <= {name for name, _ in after.reasons('skipped')}


@pytest.mark.parametrize('name', ['casme2', 'smic', '4dme', 'ckplus', 'dfew'])
def test_a_folder_without_the_release_is_one_message(tmp_path, name):
    with pytest.raises(MERDataError) as error:
        READERS[name].read(Source(tmp_path))
    assert error.value.path == str(tmp_path)


def test_folders_named_by_emotion(tmp_path):
    """Folders above are subjects in general, and scenes in FERV39k."""
    for path in ('p1/Happy/01', 'p1/Sad/01', 'p2/Happy/02'):
        (tmp_path / path).mkdir(parents=True)
        for n in (9, 10):
            (tmp_path / path / f'{n}.jpg').touch()
    titles = [clip.title for clip in parse('folders', tmp_path).clips]
    assert titles == ['p1/p1_Happy_01', 'p1/p1_Sad_01', 'p2/p2_Happy_02']
    done = parse('ferv39k', tmp_path)
    assert len({clip.subject for clip in done.clips}) == 3 and not done.issues
    found = [LABEL_MAPS['ferv39k'][0].class_of(clip.emotion) for clip in done.clips]
    assert found == ['happiness', 'sadness', 'happiness']


def test_cameras_and_parts_in_one_folder_are_kept_apart(fake_releases, tmp_path):
    """The folders above a release tell nothing about it."""
    smic, cas3 = tmp_path / 'nir_lab' / 'smic', tmp_path / 'part_C' / 'cas3'
    for kind in ('HS', 'VIS', 'NIR'):
        fake_releases.write_smic(smic, kind=kind, cropped=kind != 'VIS')
    for name, clips in (('smic', 164), ('smic-vis', 71), ('smic-nir', 71)):
        done = parse(name, smic)
        assert len(done.clips) == clips and not done.issues
        camera = name[5:].upper() or 'HS'
        assert all(camera in clip.path.parts for clip in done.clips)
    for part in 'AC':
        fake_releases.write_cas3(cas3, part=part)
    for name, part, rows in (('cas3', 'part_A', 860), ('cas3-c', 'part_C', 165)):
        release = READERS[name].read(Source(cas3))
        assert release.rows == rows
        paths = [clip.path.relative_to(cas3) for clip in release.clips if clip.path]
        assert {path.parts[0] for path in paths} == {part}
    truth = fake_releases.write_mmew(tmp_path / 'macro_lab' / 'x', kind='micro')
    assert len(READERS['mmew'].read(Source(truth.root)).clips) == 300


def test_a_release_that_does_not_name_its_camera_is_noted(fake_releases, tmp_path):
    fake_releases.write_smic(tmp_path / 'x')
    (next((tmp_path / 'x').rglob('HS'))).rename(tmp_path / 'clips')
    done = parse('smic', tmp_path / 'clips')
    assert len(done.clips) == 164
    assert [one.field for one in done.issues] == ['camera']


def test_only_gray_clips_of_4dme_are_read(fake_releases, tmp_path):
    """Their names may have lost their zeros, in the sheet and on disk."""
    truth = fake_releases.write_4dme(tmp_path)
    grey = next(path for path in tmp_path.rglob('gray_micro'))
    shutil.copytree(grey, grey.with_name('rgb_micro'))
    assert len(parse('4dme', tmp_path).clips) == 267
    for folder in sorted(grey.iterdir()):
        folder.rename(folder.with_name(f'{int(folder.name[1:]):03d}'))

    def change(grid):
        for line in grid[1:]:
            if line and str(line[0]).strip():
                line[0] = int(line[0][1:])

    fake_releases.edit_sheet(truth.sheet, change, truth.sheet_name)
    release = READERS['4dme'].read(Source(tmp_path))
    assert len(release.clips) == 267
    for clip in release.clips:
        assert int(clip.path.parent.name) == int(clip.subject)
    assert [one.action for one in release.issues] == ['noted']


def test_dfew_as_it_is_released(fake_releases, tmp_path):
    """Videos and cropped faces side by side; the user names one of them, or all."""
    fake_releases.write_dfew(tmp_path, layout='mp4')
    fake_releases.write_dfew(tmp_path, layout='folders')
    done = parse('dfew', tmp_path)
    assert len(done.clips) == 175 and not done.issues
    assert all('clip_224x224' in clip.path.parts for clip in done.clips)
    faces = next(path for path in tmp_path.rglob('clip_224x224'))
    assert len(READERS['dfew'].read(Source(faces)).clips) == 175


def test_names_are_compared_as_they_are_parsed(tmp_path):
    """Spaces at the end, and letters with accents in two forms of Unicode."""
    for name in ('cafe\u0301', 'c  d', 'b '):
        (tmp_path / 'p1' / name).mkdir(parents=True)
        for n in (1, 2):
            (tmp_path / 'p1' / name / f'{n}.png').touch()
    text = 'subject,clip,emotion\np1,caf\u00e9,sad\np1,c d,sad\np1,b,happy\n'
    (tmp_path / 'x.csv').write_text(text, encoding='utf-8')
    done = parse('generic', tmp_path)
    assert len(done.clips) == 3 and not done.issues


def test_labels_of_ckplus_that_contradict_or_lead_nowhere(fake_releases, tmp_path):
    fake_releases.write_ckplus(tmp_path)
    labels = sorted(tmp_path.rglob('*_emotion.txt'))
    number = float(labels[0].read_text())
    second = labels[0].with_name('second_emotion.txt')
    second.write_text('   3.0000000e+00' if number != 3 else '   4.0000000e+00')
    lost = tmp_path / 'Emotion' / 'S999' / '001' / 'S999_001_emotion.txt'
    lost.parent.mkdir(parents=True)
    lost.write_text('   3.0000000e+00')
    for path in labels:
        # Metadata files of macOS.
        path.with_name(f'._{path.name}').write_bytes(b'\0\5\x16\7')
    done = parse('ckplus', tmp_path)
    assert len(done.clips) == 592
    assert {(one.action, one.field) for one in done.issues} == {
        ('skipped', 'emotion'),
        ('noted', 'frames'),
    }


def test_a_duration_in_a_cell_is_an_issue(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(['subject', 'clip', 'emotion', 'apex'])
    for subject in ('p1', datetime.timedelta(hours=30)):
        book.active.append([subject, 'a', 'sad', datetime.timedelta(hours=30)])
    book.active.append(['p1', 'a', 'sad', '/'])
    book.save(tmp_path / 'x.xlsx')
    (tmp_path / 'p1' / 'a').mkdir(parents=True)
    for n in (1, 2):
        (tmp_path / 'p1' / 'a' / f'{n}.png').touch()
    done = parse('generic', tmp_path)
    assert len(done.clips) == 1 and done.clips[0].apex is None
    skipped = [(one.row, one.field) for one in done.issues if one.action == 'skipped']
    assert skipped == [(2, 'apex'), (3, 'subject')]


CELLS = st.one_of(
    st.none(),
    st.integers(-5, 300),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from(['/', '0', '', 'x', '12.5', '1-2', 'others', 'sub01', '９']),
    st.text('ab/.,+ 01', max_size=6),
)
# Seven columns of each: subject, name, onset, apex, offset, action units, emotion.
COLUMNS = {
    'samm': (
        'Subject', 'Filename', 'Onset Frame', 'Apex Frame', 'Offset Frame',
        'Action Units', 'Estimated Emotion',
    ),
    'casme2': (
        'Subject', 'Filename', 'OnsetFrame', 'ApexFrame', 'OffsetFrame',
        'Action Units', 'Estimated Emotion',
    ),
    'casme': (
        'Subject', 'Filename', 'OnsetF', 'ApexF1', 'OffsetF', 'AU', 'Emotion',
    ),
}  # fmt: skip
FEW = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope='module', params=COLUMNS)
def sound(request, fake_releases, tmp_path_factory):
    """A release, its sheet as it was, and its clips."""
    name = request.param
    truth = getattr(fake_releases, f'write_{name}')(tmp_path_factory.mktemp(name))
    return name, truth, truth.sheet.read_bytes(), parse(name, truth.root).clips


@FEW
@given(
    broken=st.dictionaries(
        st.tuples(st.integers(0, 158), st.integers(0, 6)), CELLS, max_size=6
    )
)
def test_a_malformed_sheet_never_changes_a_count_silently(sound, fake_releases, broken):
    name, truth, sheet, before = sound
    truth.sheet.write_bytes(sheet)
    lines = [row.line for row in truth.rows]

    def change(grid):
        header = next(row for row in grid if 'Filename' in row)
        for (row, column), value in broken.items():
            grid[lines[row] - 1][header.index(COLUMNS[name][column])] = value

    fake_releases.edit_sheet(truth.sheet, change, truth.sheet_name)
    done = parse(name, truth.root)
    touched = {lines[row] for row, _ in broken}
    used = {clip.row: clip for clip in done.clips}
    skipped = {one.row for one in done.issues if one.action == 'skipped'}
    emptied = set(lines) - set(used) - skipped
    # A row without any cell is not a row any more; no other is lost.
    assert len(emptied) <= len(broken) // 7
    assert not set(used) & skipped
    for clip in before:
        if clip.row not in touched and clip.row in used:
            assert used[clip.row] == clip
        elif clip.row not in touched:
            # A broken row above has taken its name.
            reasons = [one.reason for one in done.issues if one.row == clip.row]
            assert any('row' in reason for reason in reasons)
    for labels in LABEL_MAPS[name]:
        found = done.compare(labels)
        expected = labels.counts_for(done.release.edition)
        if expected and found['clips'] != expected.clips:
            assert found['differences']
            assert found['lost'] or found['unexplained']


ROWS = ('drop row', 'repeat row', 'blank row', 'header again', 'shift row', 'title row')
CHANGES = st.one_of(
    st.tuples(st.sampled_from(ROWS), st.integers(0, 200)),
    st.tuples(
        st.sampled_from(('drop column', 'new column', 'repeat column')),
        st.integers(0, 8),
    ),
)


def mangle(grid, header, changes):
    """Change a sheet as people do."""
    for what, place in changes:
        row = min(place, len(grid) - 1)
        if what == 'drop row':
            del grid[row]
        elif what == 'repeat row':
            grid.insert(row, list(grid[row]))
        elif what == 'blank row':
            grid.insert(row, [])
        elif what == 'header again':
            grid.insert(row, list(header))
        elif what == 'shift row':
            grid[row].insert(0, None)
        elif what == 'title row':
            grid.insert(row, ['A title', None, 'and a note'])
        else:
            for cells in grid:
                if what == 'drop column':
                    del cells[place : place + 1]
                elif what == 'new column':
                    cells.insert(place, None)
                elif place < len(cells):
                    cells.insert(place, cells[place])


@FEW
@given(changes=st.lists(CHANGES, max_size=4))
def test_a_sheet_of_another_shape_loses_no_row_silently(sound, fake_releases, changes):
    name, truth, sheet, _ = sound
    truth.sheet.write_bytes(sheet)
    wanted = set(COLUMNS[name])

    def change(grid):
        header = next(list(row) for row in grid if wanted <= set(row))
        mangle(grid, header, changes)

    fake_releases.edit_sheet(truth.sheet, change, truth.sheet_name)
    grid = fake_releases.read_workbook(truth.sheet)[truth.sheet_name]
    # A header is looked for in the first hundred rows.
    headers = [n for n, row in enumerate(grid[:100]) if wanted <= set(row)]
    try:
        done = parse(name, truth.root)
    except MERDataError as error:
        # Only a header that is missing, or has a heading twice, is rejected.
        text = str(error)
        assert truth.sheet.name in text and ('lacks' in text or 'times' in text)
        assert not headers or 'times' in text
        return
    columns = [grid[headers[0]].index(column) for column in COLUMNS[name]]
    full = {
        number
        for number, row in enumerate(grid[headers[0] + 1 :], headers[0] + 2)
        if any(str(row[c]).strip() for c in columns if c < len(row))
    }
    used = {clip.row for clip in done.clips}
    skipped = {one.row for one in done.issues if one.action == 'skipped'}
    assert done.release.rows == len(full)
    assert full == used | (skipped - {None})
    assert len(done.clips) == len(used)
