"""MPT, table VII: kinds of prompts with the group adapter, on SMIC."""

title = 'Table VII: prompts'
base = 'mpt_vit-b16_smic.py'
paper = dict(source='MPT, table VII', dataset='SMIC')
rows = [
    dict(
        name='w/o prompt',
        options={'model.backbone.prompt': None},
        paper=dict(acc=79.27, f1=78.43, millions=3.5),
    ),
    dict(
        name='VPT-Shallow',
        options={'model.backbone.prompt': dict(type='VPTPrompt', num_prompts=50)},
        paper=dict(acc=81.10, f1=80.84, millions=5.5),
    ),
    dict(
        name='VPT-Deep',
        options={
            'model.backbone.prompt': dict(type='VPTPrompt', num_prompts=50, deep=True)
        },
        paper=dict(acc=82.32, f1=81.79, millions=5.8),
    ),
    dict(
        name='MPT',
        options={},
        paper=dict(acc=86.59, f1=86.01, millions=5.5),
    ),
]
