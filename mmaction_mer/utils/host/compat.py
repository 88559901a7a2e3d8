"""Repairs of mmaction2, mmengine and torch, each applied only if its defect exists.

:func:`apply` runs when :mod:`mmaction_mer` is imported, :func:`apply_to_models` when
its modules are; repeated calls have no effect. A repair is removed together with
support for the version that needs it.
"""

import atexit
import functools
import importlib.util
import io
import pickle
import pkgutil
import sys
import time
import warnings
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import mmengine.dist.utils as mmengine_dist
import torch
import torch._weights_only_unpickler as torch_unpickler
from mmengine.device import is_mlu_available, is_musa_available, is_npu_available
from mmengine.logging import HistoryBuffer

from ..checkpoints.safe_globals import checkpoint_globals
from . import config_repairs


def apply() -> None:
    """Apply all repairs that this installation needs."""
    provide_drn()
    allow_checkpoint_globals()
    start_without_gpu()
    provide_find_loader()
    config_repairs.apply()
    silence_mmcv_lite()


def apply_to_models() -> None:
    """Apply the repairs that need ``mmengine.model``, which is slow to import."""
    wrap_without_gpu()


# mmaction2 issue 2714: the wheel and the sdist of 1.2.0 lack a package that
# mmaction.models imports, so that importing mmaction.models fails.


def provide_drn() -> None:
    """Provide a placeholder for ``localizers/drn``, missing in the wheel."""
    name = 'mmaction.models.localizers.drn'
    host = importlib.util.find_spec('mmaction')
    assert host is not None and host.submodule_search_locations
    folder = Path(host.submodule_search_locations[0], 'models', 'localizers', 'drn')
    if folder.is_dir() or name in sys.modules:
        return
    package, module = ModuleType(name), ModuleType(f'{name}.drn')
    package.__spec__ = ModuleSpec(name, None, is_package=True)
    module.__spec__ = ModuleSpec(f'{name}.drn', None)
    package.__path__ = []
    module.DRN = _register_missing_drn()  # type: ignore[attr-defined]
    package.drn = module  # type: ignore[attr-defined]
    sys.modules[name], sys.modules[f'{name}.drn'] = package, module


def _register_missing_drn() -> type:
    # Imported here so that importing this module does not import mmaction.
    from mmaction.registry import MODELS

    class DRN(torch.nn.Module):
        """Placeholder of the localizer that is missing in this mmaction2."""

        def __init__(self, *args: Any, **kwargs: Any) -> NoReturn:
            raise NotImplementedError(
                'DRN is not part of the installed mmaction2: its wheel lacks '
                'mmaction/models/localizers/drn (mmaction2 issue 2714). '
                'To use DRN, install mmaction2 from its source repository.'
            )

    MODELS.register_module(module=DRN)
    return DRN


# mmengine issue 1655: torch >= 2.6 loads with weights_only=True by default, and rejects
# the training log that mmengine 0.10.7 saves in every checkpoint.


def allow_checkpoint_globals() -> None:
    """Allow ``torch.load(weights_only=True)`` the classes that mmengine saves."""
    buffer = io.BytesIO()
    torch.save(HistoryBuffer([1.0], [1]), buffer)
    buffer.seek(0)
    # Globals allowed by the user may suffice for this history, but not for every
    # checkpoint.
    before = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    try:
        torch.load(buffer, weights_only=True)
    except pickle.UnpicklingError:
        torch.serialization.add_safe_globals(checkpoint_globals())
        find_stand_ins_first()
    finally:
        torch.serialization.add_safe_globals(before)


def find_stand_ins_first() -> None:
    """Make torch use our stand-in if the user has allowed the same name.

    Torch keeps the allowed globals in a set, so that which of two entries of one name
    is used differs between processes. Each stand-in does what the user has allowed and
    also reads plain numbers, which the entry of the user alone would reject.
    """
    find = getattr(torch_unpickler, '_get_user_allowed_globals', None)
    if find is None or hasattr(find, '__wrapped__'):
        return
    ours = {one for one in checkpoint_globals() if isinstance(one, tuple)}

    @functools.wraps(find)
    def find_ours_first() -> dict[Any, Any]:
        found: dict[Any, Any] = find()
        # The user may have cleared the list.
        for stand_in, name in ours.intersection(torch.serialization.get_safe_globals()):
            if found[name] is not stand_in:
                # Keep the entry allowed, under a key that no file can name.
                found[(name,)] = found[name]
                found[name] = stand_in
        return found

    torch_unpickler._get_user_allowed_globals = find_ours_first


# mmengine 0.10.7, mmengine/dist/utils.py: every launcher calls torch.cuda.set_device
# for any backend, and the default backend is nccl even without a GPU.
#
# pytorch issue 190489: the threads of gloo need the interpreter to release the tensors
# of the last exchange, and abort the process if the interpreter is shutting down (about
# one run in six on two cores; torchrun then kills the other ranks, which may still be
# writing). Sleeping at exit gives them time. Destroying the process group does not
# help, since a wrapped model keeps a reference, and may wait for a rank that has died.

GLOO_EXIT_SECONDS = 0.5


def start_without_gpu() -> None:
    """Make distributed launches without an accelerator use gloo.

    ``init_dist`` looks up its three starters in their module at each call, so that
    this repairs every imported name of it.
    """
    for name in ('_init_dist_pytorch', '_init_dist_mpi', '_init_dist_slurm'):
        starter = getattr(mmengine_dist, name)
        if not hasattr(starter, '__wrapped__'):
            setattr(mmengine_dist, name, _starter_without_gpu(starter))


def _starter_without_gpu(starter: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(starter)
    def start(backend: str, *args: Any, **kwargs: Any) -> None:
        if has_accelerator():
            return starter(backend, *args, **kwargs)
        set_device = torch.cuda.set_device
        torch.cuda.set_device = lambda device: None
        try:
            starter('gloo' if backend == 'nccl' else backend, *args, **kwargs)
        finally:
            torch.cuda.set_device = set_device
        atexit.register(time.sleep, GLOO_EXIT_SECONDS)

    return start


def has_accelerator() -> bool:
    """Return whether there is an accelerator that mmengine supports."""
    return (
        torch.cuda.is_available()
        or is_npu_available()
        or is_mlu_available()
        or is_musa_available()
    )


# mmengine 0.10.7, Runner.wrap_model: device_ids is always passed, which torch rejects
# for a model on the CPU.


def wrap_without_gpu() -> None:
    """Make mmengine wrap models on the CPU for distributed training."""
    from mmengine.model import MMDistributedDataParallel

    construct = MMDistributedDataParallel.__init__
    if hasattr(construct, '__wrapped__'):
        return

    @functools.wraps(construct)
    def __init__(self, module, *args, **kwargs):
        if all(p.device.type == 'cpu' for p in module.parameters()):
            kwargs['device_ids'] = None
        construct(self, module, *args, **kwargs)

    MMDistributedDataParallel.__init__ = __init__


# mmengine 0.10.7, mmengine/utils/dl_utils/misc.py: each runner checks for the full mmcv
# with pkgutil.find_loader, which Python 3.14 removed.


def provide_find_loader() -> None:
    """Provide ``pkgutil.find_loader`` if Python has removed it."""
    if not hasattr(pkgutil, 'find_loader'):
        pkgutil.find_loader = _find_loader


def _find_loader(fullname: str) -> Any:
    spec = importlib.util.find_spec(fullname)
    return None if spec is None else spec.loader


# mmcv-lite 2.1.0 warns at each start of a missing operator that is not used here.


def silence_mmcv_lite() -> None:
    """Ignore the advice of mmcv-lite to install mmcv instead, but no other warning."""
    warnings.filterwarnings('ignore', 'Fail to import ``MultiScaleDeformableAttention')
