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
from madgrad import published_madgrad

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


class Script:
    """Answers torchvision's and numpy's draws from a list: one entry per view, used up by the grayscale that ends it."""

    def __init__(self):
        self.queue, self.uniforms, self.subsets = [], [], []

    def install(self):
        import numpy as np
        import torchvision.transforms._functional_tensor as tensors
        import torchvision.transforms.functional as TF
        from views import perspective_coefficients
        tensors.convert_image_dtype = lambda image, *_: image                # hue in float64
        TF._get_perspective_coeffs = perspective_coefficients                # not rounded to float32
        now = lambda: self.queue[0]
        T.RandomCrop.get_params = staticmethod(lambda *_: tuple(now()['crop'][k] for k in ('top', 'left', 'height', 'width')))
        T.RandomHorizontalFlip.forward = lambda _, x: TF.hflip(x) if now()['flip'] else x
        T.RandomApply.forward = lambda s, x: s.transforms[0](x) if now()['affine' if isinstance(s.transforms[0], T.RandomAffine) else 'jitter'] else x
        T.RandomAffine.get_params = staticmethod(lambda *_: (now()['affine']['angle'], tuple(now()['affine']['translate']), 1.0, (0.0, 0.0)))
        T.RandomPerspective.forward = lambda s, x: TF.perspective(
            x, now()['perspective']['startpoints'], now()['perspective']['endpoints'], s.interpolation, [float(s.fill)] * 3) if now()['perspective'] else x
        T.ColorJitter.get_params = staticmethod(lambda *_: (now()['jitter']['order'], *(now()['jitter'][k] for k in ('brightness', 'contrast', 'saturation', 'hue'))))

        def grayscale(_, x):
            x = TF.rgb_to_grayscale(x, 3) if now()['grayscale'] else x
            self.queue.pop(0)
            return x
        T.RandomGrayscale.forward = grayscale
        np.random.uniform = lambda *_: self.uniforms.pop(0)
        np.random.randint = lambda low, high: len(self.subsets[0])
        torch.randint = lambda high, size: torch.tensor(self.subsets.pop(0))


def five_steps(path, madgrad, ours, picture, all_items, texts, start, steps, settings):
    """The published dataset, model, losses and optimizer on the drawn numbers. Returns losses per step and the last parameters."""
    import os
    import tempfile
    (clip, _), _ = load(path)
    MADGRAD = published_madgrad(madgrad)
    sys.modules['madgrad'].MADGRAD = MADGRAD                                  # util.util imports it by this name
    clip.load = lambda *_, **__: (tiny_clip(path, ours), None)
    from datasets.image_dataset import SingleImageDataset
    from generator import colour_matrix
    from models.clip_extractor import ClipExtractor
    from models.image_model import Model
    from util.losses import LossG
    folder = tempfile.mkdtemp()
    photo = os.path.join(folder, 'photo.png')
    picture.save(photo)
    cfg = {'image_path': photo, 'resize_input': 0, 'd_divisible_crops': 1, 'jitter_p': .1, 'flip_p': .5, 'scale_min': .8, 'scale_max': 1.2, 'crops_min_cover': .85,
           'source_image_every': settings['sourceImageEvery'], 'num_scales': 7, 'skip_n33d': settings['generator']['width'], 'skip_n33u': settings['generator']['width'],
           'skip_n11': settings['generator']['skip'], 'clip_model_name': 'tiny', 'clip_affine_transform_fill': settings['fill'], 'n_aug': settings['views'],
           'src_text': 'source', 'comp_text': 'composition', 'screen_text': 'screen', 'text_criterion': 'spherical', 'bootstrap_epoch': settings['bootstrapEpoch'],
           'lambda_bootstrap': settings['lambdaBootstrap'], 'lambda_bootstrap_min': settings['lambdaBootstrapMin'], 'bootstrap_scheduler': 'linear',
           'bootstrapping_min_cover': 1, 'use_negative_bootstrap': False, 'bootstrap_text': 'anything', 'device': 'cpu', 'lambda_structure': settings['lambdaStructure'],
           'relevancy_num_layers': ours.config['vision_config']['num_hidden_layers'] - 2, 'lambda_composition': settings['lambdaComposition'],
           'lambda_sparsity': settings['lambdaSparsity'], 'lambda_screen': settings['lambdaScreen'], 'lambda_alpha_l0': settings['lambdaAlphaL0'],
           'lambda_alpha_l1': settings['lambdaAlphaL1']}
    extractor = ClipExtractor(cfg)
    extractor.get_text_embedding = lambda text, *_: texts[text]
    relevancy_module(path, ours, texts['bootstrap'])                          # also makes the explainable CLIP the tiny one
    criterion, net, dataset, script = LossG(cfg, extractor), Model(cfg).double(), SingleImageDataset(cfg), Script()
    net.load_state_dict(start, strict=False)
    net.netG.get_buffer('9.colcorr_t').copy_(colour_matrix().T)
    optimizer = MADGRAD(net.parameters(), lr=settings['lr'], weight_decay=settings['weightDecay'], momentum=settings['momentum'])
    script.install()
    recorded = []
    for drawn, items in zip(steps, all_items):
        script.queue, script.uniforms = [drawn['example']], [drawn['example']['scale'], drawn['example']['cover']]
        inputs = dataset[0]
        seen = [inputs['input_crop']] + ([inputs['input_image']] if 'input_image' in inputs else [])
        assert len(seen) == len(items) and all((s.double() - x).abs().max() < 1e-7 for s, x in zip(seen, items)), 'internal examples differ'
        inputs['input_crop'] = items[0]                                       # the same picture, not rounded to float32
        if len(items) > 1: inputs['input_image'] = items[1]
        v, count = drawn['views'], len(items)
        script.queue = [x for i in range(count) for x in v['composition'][i]]
        script.queue += [x for i in range(count) for x in v['directionalInput'][i] + v['directionalOutput'][i]]
        script.queue += [x for i in range(count) for x in v['screen'][i]]
        script.subsets = [drawn['targets'][k] for k in ('composition', 'directional', 'screen')]
        optimizer.zero_grad()
        outputs = net(inputs)
        losses = criterion(outputs, {k: x if k == 'step' else [x[0]] for k, x in inputs.items()})
        assert not script.queue and not script.subsets, 'draws left over'
        losses['loss'].backward()
        optimizer.step()
        optimizer.param_groups[0]['lr'] = max(settings['minLr'], settings['gamma'] * optimizer.param_groups[0]['lr'])
        recorded.append({k: x.item() for k, x in losses.items()})
    return {'losses': recorded, 'parameters': {n: p.detach() for n, p in net.named_parameters()}}
