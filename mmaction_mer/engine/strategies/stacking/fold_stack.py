"""The learning parameters of several folds side by side, in one pass of one model.

The backbone is frozen and the same for every fold, so that folds differ only in what
learns. Stacked along a leading axis, these parameters go through the model together
(``torch.func.functional_call`` under ``vmap``), each fold on a batch of its own. The
losses are summed: since no parameter is shared, no gradient crosses folds, and an
element-wise optimizer moves every fold as if it were alone.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from .dropout import given_noise


class FoldStack:
    """G folds of one recognizer.

    Args:
        model: The recognizer, in training mode. ``model(inputs, mode='tensor',
            stage='head')`` gives its logits, ``model.cls_head.loss_cls`` the loss.
        folds: The learning parameters of each fold, by name.
    """

    def __init__(self, model: nn.Module, folds: Sequence[Mapping[str, Tensor]]) -> None:
        self.model = model
        self.folds = len(folds)
        self.parameters = {
            name: torch.stack([fold[name] for fold in folds])
            .to(parameter.device, parameter.dtype)
            .requires_grad_()
            for name, parameter in learning(model).items()
        }

    def losses(
        self,
        inputs: Mapping[str, Tensor],
        targets: Tensor,
        noise: Sequence[Tensor] = (),
    ) -> Tensor:
        """Loss of each fold on its own batch.

        Args:
            inputs: The model's inputs, ``(G, B, ...)`` each.
            targets: Labels ``(G, B)``, or shares of the classes ``(G, B, C)``.
            noise: What each call of dropout multiplies by, ``(G, ...)`` each, see
                ``dropout.py``.

        Returns:
            ``(G,)``.
        """

        def one(parameters, inputs, targets, noise):
            with given_noise(noise):
                logits = functional_call(
                    self.model,
                    parameters,
                    (inputs,),
                    dict(mode='tensor', stage='head'),
                )
            logits = logits[0] if isinstance(logits, tuple) else logits
            return total_loss(self.model.cls_head.loss_cls(logits, targets))

        with _attention_for_vmap(targets.device):
            return vmap(one)(self.parameters, dict(inputs), targets, list(noise))

    def finite(self) -> Tensor:
        """Tell of each fold whether all of its parameters are finite, ``(G,)``."""
        found = [
            one.detach().reshape(self.folds, -1).isfinite().all(dim=1)
            for one in self.parameters.values()
        ]
        return torch.stack(found).all(dim=0)

    def show(self, fold: int) -> None:
        """Put one fold's parameters into the model itself."""
        with torch.no_grad():
            for name, parameter in learning(self.model).items():
                parameter.copy_(self.parameters[name][fold])

    def state(self) -> dict[str, Tensor]:
        """Return the stacked parameters by their keys in ``model.state_dict()``."""
        # A parameter that is used twice has two keys, and one name of its own.
        names = {id(one): name for name, one in learning(self.model).items()}
        return {
            key: self.parameters[names[id(one)]].detach()
            for key, one in self.model.named_parameters(remove_duplicate=False)
            if id(one) in names
        }

    def rebind_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Let an optimizer of the model's parameters move the stacked ones instead.

        Its groups, and so the settings of each parameter, stay as they are.
        """
        stacked = {
            id(parameter): self.parameters[name]
            for name, parameter in learning(self.model).items()
        }
        for group in optimizer.param_groups:
            group['params'] = [stacked.get(id(one), one) for one in group['params']]


def _attention_for_vmap(device: torch.device) -> AbstractContextManager[None]:
    """On a CPU the fused attention knows no vmap and would be called fold by fold."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == 'cpu' else nullcontext()


def learning(model: nn.Module) -> dict[str, nn.Parameter]:
    """What learns in a model, by name."""
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def copy_of_learning(model: nn.Module) -> dict[str, Tensor]:
    """Copy what learns in a model."""
    return {name: one.detach().clone() for name, one in learning(model).items()}


def total_loss(loss: Tensor | Mapping[str, Tensor]) -> Tensor:
    """Sum a loss as mmengine does: every part whose name holds ``loss``."""
    parts = loss if isinstance(loss, Mapping) else {'loss': loss}
    return torch.stack([
        part.mean() for name, part in parts.items() if 'loss' in name
    ]).sum()  # fmt: skip


def clip_each_fold(
    parameters: Sequence[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
    refuse: Callable[[Tensor], None] | None = None,
) -> None:
    """Clip the gradients of each fold by its own norm.

    As ``torch.nn.utils.clip_grad_norm_``, of stacked parameters ``(G, ...)``.

    Args:
        parameters: The stacked parameters.
        max_norm: See there.
        norm_type: See there.
        error_if_nonfinite: See there.
        foreach: Not used.
        refuse: Is told, in place of an error, of each fold whether its norm is finite,
            ``(G,)``.

    Raises:
        RuntimeError: ``error_if_nonfinite`` is asked for without ``refuse``, and a norm
            is not finite.
    """
    gradients = [one.grad for one in parameters if one.grad is not None]
    order = float(norm_type)
    norms = [
        torch.linalg.vector_norm(g.reshape(len(g), -1), order, dim=1) for g in gradients
    ]
    total = torch.linalg.vector_norm(torch.stack(norms), order, dim=0)
    if error_if_nonfinite:
        if refuse is not None:
            refuse(total.isfinite())
        elif not total.isfinite().all():
            raise RuntimeError('the norm of the gradients of a fold is not finite')
    scale = (max_norm / (total + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.ndim - 1)))
