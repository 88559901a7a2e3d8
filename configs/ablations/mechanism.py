"""Does the mechanism of MPT carry on data of which the truth is known?"""

title = 'What carries on SynthME'
base = 'mpt_vit-tiny_synthme.py'
reference = 'MPT'
rows = [
    dict(name='MPT', options={}),
    dict(name='prompts off', options={'model.backbone.prompt': None}),
    dict(
        name='magnification off (alpha = 0, no motion)',
        options={'model.data_preprocessor.alpha': 0.0},
    ),
    dict(
        name='motion not magnified (alpha = 1)',
        options={'model.data_preprocessor.alpha': 1.0},
    ),
    dict(name='prompts alone (no adapter)', options={'model.backbone.adapter': None}),
    dict(
        name='head alone',
        options={'model.backbone.prompt': None, 'model.backbone.adapter': None},
    ),
    dict(
        name='frames dropped, not averaged',
        options={
            'train_dataloader.dataset.pipeline.1.average': False,
            'test_dataloader.dataset.pipeline.1.average': False,
        },
    ),
    # Standardizing 16 frames to 16 changes nothing: StabilizeHead is gone.
    dict(
        name="the head's motion left in",
        options={
            'model.data_preprocessor.remove_head_motion': False,
            'train_dataloader.dataset.pipeline.2.type': 'StandardizeLength',
            'test_dataloader.dataset.pipeline.2.type': 'StandardizeLength',
        },
    ),
    dict(name='random backbone', options={'model.backbone.vit.init_cfg': None}),
]
