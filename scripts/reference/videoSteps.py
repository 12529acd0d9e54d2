"""Five consecutive training steps of the video method for each layer, all draws written down: fixture `videoSteps`.

A small layered atlas stands for a fitted one: two pictures, smooth positions and opacities given by formulas (`positions`, `opacity`). Guidance, generator and texts as in
`steps`. `--text2live PATH --madgrad PATH` runs the published dataset's sampling, model, losses and optimizer on the same draws and compares all five steps.
"""
import argparse

import numpy as np
import torch
import torch.nn.functional as F

from clip import relevancy_map, tiny
from fixture import Fixture, normal, photo, rng, rounded
from generator import generate, initial, shifted, without_effect
from losses import bootstrap, directional, sparsity, spherical, structure
from madgrad import fresh, update
from steps import GREEN, SETTINGS as IMAGE, render, subset
from views import draw_view, jitter, resize, view_size, views

FRAMES, HEIGHT, WIDTH = 5, 136, 160
ATLAS = {'foreground': (176, 208), 'background': (390, 396)}
SMALLEST = 129
SETTINGS = IMAGE | {'views': 2, 'fill': 0, 'lambdaStructure': 3, 'lambdaSparsity': .1, 'lambdaAlphaL0': .005, 'lambdaAlphaL1': .01, 'bootstrapScheduler': 'none',
                    'wholeAtlasEvery': 3, 'wholeAtlasShrink': 3, 'gamma': .999, 'frameDistance': 2, 'cropsMinCover': .95, 'boxBorder': 30, 'opacityThreshold': .95}
for unused in ('sourceImageEvery', 'lambdaBootstrapMin', 'bootstrapEpoch'): SETTINGS.pop(unused)
COLOUR = {'order': [3, 1, 0, 2], 'brightness': 1.06, 'contrast': .93, 'saturation': 1.08, 'hue': -.06}
OTHER = {'order': [0, 2, 3, 1], 'brightness': .95, 'contrast': 1.04, 'saturation': .91, 'hue': .08}
PLAN = [(False, None, None), (True, COLOUR, None), (True, None, OTHER), (False, OTHER, COLOUR), (False, None, None)]  # flip, jitter of atlas and frame


def positions(layer, t):
    """[h,w,2]: where the centre of frame pixel (x, y) lies in the atlas image; float32 roundings."""
    y, x = torch.meshgrid(torch.arange(HEIGHT, dtype=torch.float64), torch.arange(WIDTH, dtype=torch.float64), indexing='ij')
    if layer == 'foreground': u, v = 12.3 + 1.06 * x + 3 * torch.sin(y / 23 + t), 9.6 + 1.04 * y + 2 * torch.cos(x / 19) + .8 * t
    else: u, v = 40.2 + 1.1 * x + 4 * torch.sin(y / 31) + 6.3 * t, 35.4 + 1.15 * y + 3 * torch.sin(x / 29 + t)
    return rounded(torch.stack((u, v), -1))


def opacity(t):
    """[1,1,h,w] in [0.001, 0.991]: a disc that moves."""
    y, x = torch.meshgrid(torch.arange(HEIGHT, dtype=torch.float64), torch.arange(WIDTH, dtype=torch.float64), indexing='ij')
    away = torch.sqrt((x - 76 - 2 * t) ** 2 + (y - 66 - t) ** 2)
    return rounded(.99 / (1 + torch.exp((away - 48) / 2)) + .001)[None, None]


def draw(r, layer, plan):
    """Draws of one step: crops of all three frames (foreground: each on its own), flip, jitters, the direct frame."""
    flip, atlas_jitter, frame_jitter = plan

    def crop():
        height, width = (int(r.integers(SMALLEST, n + 1)) for n in (HEIGHT, min(WIDTH, 146)))
        return {'x': int(r.integers(0, WIDTH - width + 1)), 'y': int(r.integers(0, HEIGHT - height + 1)), 'width': width, 'height': height}
    crops = [crop() for _ in range(3)] if layer == 'foreground' else [crop()] * 3
    return {'frames': [0, 2, 4], 'crops': crops, 'flip': flip, 'atlasJitter': atlas_jitter, 'scale': 1, 'direct': int(r.integers(0, 3)), 'directJitter': frame_jitter}


def cut(x, c):
    return x[..., c['y']:c['y'] + c['height'], c['x']:c['x'] + c['width']]


def internal_example(scene, layer, d):
    """The atlas crop, and per frame: positions in it as grid_sample takes them, opacity; and the direct frame."""
    uvs = [scene['positions'][t][c['y']:c['y'] + c['height'], c['x']:c['x'] + c['width']] for t, c in zip(d['frames'], d['crops'])]
    low = torch.stack([uv.amin((0, 1)) for uv in uvs]).amin(0).long()
    high = torch.stack([uv.amax((0, 1)) for uv in uvs]).amax(0).ceil().long()
    atlas = scene['atlas'][..., low[1]:high[1], low[0]:high[0]]
    if d['atlasJitter']: atlas = jitter(atlas, d['atlasJitter'])
    grids = [2 * (uv - low) / (high - low) - 1 for uv in uvs]
    t, c = d['frames'][d['direct']], d['crops'][d['direct']]
    direct = cut(scene['pictures'][t], c)
    if d['directJitter']: direct = jitter(direct, d['directJitter'])
    opacities = [cut(scene['opacity'][t], c) for t, c in zip(d['frames'], d['crops'])] if layer == 'foreground' else None
    if d['flip']:
        atlas, direct = atlas.flip(-1), direct.flip(-1)
        grids = [(g * torch.tensor([-1., 1.])).flip(1) for g in grids]
        if opacities: opacities = [o.flip(-1) for o in opacities]
    return atlas, [g[None] for g in grids], opacities, direct


def whole(scene, layer):
    if layer == 'foreground': return scene['cropped']
    h, w = (n // SETTINGS['wholeAtlasShrink'] for n in scene['atlas'].shape[-2:])
    return F.interpolate(scene['atlas'], size=(h, w), mode='bilinear', align_corners=False, antialias=True)


def items_of_step(parameters, example, d, entire):
    """[(input, composite, on green, alpha)] of the three frames, the direct frame and, where it joins, the whole atlas."""
    atlas, grids, opacities, direct = example
    composite, green, alpha = render(generate(parameters, atlas), atlas)
    items = []
    for i, grid in enumerate(grids):
        seen = [F.grid_sample(x, grid, mode='bilinear', padding_mode='zeros', align_corners=False) for x in (atlas, composite, green, alpha)]
        if opacities:
            seen[1:] = [x * opacities[i] for x in seen[1:]]
            seen[2] = seen[2] + (1 - opacities[i]) * torch.tensor(GREEN).view(1, 3, 1, 1)
        items.append(seen)
    layer = generate(parameters, direct)
    if opacities: layer = layer * opacities[d['direct']]
    items.append([direct, *render(layer, direct)])
    if entire is not None: items.append([entire, *render(generate(parameters, entire), entire)])
    return items


def losses_of_step(model, parameters, example, entire, d, texts):
    s, items = SETTINGS, items_of_step(parameters, example, d, entire)
    count = len(items)
    embed = lambda image, drawn: model.embed(views(image, drawn, *view_size(*image.shape[2:], 224, s['viewsLongestSide']), s['fill']), s['positions'])
    tokens = lambda image: model.tokens(resize(image, *view_size(*image.shape[2:], 224, s['structureLongestSide'])), s['positions'])
    v, chosen = d['views'], d['targets']
    directions = texts['composition'][chosen['directional']] - texts['source'][chosen['directional']]
    mean = lambda values: sum(values) / count
    out = {
        'composition': mean(spherical(embed(items[i][1], v['composition'][i]), texts['composition'][chosen['composition']]) for i in range(count)),
        'directional': mean(directional(embed(items[i][0], v['directionalInput'][i]), embed(items[i][1], v['directionalOutput'][i]), directions) for i in range(count)),
        'screen': mean(spherical(embed(items[i][2], v['screen'][i]), texts['screen'][chosen['screen']]) for i in range(count)),
        'structure': mean(structure(tokens(items[i][1]), tokens(items[i][0])) for i in range(count)),
        'sparsity': mean(sparsity(items[i][3], s['lambdaAlphaL1'], s['lambdaAlphaL0'])[0] for i in range(count)),
    }
    relevancy = relevancy_map(model.relevancy(resize(items[-1][0], 224, 224), texts['bootstrap']))
    out['bootstrap'] = bootstrap(items[-1][3], relevancy) / count                        # D5: only the last item counts, over the number of items
    out['total'] = (s['lambdaComposition'] * (out['composition'] + out['directional']) + s['lambdaScreen'] * out['screen'] + s['lambdaStructure'] * out['structure']
                    + s['lambdaSparsity'] * out['sparsity'] + s['lambdaBootstrap'] * out['bootstrap'])
    return out


def train(model, parameters, texts, drawn, examples, entire):
    """Yields (learning rate, losses, parameters after the update) of each step."""
    s, lr, states = SETTINGS, SETTINGS['lr'], {n: fresh(v) for n, v in parameters.items()}
    for k, d in enumerate(drawn):
        leaves = {n: v.clone().requires_grad_() for n, v in parameters.items()}
        losses = losses_of_step(model, leaves, examples[k], entire if (k + 1) % s['wholeAtlasEvery'] == 0 else None, d, texts)
        gradients = dict(zip(leaves, torch.autograd.grad(losses['total'], list(leaves.values()))))
        updated = {n: update(v, gradients[n], states[n], k, lr, s['weightDecay'], s['momentum'], s['eps']) for n, v in parameters.items()}
        parameters, states = {n: u[0] for n, u in updated.items()}, {n: u[1] for n, u in updated.items()}
        yield lr, {n: v.item() for n, v in losses.items()}, parameters
        lr = max(s['minLr'], s['gamma'] * lr)


def scene_of(layer, video):
    height, width = ATLAS[layer]
    scene = {'atlas': photo(211 if layer == 'foreground' else 212, height, width), 'positions': [positions(layer, t) for t in range(FRAMES)],
             'opacity': [opacity(t) for t in range(FRAMES)], 'video': video}
    if layer == 'foreground':
        scene['pictures'] = [frame * alpha for frame, alpha in zip(video, scene['opacity'])]
        scene['box'] = box = foreground_box(scene)
        scene['cropped'] = cut(scene['atlas'], box)
    else:
        size = torch.tensor([width, height])
        scene['pictures'] = [F.grid_sample(scene['atlas'], (2 * p / size - 1)[None], mode='bilinear', padding_mode='zeros', align_corners=False) for p in scene['positions']]
    return scene


def boxes(scene):
    """Per frame the box of the foreground (threshold, border, at least SMALLEST px), as the published code finds it."""
    out = []
    for alpha in scene['opacity']:
        y, x = torch.nonzero(alpha[0, 0] >= SETTINGS['opacityThreshold'], as_tuple=True)
        sides = []
        for values, length in ((x, WIDTH), (y, HEIGHT)):
            low, high = max(int(values.min()) - SETTINGS['boxBorder'], 0), min(int(values.max()) + SETTINGS['boxBorder'], length)
            missing = SMALLEST - (high - low)
            if missing > 0: low, high = (low - missing, high) if high + missing > length else (low, high + missing)
            sides.append((low, high - low))
        out.append({'x': sides[0][0], 'y': sides[1][0], 'width': sides[0][1], 'height': sides[1][1]})
    return out


def foreground_box(scene):
    low, high = torch.full((2,), 1e9), torch.zeros(2)
    for c, p in zip(boxes(scene), scene['positions']):
        inside = p[c['y']:c['y'] + c['height'], c['x']:c['x'] + c['width']]
        low, high = torch.minimum(low, inside.amin((0, 1))).floor(), torch.maximum(high, inside.amax((0, 1))).ceil()
    (x, y), (width, height) = low.int().tolist(), (high - low).int().tolist()
    return {'x': x, 'y': y, 'width': width, 'height': height}


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--text2live')
    p.add_argument('--madgrad')
    a = p.parse_known_args()[0]
    model, g, fixture, listed = tiny(), rng(202), Fixture('videoSteps'), {}
    video = [photo(220 + t, HEIGHT, WIDTH) for t in range(FRAMES)]
    for t in (0, 2, 4): fixture.put_pixels(f'frame{t}', video[t])
    texts = {'composition': normal(g, 28, 16), 'source': normal(g, 14, 16), 'screen': normal(g, 4, 16), 'bootstrap': normal(g, 1, 16)}
    for name, value in texts.items(): fixture.put(f'texts.{name}', value)
    start = shifted(initial(**SETTINGS['generator'], seed=2), SETTINGS['generator']['width'], SETTINGS['generator']['skip'], 3)
    for name, value in start.items(): fixture.put(f'initial.{name}', value)
    for layer in ('foreground', 'background'):
        r, scene, drawn, examples = np.random.default_rng(201 if layer == 'foreground' else 203), scene_of(layer, video), [], []
        fixture.put_pixels(f'{layer}.atlas', scene['atlas'])
        entire = whole(scene, layer)
        for k, plan in enumerate(PLAN):
            d = draw(r, layer, plan)
            example = internal_example(scene, layer, d)
            sizes = [tuple(grid.shape[1:3]) for grid in example[1]] + [tuple(example[3].shape[2:])]
            if (k + 1) % SETTINGS['wholeAtlasEvery'] == 0: sizes.append(tuple(entire.shape[2:]))
            per_item = lambda: [[draw_view(r, n == 0, size, view_size(*size)) for n in range(SETTINGS['views'])] for size in sizes]
            d |= {'targets': {'composition': subset(r, 28), 'directional': subset(r, 14), 'screen': subset(r, 4)},
                  'views': {name: per_item() for name in ('composition', 'directionalInput', 'directionalOutput', 'screen')}}
            examples.append(example)
            drawn.append(d)
        steps, kept = [], {}
        for k, (lr, losses, parameters) in enumerate(train(model, start, texts, drawn, examples, entire)):
            steps.append({'step': k, 'learningRate': lr, **drawn[k], 'atlasCrop': list(examples[k][0].shape[2:]), 'losses': losses})
            kept[k] = parameters
            if k in (0, 4):
                for name in parameters: fixture.put(f'{layer}.after{k + 1}.{name}', parameters[name])
            print(f'  {layer} step {k}: ' + ', '.join(f'{n} {v:.4f}' for n, v in losses.items()))
        listed[layer] = {'steps': steps, 'box': scene.get('box')}
        if a.text2live:
            import publishedVideo
            publishedVideo.compare(a.text2live, a.madgrad, model, layer, scene, boxes(scene) if layer == 'foreground' else None, texts, start, steps, kept[4], SETTINGS)
    fixture.save({'about': 'Five consecutive steps of each layer. frameT and <layer>.atlas: uint8, divide by 255. Frame pixel (x, y) of frame t lies at: foreground (12.3 + 1.06 x '
                           '+ 3 sin(y/23 + t), 9.6 + 1.04 y + 2 cos(x/19) + .8 t), background (40.2 + 1.1 x + 4 sin(y/31) + 6.3 t, 35.4 + 1.15 y + 3 sin(x/29 + t)); its opacity is '
                           '.99 / (1 + exp((away - 48) / 2)) + .001 with away its distance from (76 + 2 t, 66 + t). Parameters by published names under initial., <layer>.after1., '
                           '<layer>.after5. views: one list per item: three frames, direct frame, whole atlas.',
                  'guidance': 'tinyClip', 'settings': SETTINGS, 'frames': {'count': FRAMES, 'height': HEIGHT, 'width': WIDTH},
                  'zeroGradient': without_effect(SETTINGS['generator']['width'], SETTINGS['generator']['skip']), 'layers': listed})


if __name__ == '__main__':
    main()
