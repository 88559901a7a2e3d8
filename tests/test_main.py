"""``python -m mmaction_mer predict``."""

import json
import subprocess
import sys

import pytest
from inference_toy import encode, make_run, synthetic_clip
from load_tool import load_tool

from mmaction_mer.__main__ import main
from mmaction_mer.apis import load_weights


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('videos')
    for number in range(2):
        clip = synthetic_clip(seed=3 + number)
        encode(folder / f'clip{number}.mp4', clip, 200)
    (folder / 'text.mp4').write_text('no video')
    return folder


def test_all_outputs_of_one_clip(videos, tmp_path, capsys):
    out = [tmp_path / name for name in ('a.json', 'a.mp4', 'a.png')]
    code = main(
        ['predict', str(videos / 'clip0.mp4'), '--out', str(out[0]), '--render',
         str(out[1]), '--timeline', str(out[2]), '--device', 'cpu']
    )  # fmt: skip
    assert code == 0
    told = json.loads(out[0].read_text())
    assert told['failed'] == []
    (prediction,) = told['predictions']
    printed = capsys.readouterr().out
    assert f'clip0.mp4: {prediction["label"]} (' in printed
    assert all(f'written: {path}' in printed for path in out)
    assert out[1].read_bytes()[4:8] == b'ftyp'
    assert out[2].read_bytes().startswith(b'\x89PNG')


def test_a_bad_file_does_not_affect_others(videos, tmp_path, capsys):
    names = [str(videos / name) for name in ('clip0.mp4', 'text.mp4', 'clip1.mp4')]
    out = tmp_path / 'all.json'
    code = main(
        ['predict', *names, '--out', str(out), '--render', str(tmp_path / 'drawn'),
         '--timeline', str(tmp_path / 'drawn'), '--device', 'cpu']
    )  # fmt: skip
    assert code == 1
    told = json.loads(out.read_text())
    assert [one['input'] for one in told['predictions']] == [names[0], names[2]]
    assert len(told['failed']) == 1 and 'text.mp4' in told['failed'][0]
    drawn = sorted(path.name for path in (tmp_path / 'drawn').iterdir())
    assert drawn == [
        '000_clip0.mp4', '000_clip0.png', '002_clip1.mp4', '002_clip1.png'
    ]  # fmt: skip
    assert '1 of 3 clips failed' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['gone.mp4'], 'error: gone.mp4: there is no such video file'),
        (['a.mp4', 'b.mp4', '--render', 'one.mp4'], '2 clips need a folder'),
        (['a.mp4', '--model', 'gone'], 'there is no such run'),
        (['a.mp4', '--folds', 'x'], "no fold 'x'"),
        (['a.mp4', '--render', 'a.avi'], 'a.avi: videos are written as .mp4'),
        (['a.mp4', '--out', '.'], '.: is a folder: name a file in it'),
        (['a.mp4', '--window', 'nan'], 'there is no such video file'),
        (['a.mp4', '--device', 'toaster'], "'toaster' cannot be used"),
    ],
)
def test_errors_are_one_line(arguments, said, capsys):
    device = [] if '--device' in arguments else ['--device', 'cpu']
    assert main(['predict', *arguments, *device]) == 1
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1


def test_a_run_and_its_packed_model(videos, tmp_path, capsys):
    run = make_run(tmp_path / 'run')
    packed = tmp_path / 'packed.pth'
    tool = load_tool('publish_model.py')
    assert tool.main([str(run), '--folds', 'sub02', '--out', str(packed)]) == 0
    assert 'written' in capsys.readouterr().out
    assert list(load_weights(packed).folds) == ['sub02']
    clip = str(videos / 'clip0.mp4')
    results = []
    for model in ([str(run), '--folds', 'sub02'], [str(packed)]):
        out = tmp_path / 'out.json'
        arguments = ['predict', clip, '--out', str(out), '--device', 'cpu', '--model']
        assert main([*arguments, *model]) == 0
        results.append(json.loads(out.read_text())['predictions'][0])
    assert results[0] == results[1]
    assert tool.main([str(tmp_path / 'gone'), '--out', str(packed)]) == 1


def test_as_a_module(videos):
    done = subprocess.run(
        [sys.executable, '-m', 'mmaction_mer', 'predict', str(videos / 'clip0.mp4')],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'clip0.mp4: ' in done.stdout
    # No log messages of mmengine.
    assert len(done.stdout.splitlines()) == 1
