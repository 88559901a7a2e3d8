"""MPT, figure 5: number of motion prompts, on SMIC.

The figure shows 0, 1, 3, 5 and 7 prompts. The text has numbers for 5 only, and table
VII for none; the others are not read off the figure.
"""

title = 'Figure 5: number of motion prompts'
base = 'mpt_vit-b16_smic.py'
paper = dict(source='MPT, text on figure 5 and table VII', dataset='SMIC')
x_label = 'motion prompts'
rows = [
    dict(
        name='none (group adapter alone)',
        options={'model.backbone.prompt': None},
        paper=dict(acc=79.27, f1=78.43),
        x=0,
    ),
    dict(name='1 prompt', options={'model.backbone.prompt.num_prompts': 1}, x=1),
    dict(name='3 prompts', options={'model.backbone.prompt.num_prompts': 3}, x=3),
    dict(
        name="5 prompts (the paper's)",
        options={},
        paper=dict(acc=86.59, f1=86.01),
        x=5,
    ),
    dict(name='7 prompts', options={'model.backbone.prompt.num_prompts': 7}, x=7),
]
