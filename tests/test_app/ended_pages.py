"""Start pages, end each by a signal while it reads a clip, and count what is left.

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

    from mmaction_mer.app import serving
    from mmaction_mer.inference import MERInferencer

    path = Path(__file__).with_name('visitor.py')
    spec = importlib.util.spec_from_file_location('app_visitor', path)
    visitor = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(visitor)
    left, seen = {}, 0
    for name in [*names, 'next start']:
        ours, theirs = os.pipe()
        process = os.fork()
        if not process:
            os.dup2(theirs, 1)  # where the page is
            said = os.fdopen(os.dup(theirs), 'w', buffering=1)

            def read(*_, said=said):
                said.write('reading\n')
                time.sleep(10_000)

            MERInferencer.read = read
            serving.launch('demo', port=None)
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours) as told:
            url = told.readline().split()[2]
            if name == 'next start':
                left[name] = count(folder)
                os.kill(process, signal.SIGTERM)
            else:
                guest = visitor.Visitor(url)
                sent = guest.send((folder / 'clip.mp4').read_bytes())
                meta = {'_type': 'gradio.FileData'}
                named = {'path': json.loads(sent[1])[0], 'meta': meta}
                body = {'data': [named, '', 20, 0.4, 4], 'session_hash': 'a',
                        'fn_index': guest.number('read')}  # fmt: skip
                guest.post('/gradio_api/queue/join', json.dumps(body).encode())
                assert told.readline() == 'reading\n'
                assert count(folder) == seen + 1
                os.kill(process, signal.Signals[name])
        os.waitpid(process, 0)
        left.setdefault(name, count(folder) - seen)
        seen = count(folder)
    print(json.dumps(left))


def count(folder):
    """Clips that lie about, but for the one that is sent."""
    return len([path for path in folder.rglob('*.mp4') if path.parent != folder])


if __name__ == '__main__':
    main(Path(sys.argv[1]), sys.argv[2:])
