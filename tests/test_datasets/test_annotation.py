import json
import math
import os

import pytest
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

SOUND = {
    'dataset': 'fake',
    'subject': 'sub01',
    'clip': 'c1',
    'frame_dir': 'sub01/c1',
    'filename_tmpl': 'img{}.jpg',
    'onset': 3,
    'apex': 7,
    'offset': 12,
    'fps': 200.0,
    'label': 0,
}


def content(*rows, **metainfo):
    return {
        'metainfo': {'classes': ['a', 'b', 'c'], **metainfo},
        'data_list': list(rows),
    }


def test_written_is_what_is_read(tmp_path, fake):
    path = tmp_path / 'deep' / 'fake.json'
    video = fake.row(clip='v', frame_dir=..., filename_tmpl=..., video='sub01/v.mp4')
    wanted = fake.content(fake.row(), video)
    write_annotation(path, wanted)
    assert read_annotation(path) == wanted


def test_what_may_be_left_out_is_filled_in(tmp_path, fake):
    path = tmp_path / 'fake.json'
    write_annotation(
        path, fake.content(fake.row(apex=None, fps=25, emotion=..., aus=...))
    )
    row = read_annotation(path)['data_list'][0]
    assert (row['apex'], row['emotion'], row['aus']) == (None, '', [])
    assert isinstance(row['fps'], float) and row['fps'] == 25


def test_a_byte_order_mark_is_no_harm(tmp_path):
    path = tmp_path / 'fake.json'
    path.write_text(json.dumps(content(SOUND)), encoding='utf-8-sig')
    assert read_annotation(path)['data_list'][0]['clip'] == 'c1'


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('apex', 2),
        ('apex', 13),
        ('apex', 7.0),
        ('offset', 2),  # before onset
        ('offset', 3),  # one frame
        ('offset', 2**40),
        ('offset', 10**6),
        ('offset', '12'),
        ('offset', True),
        ('onset', -1),
        ('onset', '3'),
        ('onset', True),
        ('onset', None),
        pytest.param('onset', 10**5000, id='onset-of-5001-digits'),
        ('fps', math.nan),
        ('fps', math.inf),
        ('fps', 0),
        ('fps', -30.0),
        ('fps', '200'),
        ('fps', True),
        ('fps', 10**400),
        ('label', 3),
        ('label', -1),
        ('label', True),
        ('label', 'a'),
        ('label', 1.0),
        ('subject', ''),
        ('subject', 1),
        ('subject', '../sub01'),
        ('subject', '..'),
        ('subject', 'sub01\n'),
        ('subject', 'a\x00b'),
        ('subject', '\ud800'),
        ('clip', 'a/b'),
        ('clip', 'a\\b'),
        ('clip', 'x' * 300),
        ('dataset', None),
        ('frame_dir', '../c1'),
        ('frame_dir', 'a/../../c1'),
        ('frame_dir', '/data/c1'),
        ('frame_dir', 'C:/data'),
        ('frame_dir', 'a\\..\\b'),
        ('frame_dir', 's3://bucket/c1'),
        ('frame_dir', ''),
        ('frame_dir', 'a\x00b'),
        ('frame_dir', 5),
        ('frame_dir', None),
        ('filename_tmpl', 'img.jpg'),
        ('filename_tmpl', 'img{}_{}.jpg'),
        ('filename_tmpl', '../img{}.jpg'),
        ('filename_tmpl', 'img{'),
        ('filename_tmpl', 'img{0.__class__}.jpg'),
        ('filename_tmpl', 'img{:0999999999d}.jpg'),
        ('filename_tmpl', 'img{:>5}.jpg'),
        ('filename_tmpl', None),
        ('emotion', 3),
        ('aus', '4+7'),
        ('aus', [4]),
    ],
)
def test_a_broken_field_is_named_with_file_and_clip(field, value):
    row = {**SOUND, 'clip': 'other'}
    with pytest.raises(MERDataError) as caught:
        validate_annotation(content(row | {field: value}, SOUND), 'some.json')
    message = str(caught.value)
    assert message.startswith('some.json: ')
    assert '1 problem(s)' in message
    assert 'data_list[0]' in message and 'data_list[1]' not in message
    assert f"field '{field}'" in message
    if field not in ('dataset', 'subject', 'clip'):
        assert 'clip fake/sub01/other' in message
    message.encode()  # can be printed, whatever the file held


@pytest.mark.parametrize('field', sorted(SOUND))
def test_a_missing_field_is_named(field):
    row = {key: value for key, value in SOUND.items() if key != field}
    with pytest.raises(MERDataError, match=f"field '{field}'"):
        validate_annotation(content(row))


def test_frames_and_video_exclude_each_other():
    with pytest.raises(MERDataError, match='only one'):
        validate_annotation(content(SOUND | {'video': 'a.mp4'}))


def test_a_nan_in_the_file_is_refused_by_name(tmp_path):
    path = tmp_path / 'fake.json'
    path.write_text(json.dumps(content(SOUND | {'fps': math.nan})))
    assert 'NaN' in path.read_text()
    with pytest.raises(MERDataError, match=r"sub01/c1.*field 'fps'.*nan"):
        read_annotation(path)


def test_a_duplicate_clip_is_refused():
    rows = [SOUND, SOUND | {'clip': 'c2'}, SOUND]
    with pytest.raises(
        MERDataError, match=r'data_list\[2\].*duplicate.*data_list\[0\]'
    ):
        validate_annotation(content(*rows))
    validate_annotation(content(SOUND, SOUND | {'dataset': 'other'}))


def test_a_subject_is_spelled_one_way():
    rows = [SOUND, SOUND | {'subject': 'Sub01', 'clip': 'c2', 'frame_dir': 'x'}]
    with pytest.raises(MERDataError, match="'Sub01' is spelled 'sub01'"):
        validate_annotation(content(*rows))


def test_two_subjects_do_not_share_frames():
    rows = [SOUND, SOUND | {'subject': 'sub02', 'frame_dir': './sub01//c1'}]
    with pytest.raises(MERDataError, match='both sides'):
        validate_annotation(content(*rows))
    # Two clips of one subject in one recording are common.
    validate_annotation(content(SOUND, SOUND | {'clip': 'c2', 'onset': 5}))


@pytest.mark.parametrize(
    'classes', [None, [], ['a'], ['a', 'a'], ['a', 1], ['a', ''], 'abc', [['a'], ['b']]]
)
def test_broken_classes_are_refused(classes):
    with pytest.raises(MERDataError, match="metainfo, field 'classes'"):
        validate_annotation(content(SOUND, classes=classes))


@pytest.mark.parametrize('known', [1, 'yes', None])
def test_subjects_are_known_or_not(known):
    with pytest.raises(MERDataError, match="field 'subjects_known'"):
        validate_annotation(content(SOUND, subjects_known=known))
    validate_annotation(content(SOUND, subjects_known=False))


@pytest.mark.parametrize('known', [2, '1', True, None])
def test_another_format_is_refused(known):
    with pytest.raises(MERDataError, match="field 'format'"):
        validate_annotation(content(SOUND, format=known))


@pytest.mark.parametrize(
    'broken',
    [
        None,
        [],
        'text',
        {},
        {'metainfo': {}},
        {'metainfo': [], 'data_list': 3},
        {'metainfo': {'classes': ['a', 'b']}, 'data_list': []},
        {'metainfo': {'classes': ['a', 'b']}, 'data_list': {}},
        {'metainfo': {'classes': ['a', 'b']}, 'data_list': [None]},
    ],
)
def test_another_shape_is_refused(broken):
    with pytest.raises(MERDataError, match='some.json'):
        validate_annotation(broken, 'some.json')


def test_all_problems_are_counted_and_twenty_shown():
    rows = [SOUND | {'clip': f'c{i}', 'fps': 0} for i in range(30)]
    with pytest.raises(MERDataError) as caught:
        validate_annotation(content(*rows))
    lines = str(caught.value).splitlines()
    assert '30 problem(s)' in lines[0]
    assert len(lines) == 22 and lines[-1].strip() == '... and 10 more'


def test_files_that_are_no_annotation(tmp_path):
    missing = tmp_path / 'missing.json'
    with pytest.raises(MERDataError, match=r'missing\.json: annotation file not found'):
        read_annotation(missing)
    with pytest.raises(MERDataError, match='not readable'):
        read_annotation(tmp_path)
    whole = json.dumps(content(SOUND))
    bad = tmp_path / 'bad.json'
    for text in ('', 'not json', whole[: len(whole) // 2], whole[:-1], '[' * 100_000):
        bad.write_text(text)
        with pytest.raises(MERDataError, match=r'bad\.json: not a JSON file'):
            read_annotation(bad)
    bad.write_bytes(b'\xff\xfe{}')
    with pytest.raises(MERDataError, match='not readable'):
        read_annotation(bad)
    bad.write_text(whole.replace('200.0', '1' * 5000))
    with pytest.raises(MERDataError):
        read_annotation(bad)


def test_nothing_is_written_when_the_content_is_broken(tmp_path):
    path = tmp_path / 'fake.json'
    write_annotation(path, content(SOUND))
    before = path.read_text()
    for broken in (
        SOUND | {'fps': 0},
        SOUND | {'more': math.nan},
        SOUND | {'more': {1}},
    ):
        with pytest.raises(MERDataError, match=r'fake\.json'):
            write_annotation(path, content(broken))
    assert path.read_text() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ['fake.json']


@pytest.mark.parametrize(
    ('template', 'parts'),
    [
        ('img{}.jpg', ('img', '.jpg')),
        ('img{:05d}.jpg', ('img', '.jpg')),
        ('{}.png', ('', '.png')),
        ('006_{:d}.jpg', ('006_', '.jpg')),
        ('a{{b}}{:03}', ('a{b}', '')),
    ],
)
def test_templates(template, parts):
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
FIELDS = [*SOUND, 'video', 'emotion', 'aus']
changes = st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=4)


@settings(max_examples=300, deadline=None)
@given(json_values, json_values, st.lists(json_values | changes, max_size=3))
def test_validation_raises_nothing_else(whole, metainfo, rows):
    candidates = [
        whole,
        {'metainfo': metainfo, 'data_list': rows},
        content(*({**SOUND, **row} for row in rows if isinstance(row, dict))),
    ]
    for candidate in candidates:
        try:
            validate_annotation(candidate)
        except MERDataError as error:
            str(error).encode()


def is_whole(value):
    return type(value) is int


@settings(max_examples=500, deadline=None)
@given(changes)
def test_validation_passes_no_broken_row(change):
    row = {**SOUND, **change}
    try:
        validate_annotation(content(row))
    except MERDataError:
        return
    # The rules of docs/annotation.md, said once more in other words.
    assert is_whole(row['onset']) and is_whole(row['offset'])
    assert 0 <= row['onset'] < row['offset']
    assert row['apex'] is None or (
        is_whole(row['apex']) and row['onset'] <= row['apex'] <= row['offset']
    )
    assert type(row['fps']) in (int, float) and math.isfinite(row['fps'])
    assert row['fps'] > 0
    assert is_whole(row['label']) and row['label'] in (0, 1, 2)
    assert (row.get('frame_dir') is None) != (row.get('video') is None)
    path = row['frame_dir'] if row.get('video') is None else row['video']
    assert isinstance(path, str) and path and not path.startswith('/')
    assert '..' not in path.split('/') and '\\' not in path and '\x00' not in path
    if row.get('video') is None:
        assert row['filename_tmpl'].format(7) != row['filename_tmpl'].format(8)
    for name in clip_name(row).split('/', 2):
        assert name.strip() and '\\' not in name
    assert clip_name(row).count('/') == 2


@given(st.text(st.sampled_from('a./\\:C'), max_size=8))
def test_a_sound_path_never_leaves_the_root(path):
    import os

    if path_problem(path) is None:
        joined = os.path.normpath(os.path.join('/data/root', path))
        assert joined == '/data/root' or joined.startswith('/data/root/')


def test_a_sound_row_has_no_problems(fake):
    assert row_problems(SOUND, 3) == []
    assert row_problems(fake.row(apex=3), 3) == row_problems(fake.row(apex=12), 3) == []


LONG = 'x' * 5_000_000
DEEP = []
for _ in range(500):
    DEEP = [DEEP]
HOSTILE = {
    'long subject': dict(subject=LONG),
    'long clip': dict(clip=LONG),
    'long dataset': dict(dataset=LONG),
    'long emotion': dict(emotion=LONG),
    'long action unit': dict(aus=[LONG]),
    'many action units': dict(aus=['4'] * 100_000),
    'long path': dict(frame_dir=LONG),
    'long folder': dict(frame_dir='a/' + 'x' * 256 + '/b'),
    'many folders': dict(frame_dir='a/' * 3000 + 'b'),
    'long template': dict(filename_tmpl='{}' + LONG),
    'long label': dict(label=LONG),
    'long number': dict(onset=10**4000),
    'long frame rate': dict(fps=LONG),
    'long other field': dict(note=LONG),
    'long text inside': dict(note={'a': [1, LONG]}),
    'long name of a field': {LONG: 1},
    'deep other field': dict(note=DEEP),
    'infinite other field': dict(note=[1e999]),
    'escape in a name': dict(subject='a\x1b[2Jb'),
    'escape in an emotion': dict(emotion='a\x1b[2Jb'),
    'escape in an action unit': dict(aus=['\x1b]0;b']),
    'escape in another field': dict(note='\x9b2J'),
    'escape in the name of a field': {'\x1b[2J': 1},
    'turned writing': dict(clip='a\u202eb'),
    'second line': dict(clip='a\u2028error: b'),
    'nul in a path': dict(frame_dir='a\0b'),
    'half a character': dict(frame_dir='a\ud800'),
}


@pytest.mark.parametrize('reason', HOSTILE)
def test_texts_of_any_size_are_refused_in_a_few_words(tmp_path, reason):
    path = tmp_path / 'a.json'
    # Six of them, so that what is said of all is short too.
    rows = [{**SOUND, 'clip': f'c{n}', 'frame_dir': f'f{n}'} for n in range(6)]
    path.write_text(json.dumps(content(*[row | HOSTILE[reason] for row in rows])))
    with pytest.raises(MERDataError) as caught:
        read_annotation(path)
    message = str(caught.value)
    assert 'c' in message and len(message) < 9000
    assert message.replace('\n', '').isprintable()


@pytest.mark.parametrize(
    'metainfo',
    [
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
    ],
)
def test_so_is_what_a_file_says_of_itself(tmp_path, metainfo):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(content(SOUND, **metainfo)))
    with pytest.raises(MERDataError) as caught:
        read_annotation(path)
    message = str(caught.value)
    assert len(message) < 2000 and message.replace('\n', '').isprintable()


@pytest.mark.parametrize(
    'text',
    [
        '[' * 1_000_000,
        '[' + '[],' * 10_000_000 + '[]]',
        '{"metainfo": {}, "data_list": [' + '{},' * 9_000_000 + '{}]}',
        '{"a": ' + '9' * 10_000 + '}',
        '{"metainfo": {}, "metainfo": {}, "data_list": []}',
        ' ' * (1 << 26) + '{}',
    ],
    ids=['deep', 'many', 'many rows', 'number', 'twice', 'long'],
)
def test_files_that_take_too_much(tmp_path, text):
    path = tmp_path / 'a.json'
    path.write_text(text)
    with pytest.raises(MERDataError) as caught:
        read_annotation(path)
    assert len(str(caught.value)) < 1000


def test_of_very_many_problems_some_are_said(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(content(*[{'clip': 'x' * 300}] * 50_000)))
    with pytest.raises(MERDataError) as caught:
        read_annotation(path)
    assert len(str(caught.value)) < 20_000


@pytest.mark.parametrize('kind', ['pipe', 'folder', 'device'])
def test_what_is_no_file_is_not_waited_for(tmp_path, kind):
    path = tmp_path / 'a.json'
    make = dict(pipe=os.mkfifo, folder=os.mkdir)
    make.get(kind, lambda one: one.symlink_to('/dev/zero'))(path)
    with pytest.raises(MERDataError, match=r'a\.json'):
        read_annotation(path)
