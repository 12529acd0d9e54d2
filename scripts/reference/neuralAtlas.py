"""Layered neural atlases: the four networks, what Text2LIVE reads off them, a checkpoint as the published code saves it. Run on its own.

Fixtures: `neuralAtlas/` (checkpoint, config.json, expected.safetensors with its .json; hidden width 8, atlas of 60x60) and `neuralAtlasFull` (published widths, hashed numbers).
With --lna CHECKOUT and --text2live CHECKOUT the networks and the atlas are compared with the published code.
"""
import argparse
import collections
import json
import math
import sys

import torch

from fixture import FIXTURES, Fixture, rng, rounded, uniform
from generator import hashed

NAMES = ('foreground', 'background', 'opacity', 'atlas')
STATE_DICTS = {'foreground': 'model_F_mapping1_state_dict', 'background': 'model_F_mapping2_state_dict', 'opacity': 'model_F_alpha_state_dict', 'atlas': 'F_atlas_state_dict'}


def shapes(width):
    return {'foreground': dict(inputs=3, outputs=2, layers=6, width=width, frequencies=0, skips=()),
            'background': dict(inputs=3, outputs=2, layers=4, width=width, frequencies=0, skips=()),
            'opacity': dict(inputs=3, outputs=1, layers=8, width=width, frequencies=5, skips=()),
            'atlas': dict(inputs=2, outputs=3, layers=8, width=width, frequencies=10, skips=(4, 7))}


def layout(shape):
    """[(name, tensor shape, fan in)] in the order of the flat vector."""
    encoded = 2 * shape['inputs'] * shape['frequencies'] or shape['inputs']
    for i in range(shape['layers']):
        into = encoded if i == 0 else shape['width'] + (encoded if i in shape['skips'] else 0)
        out = shape['outputs'] if i == shape['layers'] - 1 else shape['width']
        yield f'hidden.{i}.weight', (out, into), into
        yield f'hidden.{i}.bias', (out,), into


def encode(x, frequencies):
    """For each k: sin(2^k pi x) of all coordinates, then cos."""
    scales = (2 ** torch.arange(frequencies, dtype=x.dtype) * math.pi).float().to(x.dtype)
    return torch.cat([f(x * s) for s in scales for f in (torch.sin, torch.cos)], 1)


def imlp(x, parameters, shape):
    encoded = encode(x, shape['frequencies']) if shape['frequencies'] else x
    h = encoded
    for i in range(shape['layers']):
        if i > 0: h = torch.relu(h)
        if i in shape['skips']: h = torch.cat([h, encoded.detach()], 1)
        h = h @ parameters[f'hidden.{i}.weight'].T + parameters[f'hidden.{i}.bias']
    return torch.tanh(h)


def fresh(shape, g, gain=1.0):
    return {name: uniform(g, *size, low=-gain / math.sqrt(into), high=gain / math.sqrt(into)) for name, size, into in layout(shape)}


def frame_points(t, frames, width, height):
    """Normalised (x, y, t) of every pixel, row by row."""
    y, x = torch.meshgrid(torch.arange(height, dtype=torch.float64), torch.arange(width, dtype=torch.float64), indexing='ij')
    half = max(width, height) / 2
    return torch.stack([x / half - 1, y / half - 1, torch.full_like(x, t / (frames / 2) - 1)], -1).reshape(-1, 3)


def opacity_of(output):
    return .99 * (.5 * (output + 1)) + .001


def positions(layer, weights, all_shapes, frames, width, height, resolution):
    """(u, v) of every pixel in px of the whole atlas: [T, H*W, 2]; the background's quadrant [-1, 0] is moved by one."""
    shift = .5 if layer == 'foreground' else -.5
    uv = torch.stack([.5 * imlp(frame_points(t, frames, width, height), weights[layer], all_shapes[layer]) + shift for t in range(frames)])
    return (uv + (0 if layer == 'foreground' else 1)) * resolution


def crop_box(px):
    """[x, y, width, height]: the smallest position, whole, and the size from there."""
    low = px.reshape(-1, 2).amin(0).long()
    size = (px - low).reshape(-1, 2).amax(0).ceil().long()
    return [*low.tolist(), *size.tolist()]


def discretised(layer, box, weights, all_shapes, resolution, offset):
    """[3, h, w]: pixel k at (k + offset) / resolution."""
    x, y, w, h = box
    rows, columns = torch.meshgrid(torch.arange(h, dtype=torch.float64) + y, torch.arange(w, dtype=torch.float64) + x, indexing='ij')
    uv = (torch.stack([columns, rows], -1).reshape(-1, 2) + offset) / resolution + (0 if layer == 'foreground' else -1)
    return (.5 * (imlp(uv, weights['atlas'], all_shapes['atlas']) + 1)).reshape(h, w, 3).permute(2, 0, 1)


CONFIG = {
    'results_folder_name': 'results', 'maximum_number_of_frames': 5, 'resx': 24, 'resy': 16, 'iters_num': 400000, 'samples_batch': 10000, 'uv_mapping_scale': .8,
    'positional_encoding_num_alpha': 5, 'number_of_channels_atlas': 8, 'number_of_layers_atlas': 8, 'number_of_channels_alpha': 8, 'number_of_layers_alpha': 8,
    'number_of_channels_mapping1': 8, 'number_of_layers_mapping1': 6, 'number_of_channels_mapping2': 8, 'number_of_layers_mapping2': 4,
    'positional_encoding_num_atlas': 10, 'use_positional_encoding_mapping1': False, 'number_of_positional_encoding_mapping1': 4,
    'use_positional_encoding_mapping2': False, 'number_of_positional_encoding_mapping2': 2,
}


def small():
    frames, width, height, resolution, s = 5, 24, 16, 60, shapes(8)
    # Larger than fresh weights, so that colours and positions vary; the mappings are first fitted to the plain grid, as in training.
    g = rng(601)
    weights = {name: fresh(s[name], g, 2.5) for name in NAMES}
    for name in ('foreground', 'background'):
        p = {k: v.clone().requires_grad_() for k, v in weights[name].items()}
        optimizer = torch.optim.Adam(p.values(), lr=1e-2)
        for _ in range(400):
            loss = 0
            for t in range(frames):
                points = frame_points(t, frames, width, height)
                loss = loss + (points[:, :2] * .8 + .02 * points[:, 2:] - imlp(points, p, s[name])).norm(dim=1).mean()
            optimizer.zero_grad(); loss.backward(); optimizer.step()
        weights[name] = {k: rounded(v) for k, v in p.items()}

    folder, fixture = FIXTURES / 'neuralAtlas', Fixture('neuralAtlas/expected')
    folder.mkdir(exist_ok=True)
    state = {STATE_DICTS[n]: collections.OrderedDict((k, v.float()) for k, v in weights[n].items()) for n in NAMES}
    parameters = [torch.nn.Parameter(v) for n in NAMES for v in state[STATE_DICTS[n]].values()]
    optimizer = torch.optim.Adam(parameters, lr=1e-4)
    for p in parameters: p.grad = torch.zeros_like(p)
    optimizer.step()
    torch.save({'F_atlas_state_dict': state['F_atlas_state_dict'], 'iteration': 1000, **{k: v for k, v in state.items() if k != 'F_atlas_state_dict'},
                'optimizer_all_state_dict': optimizer.state_dict()}, folder / 'checkpoint')
    (folder / 'checkpoint').chmod(0o644)
    (folder / 'config.json').write_text(json.dumps(CONFIG, indent=2) + '\n')

    boxes, px = {}, {}
    for layer in ('foreground', 'background'):
        px[layer] = positions(layer, weights, s, frames, width, height, resolution)
        boxes[layer] = crop_box(px[layer])
        relative = px[layer] - torch.tensor(boxes[layer][:2])
        fixture.put(f'{layer}.mapping', relative.reshape(frames, height, width, 2).permute(0, 3, 1, 2))
        for behaviour, offset in (('reference', 0), ('fixed', .5)):
            fixture.put(f'{layer}.image.{behaviour}', discretised(layer, boxes[layer], weights, s, resolution, offset))
    alpha = torch.stack([opacity_of(imlp(frame_points(t, frames, width, height), weights['opacity'], s['opacity'])) for t in range(frames)]).reshape(frames, height, width)
    fixture.put('opacity', alpha)
    colour = {l: .5 * (imlp(px[l].reshape(-1, 2) / resolution - int(l == 'background'), weights['atlas'], s['atlas']) + 1) for l in px}
    mixed = alpha.reshape(-1, 1) * colour['foreground'] + (1 - alpha.reshape(-1, 1)) * colour['background']
    fixture.put('clip', torch.round(mixed.clamp(0, 1) * 255).reshape(frames, height, width, 3), 'uint8')
    fixture.save({'frames': frames, 'width': width, 'height': height, 'resolution': resolution, 'boxes': boxes})
    return weights, s, boxes, px, alpha


def full():
    s, fixture, k = shapes(256), Fixture('neuralAtlasFull'), 0
    for name in NAMES:
        parameters = {}
        for parameter, size, into in layout(s[name]):
            parameters[parameter] = rounded(hashed(math.prod(size), k).reshape(size) * 2 / math.sqrt(into))
            k += 1
        points = rounded(hashed(40 * s[name]['inputs'], 1000 + k).reshape(40, -1))
        fixture.put(f'{name}.points', points)
        fixture.put(f'{name}.output', imlp(points, parameters, s[name]))
    fixture.save({'about': 'parameter number k over all networks in order, entry i: 2 hashed / sqrt(fan in) (see generator.py), rounded to float32', 'order': NAMES})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--lna')
    parser.add_argument('--text2live')
    args = parser.parse_args()
    weights, s, boxes, px, alpha = small()
    full()
    if args.lna:
        sys.path.insert(0, args.lna)
        from implicit_neural_networks import IMLP
        for name in NAMES:
            shape = s[name]
            net = IMLP(shape['inputs'], shape['outputs'], shape['width'], shape['frequencies'] > 0, shape['frequencies'], list(shape['skips']), shape['layers'], verbose=False).double()
            net.load_state_dict(weights[name])
            points = uniform(rng(3), 50, shape['inputs'], low=-1.0)
            print(name, 'published network: largest difference', (net(points) - imlp(points, weights[name], shape)).abs().max().item())
    if args.text2live:
        compare_text2live(args.text2live, weights, s, boxes, px, alpha)


def compare_text2live(path, weights, s, boxes, px, alpha):
    import torchvision_shim  # noqa: F401
    sys.path.insert(0, path)
    import util.atlas_utils as published
    config = {**CONFIG, 'device': 'cpu', 'return_atlas_alpha': False, 'grid_atlas_resolution': 60}
    nets = {n: (lambda x, n=n: imlp(x.double(), weights[n], s[n])) for n in NAMES}
    background, foreground, opacity, _ = published.get_frames_data(config, nets['foreground'], nets['background'], nets['opacity'])
    print('opacity', (opacity.reshape(alpha.shape) - alpha).abs().max().item())
    for layer, uv in (('foreground', foreground), ('background', background)):
        at = (uv.reshape(5, -1, 2) + int(layer == 'background')) * 60
        print(layer, 'positions', (at - px[layer]).abs().max().item(), 'px')
        x, y, w, h = boxes[layer]
        image = published.get_high_res_atlas(nets['atlas'], y, x, h, w, 60, device='cpu', layer=layer)[0]
        print(layer, 'atlas image', (image - discretised(layer, boxes[layer], weights, s, 60, 0)).abs().max().item())


if __name__ == '__main__':
    main()
