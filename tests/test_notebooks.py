"""The notebook runs from top to bottom, and is committed without outputs."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / 'notebooks').glob('*.ipynb'))


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == 'code']
    assert code
    for cell in code:
        assert cell.outputs == [] and cell.execution_count is None
        compile(cell.source, path.name, 'exec')


@pytest.mark.slow
def test_the_quick_start_runs_on_a_cpu(tmp_path, monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    monkeypatch.setenv('MPLBACKEND', 'Agg')
    # The kernel's own files, too, stay here; the package is this checkout's.
    monkeypatch.setenv('IPYTHONDIR', str(tmp_path / 'ipython'))
    paths = [str(ROOT), os.environ.get('PYTHONPATH', '')]
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, paths)))
    notebook = nbformat.read(ROOT / 'notebooks/quickstart.ipynb', as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name='python3',
        resources=dict(metadata=dict(path=str(tmp_path))),
    )
    client.execute()
    outputs = sum((cell.get('outputs', []) for cell in notebook.cells), [])
    said = ''.join(output.text for output in outputs if output.output_type == 'stream')
    pictures = [output for output in outputs if 'image/png' in output.get('data', {})]
    assert len(pictures) == 2
    assert "folds: ['sub01', 'sub02']" in said
    assert (tmp_path / 'work_dirs/quickstart/report.html').is_file()
    assert 'says ' in said and 'apex at frame' in said
