"""What an inferencer needs of a trained model: its config and the weights of folds."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

from mmengine.config import Config
from torch import Tensor

from ..engine.checkpoint_reading import MAX_BYTES as ALL_BYTES
from ..engine.checkpoint_reading import read_checkpoint
from ..engine.command_line import read_config
from ..engine.errors import ConfigError, MERRunError
from ..engine.fold_check import check_model
from ..engine.fold_config import mer_dataset
from ..engine.fold_folder import seed_folders
from ..engine.loso_plan import trained_folds
from ..engine.slim_checkpoint import write_checkpoint
from ..engine.wrapped_keys import without_wrappers
from ..models.pretrained import WEIGHTS_DIR
from ..utils import quote
from .packed_file import FORMAT, MAX_BYTES, check_names, check_packed, is_packed, unpack
from .schema import NotAllowedError

#: The model that ships with the package: MPT over the small ViT, taught on SynthME.
DEMO = 'demo'
_DEMO_FILE = WEIGHTS_DIR / 'mpt_vit-tiny_synthme.pth'


@dataclass(frozen=True)
class FoldWeights:
    """A trained model: one config, and what each of its folds has learnt.

    Attributes:
        model: Config of the recognizer.
        pipeline: Config of the test pipeline.
        classes: Names of the classes.
        dataset: Name of the data set, which says how faces lie in its frames.
        folds: State dict of what was learnt, by name of the fold.
        held_out: Subjects that each fold has not learnt from.
        source: Where all this came from, for messages.
    """

    model: dict[str, Any]
    pipeline: list[dict[str, Any]]
    classes: list[str]
    dataset: str
    folds: dict[str, dict[str, Tensor]]
    held_out: dict[str, list[str]]
    source: str

    def only(self, names: Sequence[str]) -> 'FoldWeights':
        """Keep some folds.

        Raises:
            MERRunError: There is no fold of that name.
        """
        for name in names:
            if name not in self.folds:
                raise MERRunError(
                    f'{self.source}: has no fold {name!r}; there are '
                    f'{", ".join(self.folds)}'
                )
        folds = {name: self.folds[name] for name in names}
        held_out = {name: self.held_out.get(name, []) for name in names}
        return replace(self, folds=folds, held_out=held_out)


def load_weights(
    source: str | Path = DEMO, checkpoint: str | Path | None = None
) -> FoldWeights:
    """Load a trained model.

    Args:
        source: ``'demo'``; a file of :func:`save_weights`; the work directory of a run,
            of one seed or of several; the folder or ``model.pth`` of one fold; or a
            config file, with ``checkpoint``.
        checkpoint: Weights for the config.

    Raises:
        MERRunError: There is no trained model; the message says what to give.
    """
    path = Path(source)
    if str(source) == DEMO and not path.exists():
        if checkpoint is not None:
            raise MERRunError(
                f'{checkpoint}: weights go with a config file, but {DEMO!r} has its own'
            )
        path = _DEMO_FILE
    if checkpoint is not None:
        return _from_config(path, Path(checkpoint))
    if path.suffix == '.py':
        raise MERRunError(f'{path}: a config alone knows nothing yet: give weights too')
    if path.is_file():
        alone = not _is_of_run(path)
        content = read_checkpoint(path, max_bytes=MAX_BYTES if alone else ALL_BYTES)
        # Whatever lies beside it: a packed model runs no config of a folder.
        if is_packed(content):
            return FoldWeights(**unpack(content, str(path)), source=str(path))
        if alone:
            raise MERRunError(
                f'{path}: holds weights without their config; give the config with '
                f'--weights {path}, or pack a run with tools/publish_model.py'
            )
    if not path.exists():
        raise MERRunError(
            f'{path}: there is no such run, fold or file of weights; {DEMO!r} is the '
            f'model that ships with the package'
        )
    return _from_runs(path)


def save_weights(weights: FoldWeights, path: str | Path) -> Path:
    """Write a trained model as one file, without its optimiser and its data.

    What is frozen is not in it: it stands in the file of pre-trained weights that the
    config names.

    Args:
        weights: The model.
        path: Where to.

    Returns:
        The path written.

    Raises:
        MERRunError: The model starts from a file that others do not have.
    """
    told = {
        'model': _plain(weights.model),
        'pipeline': _plain(weights.pipeline),
        'classes': list(weights.classes),
        'dataset': weights.dataset,
        'held_out': weights.held_out,
        'folds': weights.folds,
    }
    check_packed(told, weights.source)
    folds = told.pop('folds')
    meta = dict(mmaction_mer=FORMAT, facts=told)
    size = sum(one.nbytes for state in folds.values() for one in state.values())
    if size > MAX_BYTES - (1 << 20):
        raise MERRunError(
            f'{weights.source}: its {len(folds)} folds have {size:,} bytes, more than '
            f'the {MAX_BYTES:,} of a packed model: pack fewer of them (--folds)'
        )
    write_checkpoint(path, dict(meta=meta, folds=folds))
    return Path(path)


def _is_of_run(path: Path) -> bool:
    """Whether a checkpoint lies where a run keeps that of a fold."""
    folder = path.absolute().parent
    return (folder / 'fold.json').is_file() and folder.parent.name == 'folds'


def _from_config(config: Path, checkpoint: Path) -> FoldWeights:
    cfg = read_config(str(config))
    content = read_checkpoint(checkpoint)
    meta = _dictionary(content.get('meta'))
    name = meta.get('fold')
    name = name if isinstance(name, str) and 0 < len(name) <= 100 else checkpoint.stem
    held_out = meta.get('held_out')
    held_out = list(held_out) if _is_names(held_out) else []
    state = _state_dict(content, checkpoint)
    return _of(cfg, {name: state}, {name: held_out}, [meta], str(checkpoint))


def _dictionary(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _is_names(value: Any) -> TypeGuard[list[str] | tuple[str, ...]]:
    return isinstance(value, list | tuple) and all(type(one) is str for one in value)


def _state_dict(content: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    state = content.get('state_dict')
    if not isinstance(state, dict):
        raise MERRunError(f'{path}: holds no state_dict; give another checkpoint')
    if not all(isinstance(key, str) for key in state):
        return dict(state)  # what it is, the check of each weight says
    return dict(without_wrappers(state))


def _from_runs(path: Path) -> FoldWeights:
    runs = seed_folders(path) if path.is_dir() else {}
    places = runs.values() if runs and not (path / 'folds').is_dir() else [path]
    folds, held_out, metas = {}, {}, []
    for place in places:
        for folder in trained_folds(place)[0]:
            check_model(folder)
            content = read_checkpoint(folder.model)
            name = f'{place.name}/{folder.name}' if len(runs) > 1 else folder.name
            folds[name] = _state_dict(content, folder.model)
            held_out[name] = list(folder.state().get('held_out') or ())
            metas.append(_dictionary(content.get('meta')))
            config = folder.path.parent.parent / 'config.py'
    if not config.is_file():
        raise MERRunError(f'{config}: the config of the run is gone; put it back')
    return _of(read_config(str(config)), folds, held_out, metas, str(path))


def _of(
    cfg: Config,
    folds: dict[str, dict[str, Tensor]],
    held_out: dict[str, list[str]],
    metas: Sequence[Mapping[str, Any]],
    source: str,
) -> FoldWeights:
    if not isinstance(cfg.get('model'), dict) or 'test_dataloader' not in cfg:
        raise MERRunError(f'{source}: its config has no model or no test_dataloader')
    dataset = mer_dataset(cfg.test_dataloader, 'test_dataloader')
    told = [_dictionary(meta.get('dataset_meta')) for meta in metas]
    classes = {_classes(one.get('classes'), source) for one in told}
    if len(classes) > 1:
        raise MERRunError(
            f'{source}: its folds name other classes: {quote(sorted(classes))}'
        )
    names = list(classes.pop())
    head = cfg.model.get('cls_head') or {}
    if head.get('num_classes') is None:
        if not names:
            raise ConfigError(
                f'{source}: neither the config nor the checkpoint gives the number of '
                f'classes: set model.cls_head.num_classes in the config'
            )
        head['num_classes'] = len(names)
    names = names or [f'class {number}' for number in range(head['num_classes'])]
    dataset_name = told[0].get('dataset')
    return FoldWeights(
        _plain(cfg.model),
        _plain(dataset['pipeline']),
        names,
        dataset_name if isinstance(dataset_name, str) else '',
        folds,
        held_out,
        source,
    )


def _classes(value: Any, source: str) -> tuple[str, ...]:
    try:
        check_names(value or (), 'classes', 1000)
    except NotAllowedError as error:
        raise MERRunError(f'{source}: {error}') from error
    return tuple(value or ())


def _plain(value: Any) -> Any:
    """A config's part as plain Python, a copy."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return copy.deepcopy(value)
