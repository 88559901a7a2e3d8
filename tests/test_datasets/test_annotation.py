import json
import math
import os

import pytest
from data_errors import raises_data_error
from fake_clips import content, row, video_row
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction_mer.datasets.annotation import (
    clip_name,
    read_annotation,
    validate_annotation,
    write_annotation,
)
from mmaction_mer.datasets.annotation_rules import (
    path_problem,
    row_problems,
    split_template,
)
from mmaction_mer.utils.errors import MERDataError

REQUIRED = [key for key in row() if key not in ('emotion', 'aus')]


def test_round_trip(tmp_path):
    path = tmp_path / 'deep' / 'fake.json'
    expected = content(row(), video_row('sub01/v.mp4', clip='v'))
    write_annotation(path, expected)
    assert read_annotation(path) == expected
    path.write_text(json.dumps(expected), encoding='utf-8-sig')
    assert read_annotation(path) == expected


def test_optional_fields_are_filled_in(tmp_path):
    path = tmp_path / 'fake.json'
    write_annotation(path, content(row(apex=None, fps=25, emotion=..., aus=...)))
    found = read_annotation(path)['data_list'][0]
    assert (found['apex'], found['emotion'], found['aus']) == (None, '', [])
    assert isinstance(found['fps'], float) and found['fps'] == 25


INVALID = {
    'apex': [2, 13, 7.0],
    # Before onset, one frame, far too long.
    'offset': [2, 3, 2**40, 10**6, '12', True],
    'onset': [-1, '3', True, None, 10**5000],
    'fps': [math.nan, math.inf, 0, -30.0, '200', True, 10**400],
    'label': [3, -1, True, 'a', 1.0],
    'subject': ['', 1, '../sub01', '..', 'sub01\n', 'a\x00b', '\ud800'],
    'clip': ['a/b', 'a\\b', 'x' * 300],
    'dataset': [None],
    'frame_dir': ['../c1', 'a/../../c1', '/data/c1', 'C:/data', 'a\\..\\b',
                  's3://bucket/c1', '', 'a\x00b', 5, None],
    'filename_tmpl': ['img.jpg', 'img{}_{}.jpg', '../img{}.jpg', 'img{', None,
                      'img{0.__class__}.jpg', 'img{:0999999999d}.jpg', 'img{:>5}.jpg'],
    'emotion': [3],
    'aus': ['4+7', [4]],
}  # fmt: skip


@pytest.mark.parametrize('field', INVALID)
def test_an_invalid_value_is_reported_with_file_clip_and_field(field):
    for value in INVALID[field]:
        broken = row(clip='other')
        broken[field] = value
        with raises_data_error(
            '1 problem(s)', 'data_list[0]', f"field '{field}'", path='some.json'
        ) as caught:
            validate_annotation(content(broken, row()), 'some.json')
        message = str(caught.value)
        assert 'data_list[1]' not in message
        if field not in ('dataset', 'subject', 'clip'):
            assert 'clip fake/sub01/other' in message
        message.encode()  # can be printed, whatever is in the file


@pytest.mark.parametrize('field', REQUIRED)
def test_a_missing_field_is_reported(field):
    with raises_data_error(f"field '{field}'"):
        validate_annotation(content(row(**{field: ...})))


def test_frames_and_video_exclude_each_other():
    with raises_data_error('only one'):
        validate_annotation(content(row(video='a.mp4')))


def test_duplicates_spellings_and_shared_frames():
    second = row(clip='c2')
    for rows, words in (
        ([row(), second, row()], ['data_list[2]', 'duplicate of', '(data_list[0])']),
        ([row(), row('Sub01', 'c2')], ["'Sub01' is spelled 'sub01'"]),
        ([row(), row('sub02', frame_dir='./sub01//c1')], ["field 'frame_dir'"]),
    ):
        with raises_data_error(*words):
            validate_annotation(content(*rows))
    validate_annotation(content(row(), row(dataset='other')))
    # Several clips of one subject in one recording are common.
    validate_annotation(content(row(), second | {'frame_dir': row()['frame_dir']}))


@pytest.mark.parametrize(
    ('field', 'values'),
    [
        (
            'classes',
            [None, [], ['a'], ['a', 'a'], ['a', 1], ['a', ''], 'abc', [[], []]],
        ),
        ('subjects_known', [1, 'yes', None]),
        ('format', [2, '1', True, None]),
    ],
)
def test_invalid_metainfo(field, values):
    for value in values:
        with raises_data_error(f"metainfo: field '{field}'"):
            validate_annotation(content(**{field: value}))
    validate_annotation(content(subjects_known=False))


CLASSES = {'classes': ['a', 'b']}


@pytest.mark.parametrize(
    'broken',
    [
        None,
        [],
        'text',
        {},
        {'metainfo': {}},
        {'metainfo': [], 'data_list': 3},
        {'metainfo': CLASSES, 'data_list': []},
        {'metainfo': CLASSES, 'data_list': {}},
        {'metainfo': CLASSES, 'data_list': [None]},
    ],
)
def test_another_structure_is_rejected(broken):
    with raises_data_error(path='some.json'):
        validate_annotation(broken, 'some.json')


def test_all_problems_are_counted_and_twenty_shown():
    rows = [row(clip=f'c{i}', fps=0) for i in range(30)]
    with raises_data_error('30 problem(s)') as caught:
        validate_annotation(content(*rows))
    lines = str(caught.value).splitlines()
    assert len(lines) == 22 and lines[-1].strip() == '... and 10 more'


def test_unreadable_files(tmp_path):
    with raises_data_error('not found', path=tmp_path / 'gone.json', hint=True):
        read_annotation(tmp_path / 'gone.json')
    whole = json.dumps(content())
    path = tmp_path / 'bad.json'
    for text in ('', 'not json', whole[: len(whole) // 2], whole[:-1]):
        path.write_text(text)
        with raises_data_error('not valid JSON or is truncated', path=path, hint=True):
            read_annotation(path)
    for data, words in (
        (b'\xff\xfe{}', 'cannot be read'),
        (whole.replace('200.0', '1' * 5000).encode(), ''),
        (whole.replace('200.0', 'NaN').encode(), "field 'fps'"),
        (b'{"metainfo": {}, "metainfo": {}, "data_list": []}', "duplicate key 'metainfo'"),
    ):
        path.write_bytes(data)
        with raises_data_error(words, path=path) as caught:
            read_annotation(path)
        assert 'truncated' not in str(caught.value)


def test_nothing_is_written_if_the_content_is_invalid(tmp_path):
    path = tmp_path / 'fake.json'
    write_annotation(path, content())
    before = path.read_text()
    for change in ({'fps': 0}, {'more': math.nan}, {'more': {1}}):
        with raises_data_error(path=path):
            write_annotation(path, content(row(**change)))
    assert path.read_text() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ['fake.json']


def test_templates():
    for template, parts in {
        'img{}.jpg': ('img', '.jpg'),
        'img{:05d}.jpg': ('img', '.jpg'),
        '{}.png': ('', '.png'),
        '006_{:d}.jpg': ('006_', '.jpg'),
        'a{{b}}{:03}': ('a{b}', ''),
    }.items():
        assert split_template(template) == parts


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-2, 15)
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from([10**400, '..', '/', 'C:', 'img{}.jpg', '\ud800', '\x00']),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=5,
)
changes = st.dictionaries(st.sampled_from([*row(), 'video']), json_values, max_size=4)


@settings(max_examples=150, deadline=None)
@given(json_values, json_values, st.lists(json_values | changes, max_size=3))
def test_validation_raises_nothing_else(whole, metainfo, rows):
    candidates = [
        whole,
        {'metainfo': metainfo, 'data_list': rows},
        content(*({**row(), **one} for one in rows if isinstance(one, dict))),
    ]
    for candidate in candidates:
        try:
            validate_annotation(candidate)
        except MERDataError as error:
            str(error).encode()


@settings(max_examples=200, deadline=None)
@given(changes)
def test_validation_accepts_no_invalid_row(change):
    one = {**row(), **change}
    try:
        validate_annotation(content(one))
    except MERDataError:
        return
    # The rules of docs/annotation.md, written independently.
    assert type(one['onset']) is int and type(one['offset']) is int
    assert 0 <= one['onset'] < one['offset']
    assert one['apex'] is None or (
        type(one['apex']) is int and one['onset'] <= one['apex'] <= one['offset']
    )
    assert type(one['fps']) in (int, float) and math.isfinite(one['fps'])
    assert one['fps'] > 0
    assert type(one['label']) is int and one['label'] in (0, 1, 2)
    assert (one.get('frame_dir') is None) != (one.get('video') is None)
    path = one['frame_dir'] if one.get('video') is None else one['video']
    assert isinstance(path, str) and path and not path.startswith('/')
    assert '..' not in path.split('/') and '\\' not in path and '\x00' not in path
    if one.get('video') is None:
        assert one['filename_tmpl'].format(7) != one['filename_tmpl'].format(8)
    for name in clip_name(one).split('/', 2):
        assert name.strip() and '\\' not in name
    assert clip_name(one).count('/') == 2


@given(st.text(st.sampled_from('a./\\:C'), max_size=8))
def test_a_valid_path_never_leaves_the_root(path):
    if path_problem(path) is None:
        joined = os.path.normpath(os.path.join('/data/root', path))
        assert joined == '/data/root' or joined.startswith('/data/root/')


def test_a_valid_row_has_no_problems():
    for one in (row(), row(apex=3), row(apex=12)):
        assert row_problems(one, 3) == []


LONG = 'x' * 1_000_000
DEEP: list = []
for _ in range(500):
    DEEP = [DEEP]
HOSTILE_ROWS = [
    *({field: LONG} for field in ('subject', 'clip', 'dataset', 'emotion', 'frame_dir',
                                  'label', 'fps', 'note')),
    dict(aus=[LONG]),
    dict(aus=['4'] * 100_000),
    dict(frame_dir='a/' + 'x' * 256 + '/b'),
    dict(frame_dir='a/' * 3000 + 'b'),
    dict(filename_tmpl='{}' + LONG),
    dict(onset=10**4000),
    dict(note={'a': [1, LONG]}),
    {LONG: 1},
    dict(note=DEEP),
    dict(note=[1e999]),
    # Characters that a terminal acts upon, or that cannot be encoded.
    dict(subject='a\x1b[2Jb'),
    dict(emotion='a\x1b[2Jb'),
    dict(aus=['\x1b]0;b']),
    dict(note='\x9b2J'),
    {'\x1b[2J': 1},
    dict(clip='a\u202eb'),
    dict(clip='a\u2028error: b'),
    dict(frame_dir='a\0b'),
    dict(frame_dir='a\ud800'),
]  # fmt: skip
HOSTILE_METAINFO = [
    dict(classes=['a', LONG]),
    dict(classes=[f'c{number}' for number in range(100_000)]),
    dict(labels=LONG),
    dict(labels=['a']),
    dict(labels='\x1b[2J'),
    dict(task_name={'a': 1}),
    dict(dataset='\x1b[2J'),
    dict(note=LONG),
    dict(note=DEEP),
    {LONG: 1},
]
CONTENTS = [
    # Six rows each, so that the whole message is bounded too.
    *(content(*[{**row(), 'clip': f'c{n}', 'frame_dir': f'f{n}', **change}
                for n in range(6)]) for change in HOSTILE_ROWS),
    *(content(**change) for change in HOSTILE_METAINFO),
]  # fmt: skip


@pytest.mark.parametrize('number', range(len(CONTENTS)))
def test_hostile_values_give_a_short_printable_message(tmp_path, number):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(CONTENTS[number]))
    with raises_data_error(path=path) as caught:
        read_annotation(path)
    message = str(caught.value)
    assert len(message) < 9000 and message.replace('\n', '').isprintable()


@pytest.mark.parametrize(
    'text',
    [
        '[' * 1_000_000,
        '[' + '[],' * 10_000_000 + '[]]',
        '{"metainfo": {}, "data_list": [' + '{},' * 9_000_000 + '{}]}',
        '{"a": ' + '9' * 10_000 + '}',
        ' ' * (1 << 26) + '{}',
        json.dumps(content(*[{'clip': 'x' * 300}] * 12_000)),
    ],
    ids=['deep', 'many', 'many rows', 'number', 'long', 'many problems'],
)
def test_large_files(tmp_path, text):
    path = tmp_path / 'a.json'
    path.write_text(text)
    with raises_data_error(path=path) as caught:
        read_annotation(path)
    assert len(str(caught.value)) < 20_000


@pytest.mark.parametrize('kind', ['pipe', 'folder', 'device'])
def test_special_files_do_not_block(tmp_path, kind):
    path = tmp_path / 'a.json'
    make = dict(pipe=os.mkfifo, folder=os.mkdir)
    make.get(kind, lambda one: one.symlink_to('/dev/zero'))(path)
    with raises_data_error(path=path):
        read_annotation(path)
