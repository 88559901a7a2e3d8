"""Start pages, end each by a signal while it reads a clip, and tell what is left.

Run as ``ended_pages.py FOLDER SIGNAL...``; the folder is that of temporary files and
holds ``clip.mp4``. What is imported once serves all pages, each of which is a forked
process.
"""

import importlib.util
import json
import os
import signal
import sys
import time
from pathlib import Path


def main(folder, names):
    # What all pages need; nothing of it starts threads of its own.
    import gradio  # noqa: F401

    from mmaction_mer.apis import MERInferencer
    from mmaction_mer.app import serving

    path = Path(__file__).with_name('visitor.py')
    spec = importlib.util.spec_from_file_location('app_visitor', path)
    visitor = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(visitor)
    pages = {name: begin(serving, MERInferencer) for name in names}
    sent = {}
    for name, (_, told) in pages.items():
        guest = visitor.Visitor(told.readline().split()[2])
        answer = guest.send((folder / 'clip.mp4').read_bytes())
        sent[name] = json.loads(answer[1])[0]
        named = {'path': sent[name], 'meta': {'_type': 'gradio.FileData'}}
        body = {'data': [named, '', 20, 0.4, 4], 'session_hash': 'a',
                'fn_index': guest.number('predict')}  # fmt: skip
        guest.post('/gradio_api/queue/join', json.dumps(body).encode())
        assert told.readline() == 'reading\n'
    assert all(Path(path).exists() for path in sent.values())
    for name, (process, _) in pages.items():
        os.kill(process, signal.Signals[name])
    for process, _ in pages.values():
        os.waitpid(process, 0)
    left = {name: Path(path).exists() for name, path in sent.items()}
    process, told = begin(serving, MERInferencer)
    told.readline()
    left['next start'] = any(Path(path).exists() for path in sent.values())
    os.kill(process, signal.SIGTERM)
    os.waitpid(process, 0)
    print(json.dumps(left))


def begin(serving, inferencer):
    """Start a page that never ends a reading: its process, and what it says."""
    ours, theirs = os.pipe()
    process = os.fork()
    if process:
        os.close(theirs)
        return process, os.fdopen(ours)
    os.dup2(theirs, 1)  # where the page is
    said = os.fdopen(os.dup(theirs), 'w', buffering=1)

    def read(*_):
        said.write('reading\n')
        time.sleep(10_000)

    inferencer.read = read
    serving.launch('demo', port=None)
    os._exit(0)


if __name__ == '__main__':
    main(Path(sys.argv[1]), sys.argv[2:])
