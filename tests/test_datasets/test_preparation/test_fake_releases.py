"""The fake releases are what datasets.md says: counts, layouts, quirks."""

import re
from collections import Counter, defaultdict

import cv2
import pytest

BLANK = (None, '', ' ')


@pytest.fixture
def check_disk(fake_releases):
    """Frames lie where the rows say, and no other frames beside them."""

    def check(truth, step=7):
        folders = defaultdict(set)
        for row in truth.rows:
            assert len(row.frames) <= 12 and row.frames == sorted(row.frames)
            folders[row.folder].update(map(row.template.format, row.frames))
            if row.outcome in ('skipped', 'absent'):
                continue
            inside = [n for n in row.frames if row.onset <= n <= row.offset]
            assert len(inside) >= 4 and row.onset < row.offset
            assert row.apex is None or row.onset <= row.apex <= row.offset
            if row.outcome != 'noted':
                assert inside == list(range(row.onset, row.offset + 1))
        suffixes = {row.template.rpartition('.')[2] for row in truth.rows}
        for name, frames in folders.items():
            folder = truth.root / name
            found = set()
            if folder.exists():
                assert frames or truth.dataset == 'cas3'
                found = {p.name for p in folder.iterdir() if p.name[0] != '.'}
            assert frames == {n for n in found if n.rpartition('.')[2] in suffixes}
        for row in truth.rows[::step]:
            for number in row.frames:
                path = truth.root / row.folder / row.template.format(number)
                image = cv2.imread(str(path))
                assert fake_releases.number_modulo_64(image) == number % 64
        names = {path.name for path in truth.root.rglob('*') if path.is_file()}
        assert {'Thumbs.db', '.DS_Store'} <= names
        assert any(name.startswith('._') for name in names)

    return check


@pytest.fixture
def read(fake_releases):
    """Header's line and records of a truth's sheet, whose lines must agree."""

    def records(truth):
        lines = fake_releases.read_workbook(truth.sheet)[truth.sheet_name]
        first = next(row for row in truth.rows if row.line)
        titles = list(first.cells)
        header = next(
            index
            for index, line in enumerate(lines)
            if {value for value in line if value} == {t for t in titles if t}
        )
        found = [
            dict(zip(lines[header], line, strict=True))
            for line in lines[header + 1 :]
            if any(value not in BLANK for value in line)
        ]
        by_line = {row.line: row for row in truth.rows if row.line}
        assert len(found) == len(by_line)
        blank = [n for n, line in enumerate(lines, 1) if set(line) <= set(BLANK)]
        assert any(header + 1 < n < max(by_line) for n in blank)
        for number, row in by_line.items():
            written = dict(zip(lines[header], lines[number - 1], strict=True))
            assert all(
                written[title] == ('' if value is None else value)
                for title, value in row.cells.items()
            )
        return header + 1, found

    return records


@pytest.mark.parametrize(
    ('options', 'rows', 'five', 'three'),
    [
        ({}, 255, (99, 63, 32, 27, 25), (90, 32, 25)),
        ({'added': True, 'cropped': False}, 255, (99, 63, 32, 27, 25), (90, 32, 25)),
        ({'variant': 'mpt'}, 256, (99, 64, 32, 27, 25), (91, 32, 25)),
        ({'variant': 'third'}, 255, (99, 63, 32, 27, 28), (90, 32, 28)),
        (
            {'variant': 'third', 'added': True, 'sheet': 'any.xls'},
            258,
            (99, 63, 32, 27, 28),
            (90, 32, 28),
        ),
    ],
)
def test_casme2(tmp_path, fake_releases, check_disk, read, options, rows, five, three):
    truth = fake_releases.write_casme2(tmp_path, **options)
    header, records = read(truth)
    assert header == 1 and len(records) == rows
    assert len(set((row.subject, row.clip) for row in truth.rows)) == rows
    names = ('others', 'disgust', 'happiness', 'repression', 'surprise')
    assert truth.expected('5class') == (dict(zip(names, five, strict=True)), 26)
    names = ('negative', 'positive', 'surprise')
    assert truth.expected('3class') == (dict(zip(names, three, strict=True)), 24)
    written = Counter(record['Estimated Emotion'] for record in records)
    assert [written[name] for name in truth.label_maps['5class']] == list(five)
    assert {record['Subject'] for record in records} == {
        f'{number:02}' for number in range(1, 27)
    }
    check_disk(truth)
    path = truth.root / truth.rows[0].folder
    if options.get('cropped', True):
        assert path.is_relative_to(tmp_path / 'Cropped/sub01')
        assert truth.rows[0].template == 'reg_img{}.jpg'
    else:
        assert path.is_relative_to(tmp_path / 'CASME2_RAW_selected/sub01')


def test_quirks_of_casme2(tmp_path, fake_releases):
    truth = fake_releases.write_casme2(tmp_path)
    rows = {(row.subject, row.clip): row for row in truth.rows}
    wrong = 0
    for row in truth.rows:
        names = (p.name for p in (tmp_path / row.folder).glob('reg_img*.jpg'))
        order = [int(re.findall('[0-9]+', name)[-1]) for name in sorted(names)]
        wrong += order != sorted(order)
    assert wrong == 156
    slash = rows['sub04', 'EP12_01f']
    assert slash.cells['ApexFrame'] == '/' and slash.apex is None
    assert slash.outcome == 'repaired' and slash.emotion == 'disgust'
    assert rows['sub05', 'EP09_05f'].emotion == 'repression'
    assert (tmp_path / 'Cropped/sub01/EP02_01f').is_dir()
    for name in (('sub07', 'EP06_01'), ('sub12', 'EP09_02'), ('sub16', 'EP01_08')):
        row = rows[name]
        assert row.outcome == 'noted' and row.cells['OffsetFrame'] == row.offset
        assert row.frames[0] > row.onset or row.frames[-1] < row.offset
    assert all(row.apex == row.onset for row in truth.quirk('apex is onset'))
    assert all(row.apex == row.offset for row in truth.quirk('apex is offset'))
    assert truth.quirk('apex is onset') and truth.quirk('apex is offset')
    assert {row.cells['Action Units'] for row in truth.rows} >= {4, '4+L10'}
    for clip in ('EP07_01', 'EP07_04f', 'EP10_03'):
        assert rows['sub24', clip].emotion in ('sadness', 'fear')
    truth = fake_releases.write_casme2(tmp_path / 'more', added=True)
    clips = {row.clip for row in truth.rows if row.subject == 'sub24'}
    assert not clips & {'EP07_01', 'EP07_04f', 'EP10_03', 'EP02_07'}


def test_subjects_may_be_numbers_and_clips_missing(tmp_path, fake_releases, read):
    gone = {('sub01', 'EP02_01f'), ('sub05', 'EP09_05f')}
    truth = fake_releases.write_casme2(tmp_path, subject_numbers=True, missing=gone)
    _, records = read(truth)
    assert {record['Subject'] for record in records} == set(range(1, 27))
    assert {(row.subject, row.clip) for row in truth.quirk('missing')} == gone
    assert not (tmp_path / 'Cropped/sub01/EP02_01f').exists()
    counts, _ = truth.expected('5class')
    assert (counts['happiness'], counts['repression']) == (31, 26)
    with pytest.raises(AssertionError, match='no such clip'):
        fake_releases.write_casme2(tmp_path / 'more', missing={('sub01', 'EP99')})


def test_samm(tmp_path, fake_releases, check_disk, read):
    truth = fake_releases.write_samm(tmp_path)
    header, records = read(truth)
    assert header == 14 and len(records) == 159
    lines = fake_releases.read_workbook(truth.sheet)
    assert list(lines).index('MICRO_ONLY') > 0
    assert any(value for line in lines['MICRO_ONLY'][:13] for value in line)
    assert Counter(record['Estimated Emotion'] for record in records) == {
        'Anger': 57, 'Contempt': 12, 'Disgust': 9, 'Fear': 8, 'Happiness': 26,
        'Sadness': 6, 'Surprise': 15, 'Other': 26,
    }  # fmt: skip
    assert len({record['Subject'] for record in records}) == 29
    assert all(len(record['Subject']) == 3 for record in records)
    counts, subjects = truth.expected('5class')
    assert (sum(counts.values()), subjects) == (136, 27)
    counts = {'negative': 92, 'positive': 26, 'surprise': 15}
    assert truth.expected('3class') == (counts, 28)
    bad = truth.quirk('bad apex')
    assert {row.clip for row in bad} == {'028_4_1', '032_3_1', '032_3_2'}
    for row in bad:
        assert not row.onset <= row.cells['Apex Frame'] <= row.offset
        assert row.apex is None and row.outcome == 'repaired'
    assert any('or' in str(record['Action Units']) for record in records)
    widths = {row.template.removeprefix(row.subject) for row in truth.rows}
    assert widths == {'_{:05d}.jpg', '_{:04d}.jpg', '_{}.jpg'}
    check_disk(truth)
    row = truth.rows[0]
    path = tmp_path / 'SAMM' / row.subject / row.clip / row.template.format(row.apex)
    assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).ndim == 2
    names = [sorted(map(row.template.format, row.frames)) for row in truth.rows]
    order = [[int(re.findall('[0-9]+', n)[-1]) for n in clip] for clip in names]
    assert sum(numbers != sorted(numbers) for numbers in order) > 40


@pytest.mark.parametrize(
    ('kind', 'counts', 'subjects'),
    [('HS', (70, 51, 43), 16), ('VIS', (28, 23, 20), 8), ('NIR', (28, 23, 20), 8)],
)
def test_smic_short(tmp_path, fake_releases, check_disk, kind, counts, subjects):
    truth = fake_releases.write_smic(tmp_path, kind, cropped=kind != 'VIS')
    names = ('negative', 'positive', 'surprise')
    assert truth.expected('3class') == (dict(zip(names, counts, strict=True)), subjects)
    top = tmp_path / f'SMIC_all_{"raw" if kind == "VIS" else "cropped"}' / kind
    people = {path.name for path in top.iterdir() if path.is_dir()}
    everyone = {f's{n}' for n in range(1, 21)} - {'s7', 's10', 's16', 's17'}
    assert people == everyone if kind == 'HS' else people < everyone
    assert len({row.clip for row in truth.rows}) == sum(counts)
    for row in truth.rows:
        disk = row.subject.replace('s0', 's')
        assert row.folder.endswith(f'{kind}/{disk}/micro/{row.emotion}/{row.clip}')
        assert (row.onset, row.apex) == (row.frames[0], None)
        assert row.offset == row.frames[-1]
    numbers = [number for row in truth.rows for number in row.frames]
    assert {len(str(number)) for number in numbers} == {5, 6, 7, 8}
    assert sum(fake_releases.gains_digit(row.frames) for row in truth.rows) > 40
    assert list(top.glob('*/non_micro/*/*.bmp'))
    check_disk(truth)


def test_smic_long(tmp_path, fake_releases, check_disk, read):
    truth = fake_releases.write_smic(tmp_path, form='long')
    assert truth.expected('3class') == (
        {'negative': 70, 'positive': 51, 'surprise': 43},
        16,
    )
    _, records = read(truth.only(''))
    assert len(records) == 157 and truth.sheet_name == 'HS'
    assert sum(record['Onset2F'] != '' for record in records) == 7
    first = {row.clip: row for row in truth.only('').rows}
    seconds = truth.only('second').rows
    assert len(first) == 157 and len(seconds) == 7
    for row in seconds:
        twin = first[row.clip]
        assert (row.subject, row.emotion) == (twin.subject, twin.emotion)
        assert twin.offset < row.onset < row.offset < row.frames[-1]
        assert row.cells['Onset2F'] == row.onset
        assert row.cells['Offset2F'] == row.offset
    assert (tmp_path / 'HS_long/SMIC_HS_E/s1').is_dir()
    check_disk(truth)


def test_the_composite(tmp_path, fake_releases):
    parts = (
        fake_releases.write_casme2(tmp_path),
        fake_releases.write_samm(tmp_path),
        fake_releases.write_smic(tmp_path),
    )
    counts, subjects = fake_releases.expected_composite(*parts)
    assert counts == {'negative': 250, 'positive': 109, 'surprise': 83}
    assert (sum(counts.values()), subjects) == (442, 68)
    without = {('sub04', 'EP12_01f'), ('sub05', 'EP09_05f')}
    assert parts[0].expected('3class', without) == (
        {'negative': 88, 'positive': 32, 'surprise': 25},
        24,
    )


def test_casme(tmp_path, fake_releases, check_disk, read):
    truth = fake_releases.write_casme(tmp_path)
    _, records = read(truth)
    assert len(records) == 189 and truth.sheet.suffix == '.xls'
    onsets, offsets = truth.quirk('wrong onset'), truth.quirk('wrong offset')
    assert len(onsets) == 3 and len(offsets) == 5
    for row in onsets + offsets:
        assert row.cells['OffsetF'] < row.cells['OnsetF'] and row.outcome == 'repaired'
        assert (row.frames[0], row.frames[-1]) == (row.onset, row.offset)
    assert 0 < sum(record['ApexF2'] != '' for record in records) < 30
    check_disk(truth)


@pytest.mark.parametrize(
    ('layout', 'numbering'),
    [('subject', 'relative'), ('emotion', 'absolute'), ('emotion', 'relative')],
)
def test_mmew(tmp_path, fake_releases, check_disk, read, layout, numbering):
    truth = fake_releases.write_mmew(tmp_path, layout=layout, numbering=numbering)
    micro, macro = truth.only('micro'), truth.only('macro')
    assert micro.emotions() == {
        'happiness': 36, 'anger': 8, 'surprise': 89, 'disgust': 72, 'fear': 16,
        'sadness': 13, 'others': 66,
    }  # fmt: skip
    assert len(macro.rows) == 900
    assert {row.subject for row in micro.rows} == {row.subject for row in macro.rows}
    assert {row.clip for row in micro.rows} & {row.clip for row in macro.rows}
    _, records = read(micro)
    assert len(records) == 300
    place = {'subject': 'S03/happiness', 'emotion': 'Micro_Expression/happiness'}
    assert (tmp_path / place[layout] / 'S03-01-002').is_dir()
    assert all(row.folder.startswith('Macro_Expression/') for row in macro.rows)
    for row in micro.rows:
        length = row.cells['OffsetFrame'] - row.cells['OnsetFrame']
        assert length == row.offset - row.onset
        if numbering == 'relative':
            assert (row.onset, row.offset) == (1, len(row.frames))
            assert row.cells['OnsetFrame'] > 1
            assert row.cells['ApexFrame'] - row.cells['OnsetFrame'] == row.apex - 1
        else:
            assert row.cells['OnsetFrame'] == row.onset
    assert bool(micro.quirk('numbers overlap')) == (numbering == 'relative')
    for row in micro.quirk('numbers overlap'):
        assert row.cells['OnsetFrame'] + 1 in row.frames
        assert row.cells['OffsetFrame'] > row.frames[-1]
    check_disk(truth, step=50)


def test_parts_of_mmew(tmp_path, fake_releases, read):
    micro = fake_releases.write_mmew(tmp_path / 'a', 'micro', subject_numbers=True)
    assert not (tmp_path / 'a/Macro_Expression').exists() and len(micro.rows) == 300
    assert {row.cells['Subject'] for row in micro.rows} == set(range(1, 31))
    macro = fake_releases.write_mmew(tmp_path / 'b', 'macro', macro_sheet=True)
    assert len(read(macro)[1]) == 900


def test_part_a_of_cas3(tmp_path, fake_releases, check_disk, read):
    truth = fake_releases.write_cas3(tmp_path)
    assert truth.emotions() == {
        'disgust': 250, 'surprise': 187, 'others': 161, 'fear': 86, 'anger': 64,
        'sad': 57, 'happy': 55,
    }  # fmt: skip
    _, records = read(truth)
    assert len(records) == 860 and truth.sheet_name == 'label'
    assert len({row.subject for row in truth.rows}) == 94
    pairs = Counter((record['Subject'], record['Filename']) for record in records)
    shared = [count for count in pairs.values() if count > 1]
    assert (len(shared), sum(shared)) == (191, 588)
    ids = {(row.subject, row.clip, row.onset) for row in truth.rows}
    assert len(ids) == 860 and 'spNO.1' in {row.subject for row in truth.rows}
    assert all(isinstance(v, str) for record in records for v in record.values())
    spelt = Counter(record['emotion'] for record in records)
    assert spelt['Others'] > 20 and spelt['others'] > 20
    bad = {
        quirk: len(truth.quirk(quirk))
        for quirk in ('apex before onset', 'onset after offset', 'offset 0')
    }
    assert list(bad.values()) == [2, 1, 1]
    for row in truth.quirk('apex before onset'):
        assert int(row.cells['Apex']) < int(row.cells['Onset']) and row.apex is None
    (row,) = truth.quirk('onset after offset')
    assert int(row.cells['Onset']) > int(row.cells['Offset'])
    lacking = [
        truth.quirk(f'lacks {what}')
        for what in ('all frames', 'some frames', 'the end')
    ]
    assert list(map(len, lacking)) == [30, 30, 26]
    assert all(row.outcome == 'skipped' and not row.frames for row in lacking[0])
    folders = [(tmp_path / row.folder) for row in lacking[0]]
    states = Counter(f.is_dir() + (f.is_dir() and any(f.iterdir())) for f in folders)
    assert set(states) == {0, 1, 2}  # missing, empty, with other rows' frames
    for row in lacking[1]:
        assert {row.onset, row.apex, row.offset} <= set(row.frames)
    assert all(row.frames[-1] < row.offset for row in lacking[2])
    assert sum(fake_releases.gains_digit(row.frames) for row in truth.rows) > 200
    assert (tmp_path / 'part_A/spNO.1/a/color').is_dir()
    assert list(tmp_path.glob('part_A/*/*/depth/*.png'))
    check_disk(truth, step=20)


def test_part_c_of_cas3(tmp_path, fake_releases, check_disk, read):
    truth = fake_releases.write_cas3(tmp_path, 'C', below='')
    _, records = read(truth)
    assert len(records) == 165 and all(row.apex is None for row in truth.rows)
    assert list(records[0]) == ['sub', 'count', 'onset', 'offset', 'au', 'emotion']
    assert sum('，' in str(record['au']) for record in records) == 1
    row = truth.rows[0]
    assert (tmp_path / row.subject / row.clip / 'color').is_dir()
    check_disk(truth)


def test_4dme(tmp_path, fake_releases, check_disk, read):
    truth = fake_releases.write_4dme(tmp_path)
    _, records = read(truth)
    assert len(records) == 267
    row = next(row for row in truth.rows if row.emotion == 'negative surprise')
    assert (row.cells['Negative'], row.cells['Surprise']) == (1, 1)
    assert (row.cells['Positive'], row.cells['Others']) == (0, 0)
    row = next(row for row in truth.rows if row.au == '4+L10')
    assert (row.cells['AU4'], row.cells['AU10'], row.cells['AU1']) == (1, 1, 0)
    assert row.folder == f'gray_micro/{row.subject}/{row.clip}'
    check_disk(truth)


@pytest.mark.parametrize('layout', ['folders', 'mp4'])
def test_dfew(tmp_path, fake_releases, layout):
    gone = {('00003', '00003')}
    truth = fake_releases.write_dfew(tmp_path, layout, missing=gone)
    assert len(truth.rows) == 175 and len(truth.came_out()) == 174
    assert len(truth.only('test').rows) == 35
    lines = truth.sheet.read_text().splitlines()
    assert lines[0] == 'video_name,label' and len(lines) == 141
    row = truth.only('train').rows[-1]
    labels = list(truth.label_maps['7class'])
    assert lines[-1] == f'{int(row.clip)},{1 + labels.index(row.emotion)}'
    if layout == 'folders':
        folder = tmp_path / 'Clip/clip_224x224'
        assert (folder / '00001/00001_00001.jpg').is_file()
        assert not (folder / '00003').exists()
        return
    video = cv2.VideoCapture(str(tmp_path / row.folder))
    frames = []
    while (read := video.read())[0]:
        frames.append(round(read[1].mean() / 20))
    assert frames == row.frames


def test_ckplus(tmp_path, fake_releases, check_disk):
    truth = fake_releases.write_ckplus(tmp_path)
    counts, subjects = truth.expected('7class')
    assert (len(truth.rows), sum(counts.values()), subjects) == (593, 327, 118)
    assert len({row.subject for row in truth.rows}) == 123
    labels = list(truth.label_maps['7class'])
    files = list(tmp_path.glob('Emotion/*/*/*_emotion.txt'))
    written = Counter(labels[round(float(f.read_text())) - 1] for f in files)
    assert written == counts
    assert len(list(tmp_path.glob('Emotion/*/*'))) == 593
    check_disk(truth, step=50)


def test_generic(tmp_path, fake_releases, check_disk):
    truth = fake_releases.write_generic(tmp_path / 'a', bom=True, delimiter=';')
    lines = truth.sheet.read_bytes().decode('utf-8').splitlines()
    assert lines[0] == '\ufeffclip;subject;emotion;onset;apex;offset'
    assert len(lines) == 41
    check_disk(truth)
    columns = {'folder': 'path', 'emotion': 'label'}
    truth = fake_releases.write_generic(tmp_path / 'b', columns, video=True)
    name, emotion = truth.sheet.read_text().splitlines()[1].split(',')
    assert (tmp_path / 'b' / name).is_file() and emotion == truth.rows[0].emotion
    assert truth.rows[0].onset == 0 and truth.rows[0].apex is None


@pytest.mark.parametrize('sheet', ['a.xlsx', 'a.xls'])
def test_a_cell_is_broken_alone(tmp_path, fake_releases, sheet):
    truth = fake_releases.write_samm(tmp_path, sheet=sheet)
    before = fake_releases.read_workbook(truth.sheet)
    row = truth.rows[40]
    fake_releases.break_cell(truth.sheet, row.line, 'Onset Frame', 'x', 'MICRO_ONLY')
    fake_releases.break_cell(truth.sheet, row.line, 5, None, 'MICRO_ONLY')
    fake_releases.break_cell(truth.sheet, 5, 30, 'far', 'MICRO_ONLY')
    after = fake_releases.read_workbook(truth.sheet)
    line = after['MICRO_ONLY'][row.line - 1]
    assert line[1] == row.clip and line[3] == 'x' and line[5] == ''
    assert after['MICRO_ONLY'][4][30] == 'far'
    before['MICRO_ONLY'][row.line - 1][3] = 'x'
    before['MICRO_ONLY'][row.line - 1][5] = ''
    before['MICRO_ONLY'][4] += [''] * 18 + ['far']
    for name, lines in before.items():
        for old, new in zip(lines, after[name], strict=False):
            assert new[: len(old)] == old


def test_a_frame_is_broken_alone(tmp_path, fake_releases):
    truth = fake_releases.write_generic(tmp_path)
    row = truth.rows[0]
    path = tmp_path / row.folder / row.template.format(row.frames[0])
    assert path.stat().st_nlink > 1
    whole = [p for p in tmp_path.rglob('*.png') if p.stat().st_size]
    fake_releases.replace_file(path, b'')
    left = [p for p in tmp_path.rglob('*.png') if p.stat().st_size]
    assert len(left) == len(whole) - 1


def test_the_same_release_each_time(tmp_path, fake_releases):
    one = fake_releases.write_cas3(tmp_path / 'a')
    two = fake_releases.write_cas3(tmp_path / 'b')
    assert one.rows == two.rows
