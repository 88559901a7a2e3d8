"""The server itself, asked without a browser."""

import json
import shutil
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from mmaction_mer.app import serving
from mmaction_mer.engine.errors import MERRunError


def get(served, path, **options):
    request = urllib.request.Request(served.url.rstrip('/') + path, **options)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def press(served, button, data):
    """Press a button with data of one's own; what the server answers at last."""
    _, config = get(served, '/config')
    config = json.loads(config)
    number = next(
        part['id'] for part in config['components']
        if part['props'].get('elem_id') == button
    )  # fmt: skip
    call = next(
        one['id'] for one in config['dependencies']
        if [number, 'click'] in one['targets'] and one['outputs']
    )  # fmt: skip
    body = {'data': data, 'fn_index': call, 'session_hash': 'mine'}
    headers = {'Content-Type': 'application/json'}
    body = json.dumps(body).encode()
    status, text = get(
        served, '/gradio_api/queue/join', data=body, headers=headers, method='POST'
    )
    assert status == 200, text
    _, stream = get(served, '/gradio_api/queue/data?session_hash=mine')
    events = [
        json.loads(line[5:]) for line in stream.splitlines() if line[:5] == 'data:'
    ]
    return next(event for event in events if event['msg'] == 'process_completed')


def test_without_gradio_one_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'gradio', None)
    with pytest.raises(MERRunError, match=r"pip install 'mmaction_mer\[app\]'"):
        serving.serve()


def test_an_unknown_model_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.setenv('GRADIO_TEMP_DIR', '')
    with pytest.raises(MERRunError, match='no such run'):
        serving.serve(tmp_path / 'nothing')
    assert list(tmp_path.iterdir()) == []


def test_it_listens_on_this_machine_alone(served):
    assert served.url.startswith('http://127.0.0.1:')
    listening = served.page.server.config
    assert listening.host == '127.0.0.1'
    assert served.page.share_url is None


def test_a_taken_port_is_said(tmp_path, monkeypatch):
    import gradio

    with gradio.Blocks() as empty:
        pass
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.setenv('GRADIO_TEMP_DIR', '')
    monkeypatch.setattr(serving, 'MERInferencer', lambda *_: None)
    monkeypatch.setattr('mmaction_mer.app.page.build_page', lambda *_: (empty, ''))
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MERRunError, match=f'{port}.*--port'):
            serving.serve(port=port)
    assert list(tmp_path.iterdir()) == []


def test_the_page_names_no_other_site(served):
    _, text = get(served, '/')
    for tag in (
        'src="http',
        "src='http",
        '<link rel="preconnect" href="http',
        '@import',
    ):
        assert tag not in text


@pytest.mark.parametrize(
    'path', ['/etc/hostname', __file__, 'http://127.0.0.1:1/a.mp4']
)
def test_no_file_is_read_that_a_client_only_names(served, path, monkeypatch):
    import gradio.processing_utils

    async def download(*args, **kwargs):
        raise AssertionError('the server fetched an address')

    monkeypatch.setattr(
        gradio.processing_utils, 'async_ssrf_protected_download', download
    )
    named = {'path': path, 'meta': {'_type': 'gradio.FileData'}}
    # As the clip, and where no file belongs.
    for data in ([named, '', 20, 0.4, 4], [None, named, 20, 0.4, 4]):
        answer = press(served, 'read', data)
        assert answer['success'] is False
        assert 'nobody has sent' in answer['output']['error']


def test_gains_beyond_the_slider_are_refused(served):
    answer = press(served, 'read', [None, '', 1e9, 0.4, 4])
    assert answer['success'] is False


@pytest.mark.parametrize('text', ['fast', '-3', '1e9', 'nan', 'inf'])
def test_frame_rates_that_are_none_get_a_sentence(served, text):
    folder = served.folder / 'uploads' / 'x'
    folder.mkdir(parents=True)
    clip = folder / 'a.mp4'
    clip.touch()
    named = {'path': str(clip), 'meta': {'_type': 'gradio.FileData'}}
    answer = press(served, 'read', [named, text, 20, 0.4, 4])
    assert 'The true frame rate is' in json.dumps(answer['output'])
    assert clip.exists()  # to be read at another rate
    shutil.rmtree(folder)


def test_nothing_pressed_nothing_read(served):
    answer = press(served, 'read', [None, '', 20, 0.4, 4])
    assert 'Drop a clip first' in json.dumps(answer['output'])


def test_files_on_the_server_are_not_given_out(served):
    sample = served.folder / 'sample.txt'
    sample.write_text('secret')
    for path in (sample, Path('/etc/hostname')):
        status, text = get(served, f'/gradio_api/file={path}')
        assert status == 404 and 'secret' not in text
