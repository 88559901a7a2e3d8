"""Start pages, end each by a signal during a prediction, and print what is left.

Run as ``ended_pages.py FOLDER SIGNAL...``; the folder is that of temporary files and
contains ``clip.mp4``. Each page is a forked process, so that imports are shared.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path


def main(folder, names):
    # Imports of all pages, none of which starts a thread.
    import gradio  # noqa: F401

    from mmaction_mer.apis import MERInferencer
    from mmaction_mer.app import serving

    sys.path.append(str(Path(__file__).parents[1] / 'helpers'))
    from page_visitor import Visitor

    pages = {name: begin(serving, MERInferencer) for name in names}
    sent = {}
    for name, (_, output) in pages.items():
        guest = Visitor(output.readline().split()[2])
        answer = guest.send((folder / 'clip.mp4').read_bytes())
        sent[name] = json.loads(answer[1])[0]
        named = {'path': sent[name], 'meta': {'_type': 'gradio.FileData'}}
        body = {'data': [named, '', 20, 0.4, 4], 'session_hash': 'a',
                'fn_index': guest.number('predict')}  # fmt: skip
        guest.post('/gradio_api/queue/join', json.dumps(body).encode())
        assert output.readline() == 'predicting\n'
    assert all(Path(path).exists() for path in sent.values())
    for name, (process, _) in pages.items():
        os.kill(process, signal.Signals[name])
    for process, _ in pages.values():
        os.waitpid(process, 0)
    left = {name: Path(path).exists() for name, path in sent.items()}
    process, output = begin(serving, MERInferencer)
    output.readline()
    left['next start'] = any(Path(path).exists() for path in sent.values())
    os.kill(process, signal.SIGTERM)
    os.waitpid(process, 0)
    print(json.dumps(left))


def begin(serving, inferencer):
    """Start a page whose predictions never end; return its process and output."""
    ours, theirs = os.pipe()
    process = os.fork()
    if process:
        os.close(theirs)
        return process, os.fdopen(ours)
    os.dup2(theirs, 1)  # the address of the page
    output = os.fdopen(os.dup(theirs), 'w', buffering=1)

    def predict(*_):
        output.write('predicting\n')
        time.sleep(10_000)

    inferencer.predict = predict
    serving.launch('demo', port=None)
    os._exit(0)


if __name__ == '__main__':
    main(Path(sys.argv[1]), sys.argv[2:])
