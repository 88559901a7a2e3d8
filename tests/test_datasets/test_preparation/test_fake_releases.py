"""The fake releases have the counts, layouts and quirks of docs/datasets.md.

What a right reader makes of them is asserted in ``test_readers.py``.
"""

import re
from collections import Counter, defaultdict

import cv2
import pytest

BLANK = (None, '', ' ')
SIX = dict(happiness=36, anger=8, surprise=89, disgust=72, fear=16, sadness=13)
# Writer, options, clips by emotion, subjects, rows by quirk.
RELEASES = [
    ('casme2', {}, dict(others=99, disgust=63, happiness=32, repression=27,
                        surprise=25, sadness=7, fear=2), 26,
     {'apex /': 1, 'range differs': 3}),
    ('casme2', {'variant': 'mpt', 'cropped': False, 'subject_numbers': True},
     dict(others=99, disgust=64, happiness=32, repression=27, surprise=25, sadness=7,
          fear=2), 26, {}),
    ('casme2', {'variant': 'third', 'added': True, 'sheet': 'any.xls'},
     dict(others=99, disgust=63, happiness=32, repression=27, surprise=28, sadness=7,
          fear=2), 26, {}),
    ('samm', {}, dict(anger=57, contempt=12, disgust=9, fear=8, happiness=26,
                      sadness=6, surprise=15, other=26), 29, {'bad apex': 3}),
    ('smic', {}, dict(negative=70, positive=51, surprise=43), 16, {}),
    ('smic', {'kind': 'NIR', 'cropped': False},
     dict(negative=28, positive=23, surprise=20), 8, {}),
    ('smic', {'form': 'long'}, dict(negative=70, positive=51, surprise=43), 16,
     {'second expression': 7, 'two expressions': 7}),
    ('casme', {}, dict(tense=69, disgust=44, repression=38, surprise=20, happiness=9,
                       sadness=6, fear=2, contempt=1), 19,
     {'wrong onset': 3, 'wrong offset': 5}),
    ('mmew', {'kind': 'micro'}, SIX | {'others': 66}, 30, {'numbers overlap': 10}),
    ('mmew', {'kind': 'macro', 'layout': 'emotion', 'numbering': 'absolute'},
     dict.fromkeys(SIX, 150), 30, {}),
    ('cas3', {}, dict(disgust=250, surprise=187, others=161, fear=86, anger=64, sad=57,
                      happy=55), 94,
     {'apex before onset': 2, 'onset after offset': 1, 'offset 0': 1,
      'lacks all frames': 30, 'lacks some frames': 30, 'lacks the end': 26}),
    ('cas3', {'part': 'C', 'below': ''}, dict(disgust=48, surprise=34, others=31,
                                              fear=18, anger=13, sad=11, happy=10),
     31, {'Chinese comma': 1}),
    ('4dme', {}, {'negative': 127, 'positive': 34, 'surprise': 30, 'repression': 6,
                  'others': 31, 'positive surprise': 13, 'negative surprise': 8,
                  'repression surprise': 3, 'positive repression': 8,
                  'negative repression': 7}, 41, {}),
    ('ckplus', {}, {'anger': 45, 'contempt': 18, 'disgust': 59, 'fear': 25,
                    'happy': 69, 'sadness': 28, 'surprise': 83, '': 266}, 123, {}),
    ('generic', {'bom': True, 'delimiter': ';'}, dict(happy=16, sad=12, angry=12), 8,
     {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ('name', 'options', 'emotions', 'subjects', 'quirks'),
    RELEASES,
    ids=[f'{number}-{one[0]}' for number, one in enumerate(RELEASES)],
)
def test_counts_frames_and_sheet(
    tmp_path, fake_releases, name, options, emotions, subjects, quirks
):
    truth = getattr(fake_releases, f'write_{name}')(tmp_path, **options)
    assert truth.emotions() == emotions
    assert len({row.subject for row in truth.rows}) == subjects
    assert {quirk: len(truth.quirk(quirk)) for quirk in quirks} == quirks
    folders = defaultdict(set)
    for row in truth.rows:
        assert len(row.frames) <= 12 and row.frames == sorted(row.frames)
        folders[row.folder].update(map(row.template.format, row.frames))
        if row.outcome not in ('skipped', 'absent'):
            inside = [n for n in row.frames if row.onset <= n <= row.offset]
            assert len(inside) >= 4 and row.onset < row.offset
            assert row.apex is None or row.onset <= row.apex <= row.offset
    # The frames of the rows are on disk, and no others.
    suffixes = {row.template.rpartition('.')[2] for row in truth.rows}
    for folder, frames in folders.items():
        held = tmp_path / folder
        names = {path.name for path in held.iterdir()} if held.is_dir() else set()
        visible = {n for n in names if n[0] != '.' and n.rpartition('.')[2] in suffixes}
        assert visible == frames
    for row in truth.rows[::40]:
        for number in row.frames[:2]:
            path = tmp_path / row.folder / row.template.format(number)
            image = cv2.imread(str(path))
            assert fake_releases.number_modulo_64(image) == number % 64
    if truth.sheet is None or truth.sheet.suffix == '.csv':
        return
    # The cells are those of the rows, and blank rows are among them.
    lines = fake_releases.read_workbook(truth.sheet)[truth.sheet_name]
    by_line = {row.line: row for row in truth.rows if row.line}
    titles = set(filter(None, next(iter(by_line.values())).cells))
    header = next(
        n for n, line in enumerate(lines) if set(filter(None, line)) == titles
    )
    full = {
        number
        for number, line in enumerate(lines[header + 1 :], header + 2)
        if any(value not in BLANK for value in line)
    }
    assert full == set(by_line) and len(full) < max(full) - header
    for number, row in by_line.items():
        written = dict(zip(lines[header], lines[number - 1], strict=True))
        for title, value in row.cells.items():
            assert written[title] == ('' if value is None else value)


def test_names_that_sort_wrongly_as_text(tmp_path, fake_releases):
    truth = fake_releases.write_casme2(tmp_path / 'a')
    wrong = 0
    for row in truth.rows:
        names = (p.name for p in (truth.root / row.folder).glob('reg_img*.jpg'))
        order = [int(re.findall('[0-9]+', name)[-1]) for name in sorted(names)]
        wrong += order != sorted(order)
    assert wrong == 156
    truth = fake_releases.write_samm(tmp_path / 'b')
    widths = Counter(row.template.removeprefix(row.subject) for row in truth.rows)
    assert set(widths) == {'_{:05d}.jpg', '_{:04d}.jpg', '_{}.jpg'}


@pytest.mark.parametrize('layout', ['folders', 'mp4'])
def test_dfew(tmp_path, fake_releases, layout):
    gone = {('00003', '00003')}
    truth = fake_releases.write_dfew(tmp_path, layout, missing=gone)
    assert len(truth.rows) == 175 and len(truth.came_out()) == 174
    lines = truth.sheet.read_text().splitlines()
    assert lines[0] == 'video_name,label' and len(lines) == 141
    row = truth.only('train').rows[-1]
    labels = list(truth.label_maps['7class'])
    assert lines[-1] == f'{int(row.clip)},{1 + labels.index(row.emotion)}'
    assert not (tmp_path / 'Clip/clip_224x224/00003').exists()
    if layout == 'mp4':
        video = cv2.VideoCapture(str(tmp_path / row.folder))
        frames = []
        while (read := video.read())[0]:
            frames.append(round(read[1].mean() / 20))
        assert frames == row.frames


@pytest.mark.parametrize('sheet', ['a.xlsx', 'a.xls'])
def test_one_cell_or_frame_is_changed(tmp_path, fake_releases, sheet):
    truth = fake_releases.write_samm(tmp_path, sheet=sheet)
    before = fake_releases.read_workbook(truth.sheet)
    row = truth.rows[40]
    fake_releases.break_cell(truth.sheet, row.line, 'Onset Frame', 'x', 'MICRO_ONLY')
    after = fake_releases.read_workbook(truth.sheet)
    before['MICRO_ONLY'][row.line - 1][3] = 'x'
    for name, lines in before.items():
        for old, new in zip(lines, after[name], strict=False):
            assert new[: len(old)] == old
    path = tmp_path / row.folder / row.template.format(row.frames[0])
    assert path.stat().st_nlink > 1
    fake_releases.replace_file(path, b'')
    assert sum(not one.stat().st_size for one in tmp_path.rglob('*.jpg')) == 1


def test_the_same_release_each_time(tmp_path, fake_releases):
    one = fake_releases.write_cas3(tmp_path / 'a')
    assert one.rows == fake_releases.write_cas3(tmp_path / 'b').rows
    with pytest.raises(AssertionError, match='no such clip'):
        fake_releases.write_cas3(tmp_path / 'c', missing={('sub01', 'EP99')})
