"""The published Text2LIVE code, from a checkout given by path, run in float64 on our draws. Only the optional comparisons import this.

What is changed around it, never in it: torchvision's transforms without their compiled part; CLIP's layer norm in float64 (it casts to float32);
torchvision 0.11's Resize (no antialiasing of tensors); hue and perspective coefficients in float64; tiny CLIP towers in place of ViT-B/32.
"""
import sys
import types

import torch

import torchvision_shim  # noqa: F401
import torchvision.transforms as T
from clip import MEAN, STD

_loaded = {}


def load(path):
    if _loaded: return _loaded['clip'], _loaded['explainability']
    import packaging.version
    sys.modules['pkg_resources'] = types.SimpleNamespace(packaging=sys.modules['packaging'])  # gone from recent setuptools
    torch.nn.functional._pad = torch.nn.functional.pad                                       # removed from PyTorch
    sys.path.insert(0, path)
    import CLIP.clip as clip
    import CLIP.clip.model as model
    import CLIP.clip_explainability as explainability
    import CLIP.clip_explainability.model as explainable
    for module in (model, explainable): module.LayerNorm.forward = torch.nn.LayerNorm.forward
    T.Resize.__init__.__defaults__ = (*T.Resize.__init__.__defaults__[:-1], False)
    _loaded.update(clip=(clip, model), explainability=(explainability, explainable))
    return _loaded['clip'], _loaded['explainability']


def normalise(image):
    return T.Normalize(MEAN, STD)(image)


def openai_names(w, prefix, target):
    """Hugging Face names of one tower -> the published module's names."""
    out = {}
    for i in range(sum(n.startswith(f'{prefix}.encoder.layers.') and n.endswith('layer_norm1.weight') for n in w)):
        old, new = f'{prefix}.encoder.layers.{i}', f'{target}transformer.resblocks.{i}'
        for part in ('weight', 'bias'):
            out[f'{new}.attn.in_proj_{part}'] = torch.cat([w[f'{old}.self_attn.{p}_proj.{part}'] for p in 'qkv'])
            for a, b in (('self_attn.out_proj', 'attn.out_proj'), ('layer_norm1', 'ln_1'), ('layer_norm2', 'ln_2'), ('mlp.fc1', 'mlp.c_fc'), ('mlp.fc2', 'mlp.c_proj')):
                out[f'{new}.{b}.{part}'] = w[f'{old}.{a}.{part}']
    return out


def tiny_clip(path, ours, explainable=False):
    """The published CLIP module holding the weights of our tiny one."""
    module = load(path)[1 if explainable else 0][1]
    v, t, w = ours.config['vision_config'], ours.config['text_config'], ours.w
    Tower = module.VisualTransformer if explainable else module.VisionTransformer
    net = module.CLIP(ours.config['projection_dim'], 224, 1, 64, 32, t['max_position_embeddings'], t['vocab_size'], t['hidden_size'], t['num_attention_heads'],
                      t['num_hidden_layers'])
    net.visual = Tower(v['image_size'], v['patch_size'], v['hidden_size'], v['num_hidden_layers'], v['num_attention_heads'], ours.config['projection_dim'])
    for tower, c in ((net.visual.transformer, v), (net.transformer, t)):
        for block in tower.resblocks:                       # the published MLP is always four times as wide
            block.mlp.c_fc = torch.nn.Linear(c['hidden_size'], c['intermediate_size'])
            block.mlp.c_proj = torch.nn.Linear(c['intermediate_size'], c['hidden_size'])
    net = net.double()
    state = openai_names(w, 'vision_model', 'visual.') | openai_names(w, 'text_model', '') | {
        'visual.class_embedding': w['vision_model.embeddings.class_embedding'], 'visual.conv1.weight': w['vision_model.embeddings.patch_embedding.weight'],
        'visual.positional_embedding': w['vision_model.embeddings.position_embedding.weight'], 'visual.proj': w['visual_projection.weight'].T,
        'token_embedding.weight': w['text_model.embeddings.token_embedding.weight'], 'text_projection': w['text_projection.weight'].T,
        'positional_embedding': w['text_model.embeddings.position_embedding.weight'], 'logit_scale': w['logit_scale']}
    for a, b in (('vision_model.pre_layrnorm', 'visual.ln_pre'), ('vision_model.post_layernorm', 'visual.ln_post'), ('text_model.final_layer_norm', 'ln_final')):
        for part in ('weight', 'bias'): state[f'{b}.{part}'] = w[f'{a}.{part}']
    net.load_state_dict(state)
    return net.eval().requires_grad_(False)


def relevancy_module(path, ours, text):
    """The published ClipRelevancy around our tiny CLIP, with a text embedding in place of a sentence."""
    (_, _), (explainability, _) = load(path)
    net = tiny_clip(path, ours, explainable=True).requires_grad_(True)
    net.encode_text = lambda _: text
    explainability.load = lambda *_, **__: (net, None)
    from models.clip_relevancy import ClipRelevancy
    last = ours.config['vision_config']['num_hidden_layers'] - 2
    return ClipRelevancy({'bootstrap_text': 'anything', 'use_negative_bootstrap': False, 'device': 'cpu', 'relevancy_num_layers': last})


def relevancy(path, ours, image, text):
    """[1,224,224] in float32, as published."""
    return relevancy_module(path, ours, text)(image).detach().double()
