"""Beyond the paper: other tunings, and the places of adapters and prompts."""

title = 'Beyond the paper'
base = 'mpt_vit-b16_smic.py'
rows = [
    dict(name='MPT', options={}),
    dict(
        name="motion prompts, LoRA in the group adapter's place",
        options={
            'model.backbone.adapter': None,
            'model.backbone.lora': dict(rank=8, alpha=16),
        },
    ),
    dict(
        name='LoRA alone',
        options={
            'model.backbone.prompt': None,
            'model.backbone.adapter': None,
            'model.backbone.lora': dict(rank=8, alpha=16),
        },
    ),
    dict(
        name='no means shared between groups',
        options={'model.backbone.adapter.share_means': False},
    ),
    # A ViT-B has 12 layers, the demo's ViT 6.
    dict(
        name='adapters from layer 3 on (of 0, 1, ...)',
        options={'model.backbone.adapter_start_layer': 3},
    ),
    dict(
        name='prompts with a place on the face',
        options={'model.backbone.prompt.spatial': True},
    ),
]
