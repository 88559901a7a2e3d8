"""``tools/data/prepare.py``."""

import pytest
from load_tool import load_tool
from preparing import contents_below, load_all

from mmaction_mer.datasets import read_annotation
from mmaction_mer.datasets.checking import frames_root
from mmaction_mer.datasets.preparation.readers import READERS


@pytest.fixture(scope='module')
def tool():
    return load_tool('data/prepare.py')


def arguments(reader, root, out, *more):
    command = [reader, '--root', root, '--out', out, '--workers', 1, *more]
    return [str(part) for part in command]


def test_the_tool_prepares_draws_and_stores(tool, faces, tmp_path, capsys):
    out = tmp_path / 'out'
    command = arguments('generic', faces, out, '--fps', 100, '--store')
    assert tool.main(command) == 0
    printed = capsys.readouterr().out
    assert 'clips of 3 subjects (happiness 1, sadness 2)' in printed
    assert '1 skipped' in printed
    assert (out / 'sheets' / 'clips_01.png').stat().st_size > 5000
    assert list((out / 'store').iterdir())
    rows = read_annotation(out / 'annotations.json')['data_list']
    assert frames_root(out / 'annotations.json', rows) == out / 'frames'


def test_strict_fails_after_the_work_is_done(tool, fake_releases, tmp_path, capsys):
    truth = fake_releases.write_smic(tmp_path / 'smic', kind='VIS')
    options = ['--no-crop', '--strict']
    out = tmp_path / 'a'
    assert tool.main(arguments('smic-vis', truth.root, out, *options)) == 0
    folder = truth.root / truth.rows[0].folder
    folder.rename(tmp_path / 'gone')
    out = tmp_path / 'b'
    assert tool.main(arguments('smic-vis', truth.root, out, *options)) == 1
    assert 'expected' in capsys.readouterr().err
    assert (out / 'annotations.json').is_file()


@pytest.mark.parametrize(
    'broken',
    [['--root', 'nowhere'], ['--sheet', 'nowhere.xlsx'], ['--face-model', 'no.onnx']],
)
def test_a_mistake_is_one_message(tool, mini, tmp_path, capsys, broken):
    assert tool.main(arguments('generic', mini, tmp_path / 'out', *broken)) == 1
    printed = capsys.readouterr().err
    assert printed.startswith('error: ') and broken[1] in printed
    assert 'Traceback' not in printed


def test_a_rerun_that_finds_no_face_keeps_the_result(tool, mini, tmp_path, capsys):
    """Here --no-crop is forgotten."""
    out = tmp_path / 'out'
    assert tool.main(arguments('generic', mini, out, '--no-crop')) == 0
    before = contents_below(out)
    assert len(before) == 25
    assert tool.main(arguments('generic', mini, out)) == 1
    assert '0 of 4 clips' in capsys.readouterr().err
    assert contents_below(out) == before
    for number, frames in enumerate(load_all(out)):
        wanted = [10 * number + n for n in range(1, 7)]
        assert [frame[0, 0, 0] for frame in frames] == wanted


def test_the_help_lists_every_release(tool):
    titles = {name: reader.title for name, reader in READERS.items()}
    assert tool.RELEASES == titles
