"""What an inferencer needs of a trained model: its config and the weights of folds."""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch import Tensor

from ..engine.command_line import read_config
from ..engine.errors import MERRunError
from ..engine.fold_check import check_model
from ..engine.fold_config import mer_dataset
from ..engine.loso_plan import trained_folds
from ..engine.slim_checkpoint import read_checkpoint, write_checkpoint
from ..engine.stored_runs import seed_folders
from ..models.pretrained import PACKAGE_SCHEME, WEIGHTS_DIR

#: The model that ships with the package: MPT over the small ViT, taught on SynthME.
DEMO = 'demo'
_DEMO_FILE = WEIGHTS_DIR / 'mpt_vit-tiny_synthme.pth'
_FORMAT = 1
_FACTS = {'model', 'pipeline', 'classes', 'dataset', 'held_out'}
#: A part's name: letters, of another library with that in front.
_PART = re.compile(r'(mmaction\.|mmpretrain\.|mmengine\.)?[A-Za-z0-9_]+')
#: Where a packed model may take its frozen part from.
_STARTS = (PACKAGE_SCHEME, 'https://download.openmmlab.com/')


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
    if str(source) == DEMO and not Path(source).exists():
        return _read_file(_DEMO_FILE)
    path = Path(source)
    if checkpoint is not None:
        return _from_config(path, Path(checkpoint))
    if path.suffix == '.py':
        raise MERRunError(f'{path}: a config alone knows nothing yet: give weights too')
    if path.is_file() and not (path.parent / 'fold.json').is_file():
        return _read_file(path)
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
    refuse_code([weights.model, weights.pipeline], weights.source)
    facts = dict(
        model=_plain(weights.model),
        pipeline=_plain(weights.pipeline),
        classes=weights.classes,
        dataset=weights.dataset,
        held_out=weights.held_out,
    )
    # Tensors and plain values; what they may ask for is checked when it is read.
    meta = dict(mmaction_mer=_FORMAT, facts=facts)
    write_checkpoint(path, dict(meta=meta, folds=weights.folds))
    return Path(path)


def _read_file(path: Path) -> FoldWeights:
    content = read_checkpoint(path)
    meta = content.get('meta')
    if not isinstance(meta, Mapping) or 'facts' not in meta or 'folds' not in content:
        raise MERRunError(
            f'{path}: holds weights without their config; give the config with '
            f'--weights {path}, or pack a run with tools/publish_model.py'
        )
    if meta.get('mmaction_mer') != _FORMAT:
        raise MERRunError(
            f'{path}: is of format {meta.get("mmaction_mer")}, this version reads '
            f'{_FORMAT}; pack the run again'
        )
    facts = meta['facts']
    if not isinstance(facts, Mapping) or set(facts) != _FACTS or not content['folds']:
        raise MERRunError(f'{path}: lacks what a packed run holds; pack it again')
    refuse_code([facts['model'], facts['pipeline']], str(path))
    return FoldWeights(**facts, folds=content['folds'], source=str(path))


def refuse_code(value: Any, source: str) -> None:
    """See that a config from somebody else builds registered parts and nothing else.

    A registry imports whatever a ``type`` with dots in it names, and runs it.

    Args:
        value: The config, or parts of one.
        source: Where it is from, for the message.

    Raises:
        MERRunError: Something in it is not a part by its registered name, or is
            fetched from elsewhere.
    """
    if isinstance(value, Mapping):
        kind = value.get('type')
        known = isinstance(kind, str) and _PART.fullmatch(kind)
        if '_scope_' in value or (kind is not None and not known):
            raise MERRunError(
                f'{source}: asks for {str(kind)[:60]!r}, which is no part by its '
                f'registered name, and might run code: do not use this file'
            )
        start = value.get('checkpoint')
        if kind == 'Pretrained' and not str(start).startswith(_STARTS):
            raise MERRunError(
                f'{source}: starts from {str(start)[:60]!r}, which is read from the '
                f'disk or the network: give the run itself, not a packed file'
            )
    inner = value.values() if isinstance(value, Mapping) else value
    if isinstance(value, Mapping | list | tuple):
        for one in inner:
            refuse_code(one, source)


def _from_config(config: Path, checkpoint: Path) -> FoldWeights:
    cfg = read_config(str(config))
    content = read_checkpoint(checkpoint)
    meta = content.get('meta') or {}
    state = content.get('state_dict')
    if not isinstance(state, Mapping):
        raise MERRunError(f'{checkpoint}: holds no state_dict; give another checkpoint')
    name = str(meta.get('fold') or checkpoint.stem)
    held_out = list(meta.get('held_out') or ())
    return _of(cfg, {name: dict(state)}, {name: held_out}, [meta], str(checkpoint))


def _from_runs(path: Path) -> FoldWeights:
    runs = seed_folders(path) if path.is_dir() else {}
    places = runs.values() if runs and not (path / 'folds').is_dir() else [path]
    folds, held_out, metas = {}, {}, []
    for place in places:
        for folder in trained_folds(place)[0]:
            check_model(folder)
            content = read_checkpoint(folder.model)
            name = f'{place.name}/{folder.name}' if len(runs) > 1 else folder.name
            folds[name] = content['state_dict']
            held_out[name] = list(folder.state().get('held_out') or ())
            metas.append(content.get('meta') or {})
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
    told = [dict(meta.get('dataset_meta') or {}) for meta in metas]
    classes = {tuple(one.get('classes') or ()) for one in told}
    if len(classes) > 1:
        raise MERRunError(f'{source}: its folds name other classes: {sorted(classes)}')
    count = (cfg.model.get('cls_head') or {}).get('num_classes')
    names = list(classes.pop()) or [f'class {number}' for number in range(count or 0)]
    return FoldWeights(
        _plain(cfg.model),
        _plain(dataset['pipeline']),
        names,
        str(told[0].get('dataset') or ''),
        folds,
        held_out,
        source,
    )


def _plain(value: Any) -> Any:
    """A config's part as plain Python, a copy."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return copy.deepcopy(value)
