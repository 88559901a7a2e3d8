"""The losses of folds in TensorBoard, MLflow and whatever else mmengine writes to.

mmengine writes to its vis backends as a training goes, which knows one training at a
time: of a stack only the first fold would be heard of, and of MLflow's one open run
every start of a fold would be another. So a fold keeps its losses in a file alone
(``vis_data/scalars.json``, under every strategy), and is told to each backend when it
is done: once, whole, under its own name, cuts and resumes included.
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
from ..work_dir.fold_folder import FoldFolder
from .fold_config import LOCAL
from .tasks import FoldTask

# What mmengine imports only when there is something to write: after the training.
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
    """Refuse backends that could not be told anything, before any training.

    Raises:
        MERRunError: mmengine has no such backend, it takes other arguments, or its
            package is not installed.
    """
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmaction')):
        for one in trackers(cfg):
            name = one.get('type')
            package = _NEEDS.get(name, 'mmengine')
            if importlib.util.find_spec(package) is None:
                raise MERRunError(
                    f'visualizer.vis_backends: {name} needs {package}: install it, '
                    f'as in pip install {package}'
                )
            try:
                VISBACKENDS.build(dict(save_dir='', **one))
            except (KeyError, TypeError) as error:
                raise MERRunError(
                    f'visualizer.vis_backends: {name} cannot be built: {error}'
                ) from error


def read_losses(folder: FoldFolder) -> dict[int, dict[str, float]]:
    """Read what a fold has logged, numbers by name of each step.

    A step that was trained twice, before and after a cut, counts as it was last.
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
            continue  # the line of a kill, cut short
        numbers = {k: v for k, v in values.items() if isinstance(v, int | float)}
        steps.setdefault(step, {}).update(numbers)
    return dict(sorted(steps.items()))


def track_fold(job: FoldTask, work_dir: Path) -> None:
    """Tell a finished fold to every backend; one that fails is named and costs nothing.

    TensorBoard's events go to the fold's ``vis_data``, MLflow's runs to one store
    ``work_dir/mlflow``, unless the backend's own ``save_dir`` or ``tracking_uri`` say
    otherwise.

    Args:
        job: The fold.
        work_dir: The work directory of the whole run, of all seeds.
    """
    for one in trackers(job.run.cfg):
        try:
            _tell(one, job, work_dir)
        # Whatever a server or a disk may do, the fold is trained and saved.
        except Exception as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            tqdm.write(
                f'fold {job} is done, but {one["type"]} could not be told: {reason[0]}'
            )


def _tell(backend: dict[str, Any], job: FoldTask, work_dir: Path) -> None:
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
        # MLflow has one open run in a process: it must not become the next fold's.
        with contextlib.suppress(Exception):
            writer.close()
        raise
    writer.close()


def _in_one_store(
    backend: dict[str, Any], job: FoldTask, work_dir: Path
) -> dict[str, Any]:
    """Settings of MLflow under which all folds of a run stand side by side."""
    own = dict(
        save_dir=str(work_dir / 'mlflow'),
        exp_name=work_dir.name,
        run_name=str(job),
    )
    # A folder is all the store that a run needs, and MLflow asks for a yes; it would
    # also write to the home folder, and report to its makers, that it is used.
    os.environ.setdefault('MLFLOW_ALLOW_FILE_STORE', 'true')
    os.environ.setdefault('MLFLOW_DISABLE_TELEMETRY', 'true')
    return {**own, **backend}
