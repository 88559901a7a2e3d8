"""The trainable parameters of several folds, stacked, in one pass of one model.

The backbone is frozen and the same for every fold, so that folds differ only in their
trainable parameters. These are stacked along a leading axis and go through the model
together (``torch.func.functional_call`` under ``vmap``), each fold with its own batch.
The losses are summed: since folds share no parameter, their gradients are independent,
and an element-wise optimizer updates every fold as if it were alone.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from .dropout import replay_dropout


class FoldStack:
    """G folds of one recognizer.

    Args:
        model: The recognizer, in training mode. ``model(inputs, mode='tensor',
            stage='head')`` returns its logits, ``model.cls_head.loss_cls`` the loss.
        folds: The trainable parameters of each fold, by name.

    Attributes:
        parameters: The stacked parameters by name, ``(G, ...)`` each.
    """

    def __init__(self, model: nn.Module, folds: Sequence[Mapping[str, Tensor]]) -> None:
        self.model = model
        self.folds = len(folds)
        self.parameters = {
            name: torch.stack([fold[name] for fold in folds])
            .to(parameter.device, parameter.dtype)
            .requires_grad_()
            for name, parameter in trainable_parameters(model).items()
        }

    def losses(
        self,
        inputs: Mapping[str, Tensor],
        targets: Tensor,
        noise: Sequence[Tensor] = (),
    ) -> Tensor:
        """Compute the loss of each fold on its batch.

        Args:
            inputs: The model's inputs, ``(G, B, ...)`` each.
            targets: Labels ``(G, B)``, or class probabilities ``(G, B, C)``.
            noise: The noise of each call of dropout, ``(G, ...)`` each, see
                ``dropout.py``. Defaults to ().

        Returns:
            ``(G,)``.
        """

        def loss(parameters, inputs, targets, noise):
            with replay_dropout(noise):
                logits = functional_call(
                    self.model,
                    parameters,
                    (inputs,),
                    dict(mode='tensor', stage='head'),
                )
            logits = logits[0] if isinstance(logits, tuple) else logits
            return total_loss(self.model.cls_head.loss_cls(logits, targets))

        with _attention_for_vmap(targets.device):
            return vmap(loss)(self.parameters, dict(inputs), targets, list(noise))

    def finite(self) -> Tensor:
        """Return for each fold whether all of its parameters are finite, ``(G,)``."""
        found = [
            one.detach().reshape(self.folds, -1).isfinite().all(dim=1)
            for one in self.parameters.values()
        ]
        return torch.stack(found).all(dim=0)

    def load_fold(self, fold: int) -> None:
        """Copy the parameters of one fold into the model."""
        with torch.no_grad():
            for name, parameter in trainable_parameters(self.model).items():
                parameter.copy_(self.parameters[name][fold])

    def state_dict(self) -> dict[str, Tensor]:
        """Return the stacked parameters by their keys in ``model.state_dict()``."""
        # A parameter that is used twice has two keys, but one name.
        names = {
            id(one): name for name, one in trainable_parameters(self.model).items()
        }
        return {
            key: self.parameters[names[id(one)]].detach()
            for key, one in self.model.named_parameters(remove_duplicate=False)
            if id(one) in names
        }

    def rebind_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Let an optimizer of the model's parameters update the stacked ones instead.

        Its parameter groups, and so the settings of each parameter, stay as they are.
        """
        stacked = {
            id(parameter): self.parameters[name]
            for name, parameter in trainable_parameters(self.model).items()
        }
        for group in optimizer.param_groups:
            group['params'] = [stacked.get(id(one), one) for one in group['params']]


def _attention_for_vmap(device: torch.device) -> AbstractContextManager[None]:
    """Use plain attention on a CPU, where vmap loops over folds for the fused one."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == 'cpu' else nullcontext()


def trainable_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the trainable parameters of a model by name."""
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def copy_trainable(model: nn.Module) -> dict[str, Tensor]:
    """Copy the trainable parameters of a model."""
    return {
        name: one.detach().clone() for name, one in trainable_parameters(model).items()
    }


def total_loss(loss: Tensor | Mapping[str, Tensor]) -> Tensor:
    """Sum all parts of a loss whose name contains ``loss``, as mmengine does."""
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
    report_finite: Callable[[Tensor], None] | None = None,
) -> None:
    """Clip the gradients of each fold by its own norm.

    It is ``torch.nn.utils.clip_grad_norm_`` for stacked parameters ``(G, ...)``.

    Args:
        parameters: The stacked parameters.
        max_norm: Maximum norm of the gradients of a fold.
        norm_type: Order of the norm. Defaults to 2.0.
        error_if_nonfinite: Whether a norm that is not finite is an error. Defaults to
            False.
        foreach: Not used. Defaults to None.
        report_finite: If given, called instead of raising an error, with whether the
            norm of each fold is finite, ``(G,)``. Defaults to None.

    Raises:
        RuntimeError: A norm is not finite, ``error_if_nonfinite`` is True, and there is
            no ``report_finite``.
    """
    gradients = [one.grad for one in parameters if one.grad is not None]
    order = float(norm_type)
    norms = [
        torch.linalg.vector_norm(g.reshape(len(g), -1), order, dim=1) for g in gradients
    ]
    total = torch.linalg.vector_norm(torch.stack(norms), order, dim=0)
    if error_if_nonfinite:
        if report_finite is not None:
            report_finite(total.isfinite())
        elif not total.isfinite().all():
            raise RuntimeError('the norm of the gradients of a fold is not finite')
    scale = (max_norm / (total + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.ndim - 1)))
