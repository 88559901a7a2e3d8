"""The losses of folds in TensorBoard, MLflow, and other vis backends of mmengine.

mmengine writes to its vis backends during one training at a time: of a stack only the
first fold would be logged, and MLflow would open a new run at every start of a fold.
So a fold logs its losses to a file (``vis_data/scalars.json``, under every strategy),
and they are written to each backend when it is done: once, completely, under its own
name, including interruptions and resumes.
"""

import contextlib
import copy
import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import VISBACKENDS, DefaultScope
from tqdm import tqdm

from ...utils.errors import MERRunError
from ...utils.text import first_line
from ..work_dir.fold_folder import FoldFolder
from .fold_config import LOCAL
from .tasks import FoldTask

# Packages that mmengine imports only when it writes, which is after the training.
_NEEDS = {
    'TensorboardVisBackend': 'tensorboard',
    'MLflowVisBackend': 'mlflow',
    'WandbVisBackend': 'wandb',
}


def trackers(cfg: Config) -> list[dict[str, Any]]:
    """List the vis backends of a config other than mmengine's own file.

    Args:
        cfg: The config of a protocol.

    >>> backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
    >>> trackers(Config(dict(visualizer=dict(vis_backends=backends))))
    [{'type': 'TensorboardVisBackend'}]
    """
    given = (cfg.get('visualizer') or {}).get('vis_backends') or []
    listed = [given] if isinstance(given, dict) else list(given)
    return [copy.deepcopy(one) for one in listed if one.get('type') != LOCAL]


def check_trackers(cfg: Config) -> None:
    """Check before the training that every backend can be used.

    Raises:
        MERRunError: mmengine has no such backend, it has other arguments, or its
            package is not installed.
    """
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmaction')):
        for one in trackers(cfg):
            name = one.get('type')
            package = _NEEDS.get(name, 'mmengine')
            if importlib.util.find_spec(package) is None:
                raise MERRunError(
                    f'{name} needs {package}',
                    field='visualizer.vis_backends',
                    hint=f'install it: pip install {package}',
                )
            try:
                VISBACKENDS.build(dict(save_dir='', **one))
            except (KeyError, TypeError) as error:
                raise MERRunError(
                    f'{name} cannot be built: {error}', field='visualizer.vis_backends'
                ) from error


def read_losses(folder: FoldFolder) -> dict[int, dict[str, float]]:
    """Read the numbers that a fold has logged, by name and step.

    Of a step that was repeated after an interruption the last values are kept.
    """
    path = folder.path / 'vis_data' / 'scalars.json'
    steps: dict[int, dict[str, float]] = {}
    if not path.is_file():
        return steps
    for line in path.read_text(encoding='utf-8').splitlines():
        try:
            values = json.loads(line)
            step = values.pop('step')
        except (ValueError, AttributeError, KeyError):
            continue  # a line truncated by a kill
        numbers = {k: v for k, v in values.items() if isinstance(v, int | float)}
        steps.setdefault(step, {}).update(numbers)
    return dict(sorted(steps.items()))


def track_fold(job: FoldTask, work_dir: Path) -> None:
    """Write the losses of a finished fold to every backend.

    TensorBoard's events are written to the fold's ``vis_data``, MLflow's runs to one
    store ``work_dir/mlflow``, unless the backend has a ``save_dir`` or a
    ``tracking_uri``. A backend that fails is reported, without further effect.

    Args:
        job: The fold.
        work_dir: The work directory of the whole run, of all seeds.
    """
    for one in trackers(job.run.cfg):
        try:
            _write(one, job, work_dir)
        # Whatever a server or a disk does, the fold is trained and saved.
        except Exception as error:
            tqdm.write(
                f'fold {job} is done, but {one["type"]} cannot be written: '
                f'{first_line(error)}'
            )


def _write(backend: dict[str, Any], job: FoldTask, work_dir: Path) -> None:
    if backend['type'] == 'MLflowVisBackend':
        backend = _in_one_store(backend, job, work_dir)
    backend.setdefault('save_dir', str(job.folder.path / 'vis_data'))
    backend.pop('name', None)
    cfg = job.config()
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmaction')):
        writer = VISBACKENDS.build(backend)
    try:
        writer.add_config(cfg)
        for step, numbers in read_losses(job.folder).items():
            writer.add_scalars(numbers, step=step)
    except Exception:
        # MLflow has one open run per process, which the next fold must not continue.
        with contextlib.suppress(Exception):
            writer.close()
        raise
    writer.close()


def _in_one_store(
    backend: dict[str, Any], job: FoldTask, work_dir: Path
) -> dict[str, Any]:
    """Return settings of MLflow with which all folds of a run are in one store."""
    own = dict(
        save_dir=str(work_dir / 'mlflow'),
        exp_name=work_dir.name,
        run_name=str(job),
    )
    # MLflow asks for confirmation to use a folder as its store. It would also write to
    # the home folder and send telemetry.
    os.environ.setdefault('MLFLOW_ALLOW_FILE_STORE', 'true')
    os.environ.setdefault('MLFLOW_DISABLE_TELEMETRY', 'true')
    return {**own, **backend}
