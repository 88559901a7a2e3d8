"""Which figures were drawn from the present predictions of a run."""

import json
import os
from pathlib import Path

from mmaction_mer.analysis.run_figures import read_figures, record_figures, run_hash
from mmaction_mer.engine.work_dir.stored_run import StoredRun

PNG = b'\x89PNG\r\n\x1a\n'


def run(prediction=0, seed=0):
    line = dict(clip='c', label=0, prediction=prediction, probabilities=[0.5, 0.5])
    return StoredRun(Path(), seed, ['a', 'b'], 'last', {}, {'s1': [line]}, [])


def noted(tmp_path, **figures):
    folder = tmp_path / 'figures'
    folder.mkdir(exist_ok=True)
    for name in figures:
        (folder / f'{name}.png').write_bytes(PNG + name.encode())
    return folder, {f'{name}.png': caption for name, caption in figures.items()}


def test_figures_are_read_with_their_captions_and_stale_ones_left_out(tmp_path):
    folder, new = noted(tmp_path, tsne='points')
    record_figures(folder, [run()], new)
    assert read_figures(tmp_path, [run()]) == ([('points', PNG + b'tsne')], [])
    # The run was trained again; one figure was drawn again.
    folder, new = noted(tmp_path, classes='bars')
    record_figures(folder, [run(1)], new)
    figures, notes = read_figures(tmp_path, [run(1)])
    assert figures == [('bars', PNG + b'classes')]
    assert len(notes) == 1 and 'drawn: tsne.png; draw the figures again' in notes[0]
    # What is deleted is forgotten at the next time.
    (folder / 'tsne.png').unlink()
    record_figures(folder, [run(1)], {})
    assert read_figures(tmp_path, [run(1)])[1] == []


def test_no_figures_are_no_trouble_and_broken_ones_are_told_of(tmp_path):
    assert read_figures(tmp_path, [run()]) == ([], [])
    folder, new = noted(tmp_path, tsne='points')
    record_figures(folder, [run()], new)
    (folder / 'tsne.png').write_bytes(b'<svg>')
    figures, notes = read_figures(tmp_path, [run()])
    assert figures == [] and 'tsne.png: is not a PNG file' in notes[0]
    (folder / 'tsne.png').unlink()
    assert 'cannot be read' in read_figures(tmp_path, [run()])[1][0]


def test_a_pipe_is_not_waited_for(tmp_path):
    folder, new = noted(tmp_path, tsne='points')
    record_figures(folder, [run()], new)
    (folder / 'tsne.png').unlink()
    os.mkfifo(folder / 'tsne.png')
    assert 'is a named pipe' in read_figures(tmp_path, [run()])[1][0]


def test_nothing_outside_of_the_folder_is_read(tmp_path):
    folder, new = noted(tmp_path, tsne='points')
    (tmp_path / 'secret.png').write_bytes(PNG)
    entry = dict(caption='out', of=run_hash([run()]))
    (folder / 'figures.json').write_text(json.dumps({'../secret.png': entry}))
    assert read_figures(tmp_path, [run()]) == ([], [])


def test_every_prediction_and_seed_counts():
    hashes = {run_hash(runs) for runs in ([run()], [run(1)], [run(seed=1)],
                                          [run(), run()])}  # fmt: skip
    assert len(hashes) == 4
