"""Every release at full size, with every quirk, through its reader."""

import datetime
import shutil
from collections import Counter, namedtuple

import cv2
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmaction_mer.datasets.preparation.issues import drop_repeated
from mmaction_mer.datasets.preparation.labels import LABEL_MAPS, emotion_key
from mmaction_mer.datasets.preparation.readers import READERS
from mmaction_mer.datasets.preparation.readers.reader import Source
from mmaction_mer.datasets.preparation.reconcile import settle
from mmaction_mer.datasets.preparation.report import compare
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
        'casme2',
        'write_casme2',
        {'variant': 'third', 'added': True},
        None,
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
    'mmew': ('mmew', 'write_mmew', {}, 'micro'),
    'mmew emotion': ('mmew', 'write_mmew', {'layout': 'emotion'}, 'micro'),
    'mmew absolute': ('mmew', 'write_mmew', {'numbering': 'absolute'}, 'micro'),
    'mmew-macro': ('mmew-macro', 'write_mmew', {}, 'macro'),
    'mmew-macro emotion': ('mmew-macro', 'write_mmew', {'layout': 'emotion'}, 'macro'),
    'cas3': ('cas3', 'write_cas3', {}, None),
    'cas3-c': ('cas3-c', 'write_cas3', {'part': 'C'}, None),
    '4dme': ('4dme', 'write_4dme', {}, None),
    'dfew': ('dfew', 'write_dfew', {}, None),
    'dfew videos': ('dfew', 'write_dfew', {'layout': 'mp4'}, None),
    'ckplus': ('ckplus', 'write_ckplus', {}, None),
    'generic': ('generic', 'write_generic', {}, None),
    'generic videos': ('generic', 'write_generic', {'video': True}, None),
    'generic semicolons': ('generic', 'write_generic', {'delimiter': ';'}, None),
}


@pytest.fixture(scope='module')
def written(fake_releases, tmp_path_factory):
    """Each release is written once."""
    truths = {}

    def write(name):
        if name not in truths:
            reader, writer, options, part = RELEASES[name]
            root = tmp_path_factory.mktemp('release')
            truth = getattr(fake_releases, writer)(root, **options)
            truths[name] = reader, truth if part is None else truth.only(part)
        return truths[name]

    return write


Truth = namedtuple('Truth', 'root')


def ends(clip):
    return clip.onset, clip.offset + 1


def read(reader, truth):
    reading = READERS[reader].read(Source(truth.root))
    drop_repeated(reading)
    settled, findings, habits = settle(reading.clips)
    return reading, [one.clip for one in settled], reading.findings + findings, habits


def counts(clips, labels):
    found = [labels.class_of(clip.emotion, clip.title) for clip in clips]
    return dict(sorted(Counter(filter(None, found)).items()))


@pytest.mark.parametrize('name', RELEASES)
def test_every_row_comes_out_as_it_must(written, name):
    reader, truth = written(name)
    _, clips, findings, _ = read(reader, truth)
    by_path = {}
    for clip in clips:
        by_path.setdefault(clip.path, []).append(clip)
    said = {}
    for finding in findings:
        said.setdefault(finding.row, set()).add(finding.action)
    for row in truth.rows:
        if row.outcome == 'absent':
            continue
        found = [
            clip
            for clip in by_path.get(truth.root / row.folder, [])
            if clip.row in (None, row.line)
            and (row.part != 'second' or clip.onset == row.onset)
        ]
        actions = said.get(row.line, set()) if row.line else set()
        if row.outcome == 'skipped':
            assert not found and 'skipped' in actions, row
            continue
        assert found, row
        clip = found[0]
        assert clip.subject == row.subject
        assert emotion_key(clip.emotion) == emotion_key(row.emotion)
        if not clip.whole and row.outcome == 'kept':
            assert (clip.onset, clip.apex, clip.offset) == (
                row.onset,
                row.apex,
                row.offset,
            ), row
            assert 'skipped' not in actions and 'repaired' not in actions, row
        if row.outcome in ('noted', 'repaired'):
            assert actions & {'noted', 'repaired'}, row
            # What is right is said by the fake; ends that are not on disk are moved.
            here = [n for n in row.frames if row.onset <= n <= row.offset]
            assert (clip.onset, clip.offset) == (here[0], here[-1]), row
            assert clip.apex == (
                None if row.apex not in range(*ends(clip)) else row.apex
            )
        assert 'skipped' not in actions, row
    labelled = [clip for clip in clips if clip.emotion != 'unlabelled']
    assert len(labelled) == len(truth.came_out())


@pytest.mark.parametrize('name', RELEASES)
def test_counts_of_every_label_map(written, name):
    reader, truth = written(name)
    _, clips, _, _ = read(reader, truth)
    for labels in LABEL_MAPS.get(READERS[reader].labels, ()):
        if labels.name not in truth.label_maps or labels.exclude:
            continue
        wanted, people = truth.expected(labels.name)
        merged = Counter()
        for emotion, count in wanted.items():
            merged[emotion_key(emotion)] += count
        assert counts(clips, labels) == dict(sorted(merged.items()))
        classes = [clip for clip in clips if labels.class_of(clip.emotion)]
        assert len({clip.subject for clip in classes}) == people


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
def test_the_three_editions_of_casme2(written, name, edition, five, clips):
    reader, truth = written(name)
    reading, used, findings, _ = read(reader, truth)
    assert reading.variant == edition
    labels = LABEL_MAPS['casme2']
    done = [
        compare(one, reading.variant, reading.clips, used, findings) for one in labels
    ]
    assert done[0]['clips'] == five
    assert sum(done[0]['clips'].values()) == clips
    assert (done[0]['subjects'], done[0]['differences']) == (26, [])
    # The part of the composite is the same in every edition.
    assert done[1]['clips'] == dict(negative=88, positive=32, surprise=25)
    assert (done[1]['subjects'], done[1]['differences']) == (24, [])


@pytest.mark.parametrize('name', ['samm', 'samm numbers'])
def test_samm(written, name):
    reader, truth = written(name)
    reading, used, findings, _ = read(reader, truth)
    five, three, _ = (
        compare(one, '', reading.clips, used, findings) for one in LABEL_MAPS['samm']
    )
    assert five['clips'] == dict(
        anger=57, contempt=12, happiness=26, others=26, surprise=15
    )
    assert (sum(five['clips'].values()), five['subjects']) == (136, 27)
    assert three['clips'] == dict(negative=92, positive=26, surprise=15)
    assert (sum(three['clips'].values()), three['subjects']) == (133, 28)
    assert five['differences'] == three['differences'] == []
    bad = {finding.clip for finding in findings if finding.field == 'apex'}
    assert bad == {'028/028_4_1', '032/032_3_1', '032/032_3_2'}
    assert any('(R6 or R12)' in clip.aus for clip in used)


@pytest.mark.parametrize('name', ['smic', 'smic raw', 'smic-long'])
def test_smic(written, name):
    reader, truth = written(name)
    reading, used, findings, _ = read(reader, truth)
    (three,) = LABEL_MAPS['smic']
    done = compare(three, '', reading.clips, used, findings)
    assert done['clips'] == dict(negative=70, positive=51, surprise=43)
    assert (done['subjects'], done['differences']) == (16, [])
    assert {clip.subject for clip in used}.isdisjoint({'s07', 's10', 's16', 's17'})
    assert all(clip.apex is None for clip in used)


def test_cas3_keeps_duplicates_apart(written):
    reader, truth = written('cas3')
    reading, _, _, _ = read(reader, truth)
    assert reading.rows == 860
    assert len({clip.title for clip in reading.clips}) == 860
    shared = Counter((row.subject, row.clip) for row in truth.rows)
    assert sum(n for n in shared.values() if n > 1) == 588
    assert sum(n > 1 for n in shared.values()) == 191


def test_mmew_numbers_both_ways(written):
    relative = read(*written('mmew'))
    absolute = read(*written('mmew absolute'))
    assert relative[3].relative and not absolute[3].relative
    assert {clip.onset for clip in relative[1]} == {1}
    assert min(clip.onset for clip in absolute[1]) > 1
    assert [clip.title for clip in relative[1]] == [clip.title for clip in absolute[1]]
    # Where absolute numbers happen to lie in the folder too, they are not believed.
    _, truth = written('mmew')
    assert len(truth.quirk('numbers overlap')) >= 5


def test_frames_are_in_natural_order(written, fake_releases):
    for name in ('casme2', 'smic', 'cas3', 'samm'):
        reader, truth = written(name)
        reading = READERS[reader].read(Source(truth.root))
        settled, _, _ = settle(reading.clips)
        for one in settled[::7]:
            numbers = list(one.frames.files)
            assert numbers == sorted(numbers)
            for number in numbers[:3]:
                path = one.frames.folder / one.frames.files[number]
                image = cv2.imread(str(path))
                assert fake_releases.number_modulo_64(image) == number % 64


@pytest.mark.parametrize('name', ['casme2', 'samm', 'cas3', 'mmew', '4dme', 'generic'])
def test_missing_clips_are_named_and_the_rest_goes_on(fake_releases, tmp_path, name):
    reader, writer, options, part = RELEASES[name]
    whole = getattr(fake_releases, writer)(tmp_path / 'a', **options)
    names = [(row.subject, row.clip) for row in whole.rows if row.outcome == 'kept']
    gone = set(names[3:40:9])
    truth = getattr(fake_releases, writer)(tmp_path / 'b', missing=gone, **options)
    if part:
        truth, whole = truth.only(part), whole.only(part)
    _, before, _, _ = read(reader, whole)
    _, after, findings, _ = read(reader, truth)
    lost = {clip.title for clip in before} - {clip.title for clip in after}
    assert lost
    skipped = {one.clip for one in findings if one.action == 'skipped'}
    assert lost <= skipped
    assert {clip.title for clip in after} <= {clip.title for clip in before}


@pytest.mark.parametrize('name', ['casme2', 'samm', 'smic', 'cas3', '4dme', 'ckplus'])
def test_a_folder_without_the_release_is_one_message(tmp_path, name):
    with pytest.raises(MERDataError, match=str(tmp_path)):
        READERS[name].read(Source(tmp_path))


def test_folders_named_by_emotion(tmp_path):
    """Folders above are people in general, and scenes in FERV39k."""
    for path in ('p1/Happy/01', 'p1/Sad/01', 'p2/Happy/02'):
        (tmp_path / path).mkdir(parents=True)
        for n in (9, 10):
            (tmp_path / path / f'{n}.jpg').touch()
    _, clips, findings, _ = read('folders', Truth(tmp_path))
    assert [clip.title for clip in clips] == [
        'p1/p1_Happy_01',
        'p1/p1_Sad_01',
        'p2/p2_Happy_02',
    ]
    _, clips, findings, _ = read('ferv39k', Truth(tmp_path))
    assert len({clip.subject for clip in clips}) == 3 and not findings
    assert [emotion_key(clip.emotion) for clip in clips] == [
        'happiness',
        'sadness',
        'happiness',
    ]
    assert LABEL_MAPS['ferv39k'][0].class_of('Happy') == 'happiness'


@pytest.mark.parametrize('name', RELEASES)
def test_frame_rates(written, name):
    reader, truth = written(name)
    if READERS[reader].fps is not None:
        assert READERS[reader].fps == truth.fps


def test_cameras_and_parts_in_one_folder_are_kept_apart(fake_releases, tmp_path):
    for kind in ('HS', 'VIS', 'NIR'):
        fake_releases.write_smic(tmp_path / 'nir_lab' / 'smic', kind=kind)
        fake_releases.write_smic(tmp_path / 'raw', kind=kind, cropped=False)
    for root in (tmp_path / 'nir_lab' / 'smic', tmp_path / 'raw'):
        for name, clips in (('smic', 164), ('smic-vis', 71), ('smic-nir', 71)):
            _, used, findings, _ = read(name, Truth(root))
            assert len(used) == clips and not findings
            camera = name[5:].upper() or 'HS'
            assert all(camera in clip.path.parts for clip in used)
    for part in 'AC':
        fake_releases.write_cas3(tmp_path / 'cas3', part=part)
    for name, part, rows in (('cas3', 'part_A', 860), ('cas3-c', 'part_C', 165)):
        reading, used, _, _ = read(name, Truth(tmp_path / 'cas3'))
        assert reading.rows == rows
        assert all(part in clip.path.parts for clip in used)


def test_where_a_release_lies_says_nothing_about_it(fake_releases, tmp_path):
    for above in ('macro_lab', 'NIR', 'part_C'):
        fake_releases.write_mmew(tmp_path / above / 'x', kind='micro')
        fake_releases.write_smic(tmp_path / above / 'y')
        fake_releases.write_cas3(tmp_path / above / 'z')
        for name, folder in (('mmew', 'x'), ('smic', 'y'), ('cas3', 'z')):
            assert len(read(name, Truth(tmp_path / above / folder))[1]) > 100


def test_a_release_that_does_not_say_which_camera_is_noted(fake_releases, tmp_path):
    fake_releases.write_smic(tmp_path / 'x')
    (next((tmp_path / 'x').rglob('HS'))).rename(tmp_path / 'clips')
    _, used, findings, _ = read('smic', Truth(tmp_path / 'clips'))
    assert len(used) == 164
    assert [one.field for one in findings] == ['camera']


def test_only_grey_clips_of_4dme_are_read(fake_releases, tmp_path):
    truth = fake_releases.write_4dme(tmp_path)
    grey = next(path for path in tmp_path.rglob('gray_micro'))
    shutil.copytree(grey, grey.with_name('rgb_micro'))
    assert len(read('4dme', truth)[1]) == 267


def test_dfew_as_it_is_released(fake_releases, tmp_path):
    """Videos and cut out faces side by side; the user names one of them, or all."""
    fake_releases.write_dfew(tmp_path, layout='mp4')
    truth = fake_releases.write_dfew(tmp_path, layout='folders')
    _, clips, findings, _ = read('dfew', truth)
    assert len(clips) == 175 and not findings
    assert all('clip_224x224' in clip.path.parts for clip in clips)
    faces = next(path for path in tmp_path.rglob('clip_224x224'))
    assert len(read('dfew', Truth(faces))[1]) == 175


def test_names_are_compared_as_they_are_read(tmp_path):
    """Blanks at the end, and letters with accents in two forms of Unicode."""
    names = ['cafe\u0301', 'c  d', 'b ']
    for name in names:
        (tmp_path / 'p1' / name).mkdir(parents=True)
        for n in (1, 2):
            (tmp_path / 'p1' / name / f'{n}.png').touch()
    text = 'subject,clip,emotion\np1,caf\u00e9,sad\np1,c d,sad\np1,b,happy\n'
    (tmp_path / 'x.csv').write_text(text, encoding='utf-8')
    _, clips, findings, _ = read('generic', Truth(tmp_path))
    assert len(clips) == 3 and not findings


def test_labels_of_ckplus_that_contradict_or_lead_nowhere(fake_releases, tmp_path):
    truth = fake_releases.write_ckplus(tmp_path)
    label = next(path for path in sorted(tmp_path.rglob('*_emotion.txt')))
    number = float(label.read_text())
    second = label.with_name('second_emotion.txt')
    second.write_text('   3.0000000e+00' if number != 3 else '   4.0000000e+00')
    lost = tmp_path / 'Emotion' / 'S999' / '001' / 'S999_001_emotion.txt'
    lost.parent.mkdir(parents=True)
    lost.write_text('   3.0000000e+00')
    _, clips, findings, _ = read('ckplus', truth)
    assert len(clips) == 592
    assert {(one.action, one.field) for one in findings} == {
        ('skipped', 'emotion'),
        ('noted', 'frames'),
    }


def test_a_duration_in_a_cell_is_a_finding(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(['subject', 'clip', 'emotion', 'apex'])
    for subject in ('p1', datetime.timedelta(hours=30)):
        book.active.append([subject, 'a', 'sad', datetime.timedelta(hours=30)])
    book.active.append(['p1', 'a', 'sad', '/'])
    book.save(tmp_path / 'x.xlsx')
    (tmp_path / 'p1' / 'a').mkdir(parents=True)
    for n in (1, 2):
        (tmp_path / 'p1' / 'a' / f'{n}.png').touch()
    _, clips, findings, _ = read('generic', Truth(tmp_path))
    assert len(clips) == 1 and clips[0].apex is None
    skipped = [(one.row, one.field) for one in findings if one.action == 'skipped']
    assert skipped == [(2, 'apex'), (3, 'subject')]


def test_two_copies_of_the_frames_are_refused(fake_releases, tmp_path):
    fake_releases.write_casme2(tmp_path, cropped=True)
    fake_releases.write_casme2(tmp_path, cropped=False)
    with pytest.raises(MERDataError, match='lies in .* one copy as --root'):
        READERS['casme2'].read(Source(tmp_path))
    # One of the copies is the release; the sheet lies above it.
    copies = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(copies) == 2
    for copy in copies:
        assert READERS['casme2'].read(Source(copy)).rows == 255


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


@pytest.fixture(scope='module', params=COLUMNS)
def sound(request, fake_releases, tmp_path_factory):
    """A release, its sheet as it was, and what comes out of it."""
    name = request.param
    write = getattr(fake_releases, f'write_{name}')
    truth = write(tmp_path_factory.mktemp(name))
    return name, truth, truth.sheet.read_bytes(), read(name, truth)[1]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    broken=st.dictionaries(
        st.tuples(st.integers(0, 158), st.integers(0, 6)), CELLS, max_size=6
    )
)
def test_a_malformed_sheet_never_changes_a_count_in_silence(
    sound, fake_releases, broken
):
    name, truth, sheet, before = sound
    truth.sheet.write_bytes(sheet)
    lines = [row.line for row in truth.rows]

    def change(grid):
        header = next(row for row in grid if 'Filename' in row)
        for (row, column), value in broken.items():
            grid[lines[row] - 1][header.index(COLUMNS[name][column])] = value

    fake_releases.edit_sheet(truth.sheet, change, truth.sheet_name)
    reading, clips, findings, _ = read(name, truth)
    touched = {lines[row] for row, _ in broken}
    used = {clip.row: clip for clip in clips}
    skipped = {one.row for one in findings if one.action == 'skipped'}
    emptied = set(lines) - set(used) - skipped
    # A row whose every cell was taken away is no row any more; no other is lost.
    assert len(emptied) <= len(broken) // 7
    assert not set(used) & skipped
    for clip in before:
        if clip.row not in touched and clip.row in used:
            assert used[clip.row] == clip
        elif clip.row not in touched:
            # A broken row above has taken its name.
            reasons = [one.reason for one in findings if one.row == clip.row]
            assert any('row' in reason for reason in reasons)
    for labels in LABEL_MAPS[name]:
        read_rows = [*reading.clips, *reading.lost]
        done = compare(labels, reading.variant, read_rows, clips, findings)
        expected = labels.counts_for(reading.variant)
        if expected and done['clips'] != expected.clips:
            assert done['differences']
            assert done['lost'] or done['unexplained']


CHANGES = st.one_of(
    st.tuples(st.just('drop row'), st.integers(0, 200)),
    st.tuples(st.just('repeat row'), st.integers(0, 200)),
    st.tuples(st.just('blank row'), st.integers(0, 200)),
    st.tuples(st.just('header again'), st.integers(0, 200)),
    st.tuples(st.just('shift row'), st.integers(0, 200)),
    st.tuples(st.just('title row'), st.integers(0, 200)),
    st.tuples(st.just('drop column'), st.integers(0, 8)),
    st.tuples(st.just('new column'), st.integers(0, 8)),
    st.tuples(st.just('repeat column'), st.integers(0, 8)),
)


def mangle(grid, header, changes):
    """Do to a sheet what people do to sheets."""
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


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(changes=st.lists(CHANGES, max_size=4))
def test_a_sheet_of_another_shape_loses_no_row_in_silence(
    sound, fake_releases, changes
):
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
        reading, clips, findings, _ = read(name, truth)
    except MERDataError as error:
        # Only a header that is gone, or says something twice, is refused.
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
    used = {clip.row for clip in clips}
    skipped = {one.row for one in findings if one.action == 'skipped'}
    assert reading.rows == len(full)
    assert full == used | (skipped - {None})
    assert len(clips) == len(used)
