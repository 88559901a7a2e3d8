"""Runs without training, and clips, for tests of inference."""

import json

import av
import cv2
import numpy as np
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmaction_mer.datasets.synthme.clip import Timing, render_clip
from mmaction_mer.datasets.synthme.face import render_texture
from mmaction_mer.datasets.synthme.identity import sample_identity
from mmaction_mer.datasets.synthme.nuisance import Nuisance
from mmaction_mer.models.utils.slim_checkpoint import slim_state_dict, write_checkpoint

CLASSES = ['negative', 'positive', 'surprise']
CONFIG = 'configs/mpt_vit-tiny_synthme.py'


def small_config():
    """Load the config of the demo with eight frames per clip."""
    cfg = Config.fromfile(CONFIG)
    cfg.model.backbone.prompt.length = 8
    cfg.model.cls_head.num_classes = len(CLASSES)
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        for step in loader.dataset.pipeline:
            if step.type == 'StandardizeLength':
                step.length = 8
    return cfg


def state(cfg, seed):
    """Return weights of a fold as if trained: a random head and random adapters."""
    init_default_scope('mmaction')
    model = MODELS.build(cfg.model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                drawn = torch.randn(parameter.shape, generator=generator)
                parameter.add_(0.1 * drawn)
    return slim_state_dict(model)


def make_run(path, folds=('sub01', 'sub02'), classes=CLASSES):
    """Write the files of a finished run that inference reads."""
    cfg = small_config()
    path.mkdir(parents=True, exist_ok=True)
    cfg.dump(path / 'config.py')
    for number, name in enumerate(folds):
        folder = path / 'folds' / name
        folder.mkdir(parents=True)
        meta = dict(
            fold=name,
            held_out=[name],
            dataset_meta=dict(classes=classes, dataset='synthme'),
        )
        checkpoint = dict(meta=meta, state_dict=state(cfg, number))
        write_checkpoint(folder / 'model.pth', checkpoint)
        (folder / 'predictions.jsonl').write_text('{}\n')
        facts = dict(status='done', held_out=[name])
        (folder / 'fold.json').write_text(json.dumps(facts))
    return path


def synthetic_clip(weights=None, length=40, onset=8, apex=18, offset=30, seed=3):
    """Render a clip ``(length, 112, 112, 3)`` of raised brows, without a blink."""
    rng = np.random.default_rng(seed)
    face = render_texture(sample_identity(rng))
    weights = {'1': 2.0, '2': 2.0} if weights is None else weights
    timing = Timing(length, onset, apex, offset)
    return render_clip(face, weights, timing, rng, 112, Nuisance(blink=0.0))


def encode(path, frames, rate=50):
    """Write a video in the format of the suffix."""
    with av.open(str(path), 'w') as file:
        codec = 'mjpeg' if path.suffix == '.avi' else 'libx264'
        stream = file.add_stream(codec, rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        file.mux(stream.encode())
    return path


def raise_brows(image, points, pixels=1.0, frames=40, apex=18, noise=0.7, seed=0):
    """Move the brows of a photograph up by a known warp, and down again.

    Returns:
        Frames ``(frames, H, W, 3)`` uint8, and where the warp moves by at least half
        of its maximum, ``(H, W)`` bool.
    """
    eyes = np.linalg.norm(points[1] - points[0])
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    weight = np.zeros_like(x)
    for eye in points[:2]:
        across = (x - eye[0]) / (0.38 * eyes)
        down = (y - eye[1] + 0.42 * eyes) / (0.26 * eyes)
        weight += np.exp(-(across**2) - down**2)
    weight = np.minimum(weight, 1)
    t = np.arange(frames)
    s = np.clip(np.minimum(t / apex, (frames - 1 - t) / (frames - 1 - apex)), 0, 1)
    course = s**3 * (10 - 15 * s + 6 * s**2)
    rng = np.random.default_rng(seed)
    clip = []
    for strength in course:
        moved = (y + pixels * strength * weight).astype(np.float32)
        frame = cv2.remap(
            image, x, moved, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        ).astype(np.float32)
        frame += rng.normal(size=frame.shape) * noise
        clip.append(frame.round().clip(0, 255).astype(np.uint8))
    return np.stack(clip), weight >= 0.5
