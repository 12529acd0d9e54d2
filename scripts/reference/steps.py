"""Five consecutive training steps of the image method, all draws written down: fixture `steps`.

The guidance model is `tinyClip` (position embeddings as in `reference`, D8); the text embeddings are given numbers.
`--text2live PATH --madgrad PATH` runs the published dataset, model, losses and optimizer on the same draws and compares all five steps.
`--float32` repeats the steps in float32 and prints how far they drift: what a float32 program can be asked for.
"""
import argparse

import numpy as np
import torch
from PIL import Image, ImageEnhance

from clip import relevancy_map, tiny
from fixture import Fixture, normal, photo, rng
from generator import generate, initial, shifted, without_effect
from losses import bootstrap, directional, sparsity, spherical, structure
from madgrad import fresh, update
from views import draw_view, resize, view_size, views

HEIGHT, WIDTH, EXAMPLE = 160, 200, (140, 175)
GREEN = (0, 177 / 255, 64 / 255)
SETTINGS = {'views': 4, 'fill': 1, 'generator': {'width': 12, 'skip': 4, 'levels': 7}, 'positions': 'reference', 'structureLongestSide': 380, 'viewsLongestSide': 320,
            'lambdaComposition': 1, 'lambdaScreen': 1, 'lambdaStructure': 2, 'lambdaSparsity': 6, 'lambdaAlphaL0': .01, 'lambdaAlphaL1': .01,
            'lambdaBootstrap': 10, 'lambdaBootstrapMin': 0, 'bootstrapEpoch': 1000, 'bootstrapScheduler': 'linear', 'sourceImageEvery': 75,
            'lr': 2.5e-3, 'gamma': .99, 'minLr': 1e-5, 'weightDecay': .01, 'momentum': .9, 'eps': 1e-6}
PLAN = [  # per step: scale, flip, colour jitter of the internal example
    (1.0, False, None), (.95, True, None), (1.02, True, {'order': [3, 1, 0, 2], 'brightness': 1.06, 'contrast': .93, 'saturation': 1.08, 'hue': -.06}),
    (.9, False, None), (.98, True, None)]


def draws_of_example(r, scale, flip, colour):
    """Draws of one internal example whose crop comes out at EXAMPLE whatever the scale."""
    resized = int(HEIGHT * scale), int(WIDTH * scale)
    cover = next(c for c in np.arange(.85, 1.0005, .0005).round(4).tolist() if (int(resized[0] * c), int(resized[1] * c)) == EXAMPLE)
    crop = {'top': int(r.integers(0, resized[0] - EXAMPLE[0] + 1)), 'left': int(r.integers(0, resized[1] - EXAMPLE[1] + 1)), 'height': EXAMPLE[0], 'width': EXAMPLE[1]}
    return {'jitter': colour, 'flip': flip, 'scale': scale, 'resized': list(resized), 'cover': cover, 'crop': crop}


def internal_example(picture, draws):
    """8-bit picture -> [1,3,h,w] in whole 255ths: colour jitter, flip, antialiased bilinear resize, crop, each on 8-bit pixels."""
    if draws['jitter']:
        for stage in draws['jitter']['order']:
            if stage == 3:
                hue, saturation, value = picture.convert('HSV').split()
                turned = (np.array(hue).astype(int) + int(draws['jitter']['hue'] * 255)) % 256
                picture = Image.merge('HSV', (Image.fromarray(turned.astype(np.uint8)), saturation, value)).convert('RGB')
            else:
                kind, name = ((ImageEnhance.Brightness, 'brightness'), (ImageEnhance.Contrast, 'contrast'), (ImageEnhance.Color, 'saturation'))[stage]
                picture = kind(picture).enhance(draws['jitter'][name])
    if draws['flip']: picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture = picture.resize(draws['resized'][::-1], Image.Resampling.BILINEAR)
    c = draws['crop']
    picture = picture.crop((c['left'], c['top'], c['left'] + c['width'], c['top'] + c['height']))
    return torch.from_numpy(np.array(picture).astype(np.float64) / 255).permute(2, 0, 1)[None]


def render(layer, ground):
    """RGBA [1,4,h,w] over an image: (composite, on the green screen, alpha [1,1,h,w])."""
    edit, alpha = layer[:, :3], layer[:, 3:]
    return alpha * edit + (1 - alpha) * ground, alpha * edit + (1 - alpha) * torch.tensor(GREEN).view(1, 3, 1, 1), alpha


def subset(r, size):
    """As many indices as a uniform draw from 1..size says, with replacement."""
    return [int(i) for i in r.integers(0, size, int(r.integers(1, size + 1)))]


def losses_of_step(model, parameters, items, draws, texts, step):
    """Every loss by name, averaged over the items (the internal example, then, every 75th step, the whole photo)."""
    s, count = SETTINGS, len(items)
    rendered = [render(generate(parameters, x), x) for x in items]

    def embed(image, drawn):
        return model.embed(views(image, drawn, *view_size(*image.shape[2:], 224, s['viewsLongestSide']), s['fill']), s['positions'])

    def tokens(image):
        return model.tokens(resize(image, *view_size(*image.shape[2:], 224, s['structureLongestSide'])), s['positions'])

    v, chosen = draws['views'], draws['targets']
    directions = texts['composition'][chosen['directional']] - texts['source'][chosen['directional']]
    out = {
        'composition': sum(spherical(embed(rendered[i][0], v['composition'][i]), texts['composition'][chosen['composition']]) for i in range(count)) / count,
        'directional': sum(directional(embed(items[i], v['directionalInput'][i]), embed(rendered[i][0], v['directionalOutput'][i]), directions)
                           for i in range(count)) / count,
        'screen': sum(spherical(embed(rendered[i][1], v['screen'][i]), texts['screen'][chosen['screen']]) for i in range(count)) / count,
        'structure': sum(structure(tokens(rendered[i][0]), tokens(items[i])) for i in range(count)) / count,
    }
    parts = [sparsity(rendered[i][2], s['lambdaAlphaL1'], s['lambdaAlphaL0']) for i in range(count)]
    out['sparsity'], out['sparsityL1'], out['sparsityL0'] = (sum(p[k] for p in parts) / count for k in range(3))
    relevancy = relevancy_map(model.relevancy(resize(items[-1], 224, 224), texts['bootstrap']))
    out['bootstrap'] = bootstrap(rendered[-1][2], relevancy) / count                     # D5: only the last item counts, over the number of items
    weight = max(s['lambdaBootstrap'] * (1 - (step + 1) / s['bootstrapEpoch']), s['lambdaBootstrapMin'])
    out['total'] = (s['lambdaComposition'] * (out['composition'] + out['directional']) + s['lambdaScreen'] * out['screen'] + s['lambdaStructure'] * out['structure']
                    + s['lambdaSparsity'] * out['sparsity'] + weight * out['bootstrap'])
    return out, weight


def train(model, parameters, texts, drawn, items):
    """Yields (learning rate, losses, bootstrap weight, gradients, parameters after the update) of each step, in the precision of `parameters`."""
    s, lr, states = SETTINGS, SETTINGS['lr'], {n: fresh(v) for n, v in parameters.items()}
    for k, draws in enumerate(drawn):
        leaves = {n: v.clone().requires_grad_() for n, v in parameters.items()}
        losses, weight = losses_of_step(model, leaves, items[k], draws, texts, k)
        gradients = dict(zip(leaves, torch.autograd.grad(losses['total'], list(leaves.values()))))
        updated = {n: update(v, gradients[n], states[n], k, lr, s['weightDecay'], s['momentum'], s['eps']) for n, v in parameters.items()}
        parameters, states = {n: u[0] for n, u in updated.items()}, {n: u[1] for n, u in updated.items()}
        yield lr, {n: v.item() for n, v in losses.items()}, weight, gradients, parameters
        lr = max(s['minLr'], s['gamma'] * lr)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--text2live')
    p.add_argument('--madgrad')
    p.add_argument('--float32', action='store_true')
    a = p.parse_known_args()[0]
    model, r, g, fixture = tiny(), np.random.default_rng(101), rng(102), Fixture('steps')
    whole = photo(103, HEIGHT, WIDTH)
    picture = Image.fromarray((whole[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())
    texts = {'composition': normal(g, 28, 16), 'source': normal(g, 14, 16), 'screen': normal(g, 4, 16), 'bootstrap': normal(g, 1, 16)}
    start, items, drawn = shifted(initial(**SETTINGS['generator'], seed=2), SETTINGS['generator']['width'], SETTINGS['generator']['skip'], 3), [], []
    for k, plan in enumerate(PLAN):
        example = draws_of_example(r, *plan)
        items.append([internal_example(picture, example)] + ([whole] if k % SETTINGS['sourceImageEvery'] == 0 else []))
        per_item = lambda: [[draw_view(r, n == 0, tuple(x.shape[2:]), view_size(*x.shape[2:])) for n in range(SETTINGS['views'])] for x in items[-1]]
        drawn.append({'items': [f'step{k}.example', 'photo'][:len(items[-1])], 'example': example,
                      'targets': {'composition': subset(r, 28), 'directional': subset(r, 14), 'screen': subset(r, 4)},
                      'views': {name: per_item() for name in ('composition', 'directionalInput', 'directionalOutput', 'screen')}})
        fixture.put_pixels(f'step{k}.example', items[-1][0])
    fixture.put_pixels('photo', whole)
    for name, value in texts.items(): fixture.put(f'texts.{name}', value)
    for name, value in start.items(): fixture.put(f'initial.{name}', value)
    steps, kept = [], {}
    for k, (lr, losses, weight, gradients, parameters) in enumerate(train(model, start, texts, drawn, items)):
        for name in parameters:
            if k == 0: fixture.put(f'gradients0.{name}', gradients[name])
            if k in (0, 4): fixture.put(f'after{k + 1}.{name}', parameters[name])
        steps.append({'step': k, 'learningRate': lr, 'bootstrapWeight': weight, **drawn[k], 'losses': losses})
        kept[k] = parameters
        print(f'  step {k}: ' + ', '.join(f'{n} {v:.4f}' for n, v in losses.items()))
    null = without_effect(SETTINGS['generator']['width'], SETTINGS['generator']['skip'])
    fixture.save({'about': 'Five consecutive steps. photo and stepN.example: uint8, divide by 255. Parameters by published names under initial., after1., after5.; '
                           'gradients0.: of the total loss of step 0, without weight decay. learningRate: the one used in that step. views: one list per item.',
                  'guidance': 'tinyClip', 'settings': SETTINGS, 'greenScreen': list(GREEN), 'texts': {n: f'texts.{n}' for n in texts},
                  'parameters': {n: list(v.shape) for n, v in start.items()}, 'zeroGradient': null, 'steps': steps})
    if a.float32: drift(model, start, texts, drawn, items, steps, kept, null)
    if a.text2live: compare(a, model, picture, items, texts, start, kept[4], steps)


def drift(model, start, texts, drawn, items, steps, kept, null):
    single = lambda tensors: {n: v.float() for n, v in tensors.items()}
    torch.set_default_dtype(torch.float32)
    weights, model.w = model.w, single(model.w)
    for k, (_, losses, _, _, parameters) in enumerate(train(model, single(start), single(texts), drawn, [[x.float() for x in step] for step in items])):
        share = max(((parameters[n] - v).norm() / (1e-3 * (v.norm() + 2.5e-3 * v.numel() ** .5))).item() for n, v in kept[k].items() if n not in null)
        print(f'  float32 step {k}: largest difference of a loss {max(abs(v - steps[k]["losses"][n]) for n, v in losses.items()):.1e}, '
              f'of a parameter tensor {share:.3f} of 1e-3 (|p| + lr sqrt(n))')
    model.w = weights
    torch.set_default_dtype(torch.float64)


def compare(a, model, picture, all_items, texts, start, ours_after, steps):
    import published
    theirs = published.five_steps(a.text2live, a.madgrad, model, picture, all_items, texts, start, steps, SETTINGS)
    names = {'loss_comp_clip': 'composition', 'loss_comp_dir': 'directional', 'loss_screen': 'screen', 'loss_structure': 'structure', 'loss_sparsity': 'sparsity',
             'loss_sparsity_l0': 'sparsityL0', 'loss_sparsity_l1': 'sparsityL1', 'loss_bootstrap': 'bootstrap', 'loss': 'total'}
    for ours, losses in zip(steps, theirs['losses']):
        gap = {names[n]: abs(losses[n] - ours['losses'][names[n]]) for n in names}
        worst = max(gap, key=gap.get)
        assert gap[worst] < 1e-6, f'step {ours["step"]}: {gap}'
        print(f'  published step {ours["step"]}: largest difference of a loss {gap[worst]:.1e} ({worst})')
    print(f'  published parameters after 5 steps: {max((theirs["parameters"][n] - v).abs().max().item() for n, v in ours_after.items()):.1e}')


if __name__ == '__main__':
    main()
