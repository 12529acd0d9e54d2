"""The published video code on our draws: its sampling of crops, VideoModel, losses and optimizer, in float64. Only videoSteps.py --text2live imports this."""
import random
import sys
import types

import torch

import torchvision_shim  # noqa: F401
import torchvision.transforms as T
from generator import colour_matrix
from madgrad import published_madgrad
from published import Script, load, relevancy_module, tiny_clip


def dataset_of(layer, scene, boxes, settings, script):
    """The published dataset around our scene, without its constructor, which wants a checkpoint."""
    from datasets.video_dataset import AtlasDataset
    from util.atlas_utils import get_atlas_bounding_box, get_masks_boundaries
    data = AtlasDataset.__new__(AtlasDataset)
    frames, (height, width) = len(scene['video']), scene['video'][0].shape[-2:]
    data.config = {'maximum_number_of_frames': frames, 'flip_p': .5, 'crops_min_cover': settings['cropsMinCover'], 'finetune_foreground': layer == 'foreground',
                   'finetune_background': layer == 'background', 'grid_atlas_resolution': 2000, 'input_entire_atlas': True,
                   'entire_atlas_every': settings['wholeAtlasEvery'], 'resx': width, 'resy': height}
    data.device, data.step, data.dist, data.cnn_min_crop_size, data.min_size, data.max_size = 'cpu', -1, settings['frameDistance'], 129, height, width
    data.all_alpha = torch.cat(scene['opacity'])
    uvs = torch.stack(scene['positions'])
    data.foreground_all_uvs = data.background_all_uvs = uvs
    data.foreground_grid_atlas = data.background_grid_atlas = scene['atlas']
    data.foreground_reconstruction = data.background_reconstruction = torch.cat(scene['pictures'])
    if layer == 'foreground':
        data.mask_boundaries = get_masks_boundaries(data.all_alpha.clone(), settings['boxBorder'], settings['opacityThreshold'], 129)
        ours = [[b['y'], b['x'], b['height'], b['width']] for b in boxes]
        assert data.mask_boundaries.tolist() == ours, 'boxes differ'
        data.cropped_foreground_atlas, box = get_atlas_bounding_box(data.mask_boundaries, scene['atlas'], uvs)
        b = scene['box']
        assert [int(n) for n in box] == [b['y'], b['x'], b['height'], b['width']], 'the box in the atlas differs'
        # The drawn crops lie anywhere in the frame, not only in these boxes.
        data.mask_boundaries = torch.tensor([[0, 0, height, width]] * frames)

    def jitter(image):
        draw = script.jitters.pop(0)
        if draw is None: return image
        script.queue = [{'jitter': draw}]
        return T.ColorJitter(.1, .1, .1, .1)(image)
    data.crop_aug = jitter
    return data


def answer_draws(step, script, layer, scene):
    """Answers the draws of the published sampling and of its choice of the direct frame, in their order."""
    crops = step['crops'] if layer == 'foreground' else step['crops'][:1]
    integers, places = [step['frames'][1]], []
    for c in crops:
        integers += [c['height'], c['width']]
        if layer == 'background': integers.append(0)                             # a frame that is drawn and not used
        if (c['height'], c['width']) != tuple(scene['video'][0].shape[-2:]): places += [c['y'], c['x']]
    integers.append(step['direct'])
    random.randint = lambda low, high: integers.pop(0)
    torch.rand = lambda *_: torch.tensor([0. if step['flip'] else 1.])
    torch.randint = lambda *a, size=None: torch.tensor([places.pop(0)]) if size is not None else torch.tensor(script.subsets.pop(0))
    of_frames = [step['directJitter'] if i == step['direct'] else None for i in range(3)] if layer == 'foreground' else [step['directJitter']]
    script.jitters = [*of_frames, step['atlasJitter']]


def compare(path, madgrad, ours, layer, scene, boxes, texts, start, steps, ours_after, settings):
    kept = random.randint, torch.rand, torch.randint
    (clip, _), _ = load(path)
    MADGRAD = published_madgrad(madgrad)
    sys.modules['madgrad'].MADGRAD = MADGRAD                                      # util.util imports it by this name
    sys.modules.setdefault('tqdm', types.SimpleNamespace(tqdm=lambda x, **_: x))
    clip.load = lambda *_, **__: (tiny_clip(path, ours), None)
    from models.clip_extractor import ClipExtractor
    from models.video_model import VideoModel
    from util.losses import LossG
    s, width = settings, settings['generator']['width']
    cfg = {'num_scales': 7, 'skip_n33d': width, 'skip_n33u': width, 'skip_n11': s['generator']['skip'], 'clip_model_name': 'tiny', 'n_aug': s['views'],
           'clip_affine_transform_fill': s['fill'], 'src_text': 'source', 'comp_text': 'composition', 'screen_text': 'screen', 'text_criterion': 'spherical',
           'bootstrap_epoch': 1000, 'lambda_bootstrap': s['lambdaBootstrap'], 'lambda_bootstrap_min': 0, 'bootstrap_scheduler': 'none', 'bootstrapping_min_cover': 1,
           'use_negative_bootstrap': False, 'bootstrap_text': 'anything', 'device': 'cpu', 'lambda_structure': s['lambdaStructure'],
           'relevancy_num_layers': ours.config['vision_config']['num_hidden_layers'] - 2, 'lambda_composition': s['lambdaComposition'],
           'lambda_sparsity': s['lambdaSparsity'], 'lambda_screen': s['lambdaScreen'], 'lambda_alpha_l0': s['lambdaAlphaL0'], 'lambda_alpha_l1': s['lambdaAlphaL1'],
           'align_corners': False, 'multiply_foreground_alpha': True, 'finetune_foreground': layer == 'foreground', 'finetune_background': layer == 'background'}
    extractor = ClipExtractor(cfg)
    extractor.get_text_embedding = lambda text, *_: texts[text]
    relevancy_module(path, ours, texts['bootstrap'])                              # also makes the explainable CLIP the tiny one
    criterion, net, script = LossG(cfg, extractor), VideoModel(cfg).double(), Script()
    net.load_state_dict(start, strict=False)
    net.netG.get_buffer('9.colcorr_t').copy_(colour_matrix().T)
    optimizer = MADGRAD(net.parameters(), lr=s['lr'], weight_decay=s['weightDecay'], momentum=s['momentum'])
    script.install()
    data = dataset_of(layer, scene, boxes, s, script)
    names = {'loss_comp_clip': 'composition', 'loss_comp_dir': 'directional', 'loss_screen': 'screen', 'loss_structure': 'structure', 'loss_sparsity': 'sparsity',
             'loss_bootstrap': 'bootstrap', 'loss': 'total'}
    for step in steps:
        answer_draws(step, script, layer, scene)
        inputs = data[0]
        outputs = net(inputs)[layer]
        inputs['input_crop'] = [x.squeeze(0) for x in outputs['cnn_inputs']]
        v, count = step['views'], len(step['views']['composition'])
        script.queue = [x for i in range(count) for x in v['composition'][i]]
        script.queue += [x for i in range(count) for x in v['directionalInput'][i] + v['directionalOutput'][i]]
        script.queue += [x for i in range(count) for x in v['screen'][i]]
        script.subsets = [step['targets'][k] for k in ('composition', 'directional', 'screen')]
        optimizer.zero_grad()
        losses = criterion(outputs, inputs)
        assert not script.queue and not script.subsets and not script.jitters, 'draws left over'
        losses['loss'].backward()
        optimizer.step()
        optimizer.param_groups[0]['lr'] = max(s['minLr'], s['gamma'] * optimizer.param_groups[0]['lr'])
        gap = {names[n]: abs(losses[n].item() - step['losses'][names[n]]) for n in names}
        worst = max(gap, key=gap.get)
        assert gap[worst] < 1e-6, f'{layer}, step {step["step"]}: {gap}'
        print(f'  published {layer} step {step["step"]}: largest difference of a loss {gap[worst]:.1e} ({worst})')
    random.randint, torch.rand, torch.randint = kept
    apart = max((dict(net.named_parameters())[n] - v).abs().max().item() for n, v in ours_after.items())
    print(f'  published parameters of the {layer} after 5 steps: {apart:.1e}')
