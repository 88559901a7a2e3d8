"""Pre-training of the small ViT that ships with the package, on synthetic faces."""

import argparse
import io
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from mmpretrain.models import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms.functional import gaussian_blur
from tqdm import tqdm

from ...datasets.synthme.actions import CLASSES
from ...datasets.synthme.macro import NAMES, MacroFaces, macro_faces
from ...motion.rank_pooling import rank_pooling_weights, to_grey_levels
from ...motion.registration import SOFTNESS
from ...utils.errors import MERRunError
from ...utils.files import atomic_write
from ...utils.memory import keep_freed_memory
from ..utils.slim_checkpoint import read_checkpoint

ARCH = dict(embed_dims=128, num_layers=6, num_heads=4, feedforward_channels=512)
SIZE = 112
PATCH = 16
# As in the demo's pipeline: the side of the square that is cut out and resized.
CROP = 92
# Noise of a frame in grey levels, drawn evenly on a logarithmic scale.
NOISE = (1.5, 18.0)
POOLING_NORM = float(np.linalg.norm(rank_pooling_weights(16)))
SAVE_EVERY = 250
# Mirroring a face swaps the sides of every action.
MIRROR = [NAMES.index({'L': 'R', 'R': 'L'}[name[0]] + name[1:]) for name in NAMES]


class Pretrainer(nn.Module):
    """The ViT with one linear head for action units and class."""

    def __init__(self) -> None:
        super().__init__()
        self.vit = VisionTransformer(arch=ARCH, img_size=SIZE, patch_size=PATCH)
        self.vit.init_weights()
        self.head = nn.Linear(ARCH['embed_dims'], len(NAMES) + len(CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        """Action units and class logits ``(B, 16 + 3)``."""
        return self.head(self.vit(images)[-1])


def view(images: Tensor, rng: np.random.Generator | None) -> Tensor:
    """Crop and resize as the demo's pipeline does; in the middle without ``rng``."""
    free = images.shape[-1] - CROP
    x, y = rng.integers(0, free + 1, 2) if rng else (free // 2, free // 2)
    cut = images[..., y : y + CROP, x : x + CROP]
    return functional.interpolate(cut, (SIZE, SIZE), mode='bilinear')


def exposed(pooled: Tensor, noise: np.ndarray) -> Tensor:
    """Pooled clips as a camera with noise would have given them.

    Args:
        pooled: ``(B, 3, H, W)`` in grey levels around zero.
        noise: ``(B,)``: deviation of the noise of one frame in grey levels.

    Returns:
        The same shape.
    """
    # White in time: pooling multiplies it by the norm of its weights. It is softened
    # as frames are when heads are held still.
    level = torch.from_numpy(noise * POOLING_NORM).float()[:, None, None, None]
    grain = gaussian_blur(torch.randn(pooled.shape), [5, 5], [SOFTNESS, SOFTNESS])
    return pooled + level * grain


def draw(
    faces: MacroFaces, chosen: np.ndarray, rng: np.random.Generator | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Images for the network, with their units and classes.

    Args:
        faces: Pooled clips.
        chosen: Their numbers, ``(B,)``.
        rng: Draws mirroring, crop and noise; ``None`` for a plain look with noise of
            a middling strength.

    Returns:
        ``(B, 3, SIZE, SIZE)`` normalised, ``(B, 16)``, ``(B,)``.
    """
    images = torch.from_numpy(faces.images[chosen]).permute(0, 3, 1, 2).float()
    units = torch.from_numpy(faces.units[chosen])
    labels = torch.from_numpy(faces.labels[chosen])
    count = len(chosen)
    low, high = NOISE
    noise = low * (high / low) ** (rng.random(count) if rng else np.full(count, 0.5))
    images = to_grey_levels(view(exposed(images, noise), rng))
    images = (images - 127.5) / 127.5
    if rng:
        flip = torch.from_numpy(rng.random(count) < 0.5)
        images = torch.where(flip[:, None, None, None], images.flip(-1), images)
        units = torch.where(flip[:, None], units[:, MIRROR], units)
    return images, units, labels


def loss_of(outputs: Tensor, units: Tensor, labels: Tensor) -> Tensor:
    """Squared error of the action units plus cross-entropy of the class."""
    known, logits = outputs[:, : len(NAMES)], outputs[:, len(NAMES) :]
    return 4 * functional.mse_loss(known, units) + 0.5 * functional.cross_entropy(
        logits, labels
    )


@torch.no_grad()
def report(model: Pretrainer, faces: MacroFaces) -> str:
    """Share of explained action units and accuracy on identities kept apart."""
    model.eval()
    parts = np.array_split(np.arange(len(faces.images)), len(faces.images) // 64 + 1)
    outputs = torch.cat([model(draw(faces, part, None)[0]) for part in parts]).numpy()
    known, logits = outputs[:, : len(NAMES)], outputs[:, len(NAMES) :]
    explained = 1 - np.mean((known - faces.units) ** 2) / faces.units.var()
    right = np.mean(logits.argmax(1) == faces.labels)
    model.train()
    return f'R2 of units {explained:.3f}, accuracy {right:.3f}'


def make_faces(args: argparse.Namespace) -> tuple[MacroFaces, MacroFaces]:
    """Pooled clips, to learn from and kept apart by identity."""
    make = partial(macro_faces, seed=args.seed, size=SIZE)
    with get_context('spawn').Pool(args.workers, torch.set_num_threads, (1,)) as pool:
        parts = list(
            tqdm(
                pool.imap(make, range(args.identities), chunksize=4),
                total=args.identities,
                desc='faces',
            )
        )
    kept = max(1, args.identities // 12)
    some, apart = (
        MacroFaces(*(np.concatenate(column) for column in zip(*side, strict=True)))
        for side in (parts[kept:], parts[:kept])
    )
    return some, apart


def pretrain(args: argparse.Namespace) -> None:
    """Make the faces, train, and write float16 weights; resumes after a kill."""
    keep_freed_memory()
    state_file = args.out.with_suffix('.state')
    asked = {k: v for k, v in vars(args).items() if k not in ('out', 'workers')}
    state = None
    if state_file.exists():
        state = read_checkpoint(state_file, 'cpu', 'delete the file to start anew')
        if state.get('asked') != asked:
            raise MERRunError(
                f'{state_file}: was started with {state.get("asked")}; start with the '
                'same, or delete the file to start anew'
            )
    torch.manual_seed(args.seed)
    faces, apart = make_faces(args)
    model = Pretrainer()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.05)
    warm_up, length = min(200, args.iters // 10), args.iters

    def rate(step: int) -> float:
        rise = min(1.0, (step + 1) / max(1, warm_up))
        return rise * 0.5 * (1 + np.cos(np.pi * step / length))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    start = 0
    parts = dict(model=model, optimizer=optimizer, schedule=schedule)
    if state:
        start = state['step']
        for name, part in parts.items():
            part.load_state_dict(state[name])
        print(f'{state_file}: going on from iteration {start}')
    progress = tqdm(range(start, args.iters), initial=start, total=args.iters)
    for step in progress:
        # Every step has its own generators, so that a resumed run draws the same.
        rng = np.random.default_rng([args.seed, step])
        torch.manual_seed(int(rng.integers(2**62)))
        chosen = rng.integers(0, len(faces.images), args.batch)
        images, units, labels = draw(faces, chosen, rng)
        loss = loss_of(model(images), units, labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        progress.set_postfix(loss=loss.item())
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == args.iters:
            state = {name: part.state_dict() for name, part in parts.items()}
            _save(dict(state, step=step + 1, asked=asked), state_file)
            progress.write(f'{step + 1}: {report(model, apart)}')
    weights = {key: value.half() for key, value in model.vit.state_dict().items()}
    _save(dict(state_dict=weights), args.out)
    state_file.unlink(missing_ok=True)
    print(f'{args.out}: {args.out.stat().st_size / 1e6:.2f} MB')


def _save(state: dict, path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    atomic_write(path, buffer.getvalue())
