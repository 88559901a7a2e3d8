"""The layouts of Hugging Face's transformers: ViT, DeiT, ViTMAE, Dinov2, CLIP.

Query, key and value are separate layers there, and one layer in mmpretrain.
"""

from .layout import Layout, Rule, affine, as_positions, as_token


def _qkv(source: str, names: tuple[str, str, str]) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            rf'{source}\.{name}\.(weight|bias)',
            r'layers.\1.attn.qkv.\2',
            part=part,
            parts=3,
        )
        for part, name in enumerate(names)
    )


LAYER = r'encoder\.layer\.(\d+)'

HUGGING_FACE = Layout(
    name='hugging-face',
    title="transformers' ViT, DeiT, ViTMAE, Dinov2",
    anchor='embeddings.patch_embeddings.projection.weight',
    prefixes=('vit.', 'deit.', 'dinov2.', ''),
    used=(
        Rule(r'embeddings\.cls_token', 'cls_token', as_token),
        Rule(r'embeddings\.position_embeddings', 'pos_embed', as_positions),
        affine(r'embeddings\.patch_embeddings\.projection', 'patch_embed.projection'),
        affine('layernorm', 'ln1'),
        affine(rf'{LAYER}\.(?:layernorm_before|norm1)', r'layers.\1.ln1'),
        *_qkv(rf'{LAYER}\.attention\.attention', ('query', 'key', 'value')),
        affine(rf'{LAYER}\.attention\.output\.dense', r'layers.\1.attn.proj'),
        affine(rf'{LAYER}\.(?:layernorm_after|norm2)', r'layers.\1.ln2'),
        affine(
            rf'{LAYER}\.(?:intermediate\.dense|mlp\.fc1)', r'layers.\1.ffn.layers.0.0'
        ),
        affine(rf'{LAYER}\.(?:output\.dense|mlp\.fc2)', r'layers.\1.ffn.layers.1'),
        Rule(rf'{LAYER}\.layer_scale1\.lambda1', r'layers.\1.attn.gamma1.weight'),
        Rule(rf'{LAYER}\.layer_scale2\.lambda1', r'layers.\1.ffn.gamma2.weight'),
    ),
    unused=(
        (r'embeddings\.mask_token', 'mask token of the pre-training'),
        (r'pooler\.dense\.(weight|bias)', 'pooler after the class token'),
        # Without a prefix, the keys of the heads are among those of the ViT.
        (r'(classifier|cls_classifier)\.(weight|bias)', 'classification head'),
    ),
    beside=(
        (r'(classifier|cls_classifier)\.(weight|bias)', 'classification head'),
        (r'decoder\..+', 'decoder of the pre-training'),
    ),
    unsupported=(
        (
            r'embeddings\.distillation_token',
            'a distillation token beside the class token',
        ),
        (r'embeddings\.register_tokens', 'register tokens beside the class token'),
        (rf'{LAYER}\.mlp\.weights_(in|out)\..+', 'gated feed-forward layers'),
    ),
)

CLIP_LAYER = r'encoder\.layers\.(\d+)'

HUGGING_FACE_CLIP = Layout(
    name='hugging-face-clip',
    title="transformers' CLIP, the vision tower alone or both towers",
    anchor='embeddings.class_embedding',
    prefixes=('vision_model.', ''),
    used=(
        Rule(r'embeddings\.class_embedding', 'cls_token', as_token),
        Rule(r'embeddings\.position_embedding\.weight', 'pos_embed', as_positions),
        affine(r'embeddings\.patch_embedding', 'patch_embed.projection'),
        # The spelling in every release of transformers.
        affine('pre_layrnorm', 'pre_norm'),
        affine('post_layernorm', 'ln1'),
        affine(rf'{CLIP_LAYER}\.layer_norm1', r'layers.\1.ln1'),
        *_qkv(rf'{CLIP_LAYER}\.self_attn', ('q_proj', 'k_proj', 'v_proj')),
        affine(rf'{CLIP_LAYER}\.self_attn\.out_proj', r'layers.\1.attn.proj'),
        affine(rf'{CLIP_LAYER}\.layer_norm2', r'layers.\1.ln2'),
        affine(rf'{CLIP_LAYER}\.mlp\.fc1', r'layers.\1.ffn.layers.0.0'),
        affine(rf'{CLIP_LAYER}\.mlp\.fc2', r'layers.\1.ffn.layers.1'),
    ),
    unused=((r'embeddings\.position_ids', 'indices of the positions, not weights'),),
    beside=(
        (r'text_model\..+|text_projection\.weight', 'text tower'),
        (r'visual_projection\.weight', 'projection to the text space'),
        ('logit_scale', 'scale of the contrastive loss'),
        (r'classifier\.(weight|bias)', 'classification head'),
    ),
)
