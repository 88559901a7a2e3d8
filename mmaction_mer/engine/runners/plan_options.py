"""The options of a protocol, and checks of its config before data are read."""

from typing import Any

from mmengine.config import Config

from ...evaluation.summary import SELECTIONS
from ...utils.errors import ConfigError
from ..hooks.best_checkpoint import check_save_best

#: The options of ``loso`` with their defaults, see :class:`LOSORunner`.
OPTIONS = {
    'protocol': 'loso',
    'strategy': 'sequential',
    'select': 'last',
    'folds': None,
    'seeds': None,
    'workers': None,
    'folds_per_group': 'auto',
    'share': None,
    'allow_leakage': None,
}
_REQUIRED = ('train_dataloader', 'test_dataloader', 'train_cfg', 'optim_wrapper')


def read_options(cfg: Config) -> dict[str, Any]:
    """Read and check the options of a protocol, and the counts in its config.

    Args:
        cfg: The config of the protocol.

    Returns:
        All options of ``loso``, those not given with their defaults.

    Raises:
        MERRunError: An option is unknown or has a wrong value, or the config lacks a
            part that every fold needs.
    """
    given = dict(cfg.get('loso') or {})
    if unknown := sorted(given.keys() - OPTIONS.keys()):
        raise ConfigError(
            f'is not an option; the options are {", ".join(OPTIONS)}',
            field=f'loso.{unknown[0]}',
        )
    options = {**OPTIONS, **given}
    if options['select'] not in SELECTIONS:
        raise ConfigError(
            f'is {options["select"]!r}, not one of {", ".join(SELECTIONS)}',
            field='loso.select',
        )
    check_numbers(options)
    for key in _REQUIRED:
        if cfg.get(key) is None:
            raise ConfigError('is missing; every fold needs it', field=key)
    check_counts(cfg)
    check_save_best(cfg)
    return options


def _is_natural(value: Any, least: int = 1) -> bool:
    return type(value) is int and value >= least


def check_numbers(options: dict[str, Any]) -> None:
    """Check the options of ``loso`` that are numbers.

    Raises:
        MERRunError: One has a wrong value, or a seed is given twice.
    """

    def check(field: str, valid: bool, wanted: str) -> None:
        if not valid:
            raise ConfigError(
                f'is {options[field]!r}, not {wanted}', field=f'loso.{field}'
            )

    seeds, share, size = (options[key] for key in ('seeds', 'share', 'folds_per_group'))
    if seeds is not None:
        listed = isinstance(seeds, list | tuple) and len(seeds) > 0
        valid = listed and all(_is_natural(seed, 0) and seed < 2**32 for seed in seeds)
        valid = valid and len(set(seeds)) == len(seeds)
        check('seeds', valid, 'a list of different integers from 0 to 2**32 - 1')
    if options['workers'] is not None:
        check('workers', _is_natural(options['workers']), 'a positive integer')
    if share is not None:
        pair = isinstance(share, list | tuple) and len(share) == 2
        valid = pair and all(_is_natural(number, 0) for number in share)
        wanted = 'two integers (k, n) with k from 0 to n - 1'
        check('share', valid and share[0] < share[1], wanted)
    valid = size == 'auto' or _is_natural(size)
    check('folds_per_group', valid, "'auto' or a positive integer")


def check_counts(cfg: Config) -> None:
    """Check the numbers of iterations and of clips in a batch.

    Raises:
        MERRunError: One of them is not a positive integer.
    """
    places = [
        ('train_cfg', 'max_iters'), ('train_cfg', 'max_epochs'),
        ('train_cfg', 'val_interval'),
        ('train_dataloader', 'batch_size'), ('test_dataloader', 'batch_size'),
    ]  # fmt: skip
    for part, field in places:
        if not isinstance(cfg[part], dict):
            raise ConfigError(f'is {cfg[part]!r}, not a dict of settings', field=part)
        value = cfg[part].get(field)
        if value is not None and not _is_natural(value):
            raise ConfigError(
                f'is {value!r}, not a positive integer', field=f'{part}.{field}'
            )
