"""The fit of layered neural atlases: five pretraining steps and five steps of the fit, all draws given. Fixture `neuralSteps`. Run on its own.

With --lna CHECKOUT the losses of the first step are compared with the published loss functions on the same numbers.
"""
import argparse
import math
import sys

import torch

from fixture import Fixture, rng, rounded, uniform
from neuralAtlas import NAMES, fresh, imlp, layout, opacity_of, shapes

WIDTH, HEIGHT, FRAMES, BATCH, HIDDEN, SCALE, LR = 14, 20, 4, 24, 12, .8, 1e-4
GLOBAL_UNTIL, BOOTSTRAP_UNTIL, GLOBAL_STEP = 2, 3, 5
WEIGHTS = {'reconstruction': 5000, 'gradient': 1000, 'rigidity': 1, 'globalRigidityForeground': 5, 'globalRigidityBackground': 50, 'flow': 5, 'flowOpacity': 49,
           'bootstrap': 2000, 'sparsity': 1000}
LOSSES = ('reconstruction', 'gradient', 'rigidityForeground', 'rigidityBackground', 'globalRigidityForeground', 'globalRigidityBackground', 'flowForeground',
          'flowBackground', 'flowOpacity', 'bootstrap', 'sparsity')
LONGER = max(WIDTH, HEIGHT)


def normalised(x, y, t, side=LONGER):
    """Pixels to the networks' input, as a float32 program has it."""
    return rounded(torch.stack([x / (side / 2) - 1, y / (side / 2) - 1, t / (FRAMES / 2) - 1], 1))


def rigidity(uv, left, above, distance):
    k = LONGER / (2 * SCALE * distance)
    jacobian = torch.stack([(uv - left) * k, (uv - above) * k], 2)
    gram = jacobian.transpose(1, 2) @ jacobian
    inverse = torch.linalg.inv(gram + .001 * torch.eye(2))
    return (gram.flatten(1).norm(dim=1) + inverse.flatten(1).norm(dim=1)).mean()


def losses_at(pixels, clip, networks, s, k, behaviour):
    """Each loss of step k at pixels [n, 3] (x, y, t)."""
    x, y, t = (pixels[:, i] for i in range(3))
    fx, fy, ft = x.double(), y.double(), t.double()
    run = lambda name, points: imlp(points, networks[name], s[name])
    opacity = lambda points: opacity_of(run('opacity', points))[:, 0]
    side = WIDTH if behaviour == 'reference' else LONGER
    base = normalised(fx, fy, ft)

    def colours(points):
        uv = run('foreground', points), run('background', points)
        front = .5 * (run('atlas', .5 * uv[0] + .5) + 1)
        behind = .5 * (run('atlas', .5 * uv[1] - .5) + 1)
        a = opacity(points)[:, None]
        return a * front + (1 - a) * behind, front

    here, front = colours(base)
    right, below = colours(normalised(fx + 1, fy, ft, side))[0], colours(normalised(fx, fy + 1, ft, side))[0]
    frames, alpha = clip['frames'], opacity(base)
    out = {'reconstruction': ((here - frames[t, y, x]) ** 2).sum(1).mean(),
           'gradient': (((clip['right'][t, y, x] - (right - here)) ** 2).sum(1) + ((clip['below'][t, y, x] - (below - here)) ** 2).sum(1)).mean()}
    for name, suffix in (('foreground', 'Foreground'), ('background', 'Background')):
        uv, at = run(name, base), lambda dx, dy: run(name, normalised(fx + dx, fy + dy, ft))
        out['rigidity' + suffix] = rigidity(uv, at(-1, 0), at(0, -1), 1)
        out['globalRigidity' + suffix] = rigidity(uv, at(-GLOBAL_STEP, 0), at(0, -GLOBAL_STEP), GLOBAL_STEP) if k <= GLOBAL_UNTIL else torch.tensor(0.)
        weight = alpha if name == 'foreground' else 1 - alpha
        out['flow' + suffix] = 0
        for direction, step in (('forward', 1), ('backward', -1)):
            on, target = followed(pixels, clip, direction, step)
            if on.any():
                distance = (run(name, target) - uv[on]).norm(dim=1) * LONGER / (2 * SCALE)
                out['flow' + suffix] = out['flow' + suffix] + .5 * (distance * weight[on]).mean()
    out['flowOpacity'] = sum(.5 * (alpha[on] - opacity(target)).abs().mean() for on, target in (followed(pixels, clip, *d) for d in (('forward', 1), ('backward', -1))) if on.any())
    mask = clip['masks'][t, y, x]
    if behaviour == 'fixed': mask = (mask > .5).double()
    out['bootstrap'] = (-mask * torch.log(alpha) - (1 - mask) * torch.log(1 - alpha)).mean()
    out['sparsity'] = (((1 - alpha)[:, None] * front) ** 2).sum(1).mean()
    return {name: torch.as_tensor(out[name]) for name in LOSSES}


def followed(pixels, clip, direction, step):
    """Which pixels have valid flow, and where it leads: flow of frame t at [t], planes dx, dy last."""
    x, y, t = (pixels[:, i] for i in range(3))
    on = clip[f'{direction}.valid'][t, y, x]
    flow = clip[direction][t, y, x][on]
    return on, normalised(x[on].double() + flow[:, 0], y[on].double() + flow[:, 1], t[on].double() + step)


def weight_of(name, k):
    if name.startswith('globalRigidity'): return WEIGHTS[name] if k <= GLOBAL_UNTIL else 0
    if name == 'bootstrap': return WEIGHTS[name] if k <= BOOTSTRAP_UNTIL else 0
    return WEIGHTS.get(name, WEIGHTS.get(name.replace('Foreground', '').replace('Background', '')))


def make_clip(g, fixture):
    frames = torch.floor(uniform(g, FRAMES, HEIGHT, WIDTH, 3) * 256).clamp(max=255)
    fixture.put('frames', frames, 'uint8')
    frames = frames / 255
    right, below = torch.zeros_like(frames), torch.zeros_like(frames)
    right[:, :, :-1] = frames[:, :, 1:] - frames[:, :, :-1]
    below[:, :-1] = frames[:, 1:] - frames[:, :-1]
    clip = {'frames': frames, 'right': right, 'below': below, 'masks': uniform(g, FRAMES, HEIGHT, WIDTH)}
    for direction, absent in (('forward', FRAMES - 1), ('backward', 0)):
        # In the units of a flow, 1/64 px.
        clip[direction] = torch.round(uniform(g, FRAMES, HEIGHT, WIDTH, 2, low=-3.0, high=3.0) * 64) / 64
        clip[f'{direction}.valid'] = uniform(g, FRAMES, HEIGHT, WIDTH) < .7
        clip[f'{direction}.valid'][absent] = False
        kept = slice(0, FRAMES - 1) if direction == 'forward' else slice(1, FRAMES)
        fixture.put(f'{direction}', clip[direction][kept].permute(0, 3, 1, 2))
        fixture.put(f'{direction}.valid', clip[f'{direction}.valid'][kept], 'uint8')
    fixture.put('masks', clip['masks'])
    return clip


def flat(networks):
    return torch.cat([p.reshape(-1) for name in NAMES for p in networks[name].values()])


def leaves(weights):
    return {name: {k: v.clone().requires_grad_() for k, v in weights[name].items()} for name in NAMES}


def state_of(optimizer, networks, key):
    return torch.cat([optimizer.state[p][key].reshape(-1) if p in optimizer.state else torch.zeros(p.numel()) for name in NAMES for p in networks[name].values()])


def five_steps(name, fixture, networks, parameters, loss_of):
    optimizer, steps = torch.optim.Adam(parameters, lr=LR), []
    for k in range(5):
        optimizer.zero_grad()
        loss, reported = loss_of(k)
        loss.backward()
        if k == 0:
            fixture.put(f'{name}.gradient', torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).reshape(-1) for n in NAMES for p in networks[n].values()]))
        optimizer.step()
        steps.append({**reported, 'losses': {**reported['losses'], 'total': loss.item()}})
    fixture.put(f'{name}.parameters', flat(networks))
    fixture.put(f'{name}.mean', state_of(optimizer, networks, 'exp_avg'))
    fixture.put(f'{name}.square', state_of(optimizer, networks, 'exp_avg_sq'))
    return steps


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--lna')
    args = parser.parse_args()
    g, fixture, s = rng(701), Fixture('neuralSteps'), shapes(HIDDEN)
    clip = make_clip(g, fixture)
    weights = {name: fresh(s[name], g, 2.0) for name in NAMES}
    fixture.put('initial', flat(weights))
    draws = [torch.stack([torch.randint(0, n, (BATCH,), generator=g) for n in (WIDTH, HEIGHT, FRAMES)], 1) for _ in range(5)]
    sidecar = {'width': WIDTH, 'height': HEIGHT, 'frames': FRAMES, 'batch': BATCH, 'hidden': HIDDEN, 'uvScale': SCALE, 'learningRate': LR, 'weights': WEIGHTS,
               'globalRigidityUntil': GLOBAL_UNTIL, 'bootstrapUntil': BOOTSTRAP_UNTIL, 'globalRigidityStep': GLOBAL_STEP}

    for behaviour in ('reference', 'fixed'):
        networks = leaves(weights)

        def fit_loss(k):
            losses = losses_at(draws[k], clip, networks, s, k, behaviour)
            return sum(weight_of(n, k) * v for n, v in losses.items()), {'pixels': draws[k].tolist(), 'losses': {n: v.item() for n, v in losses.items()}}

        sidecar[behaviour] = five_steps(behaviour, fixture, networks, [p for n in NAMES for p in networks[n].values()], fit_loss)
    networks = leaves(weights)
    grids = []

    def grid_loss(k):
        points = {n: normalised(*(torch.randint(0, m, (BATCH,), generator=g).double() for m in (WIDTH, HEIGHT)), torch.full((BATCH,), float(k % FRAMES))) for n in NAMES[:2]}
        for n, p in points.items(): fixture.put(f'pretraining.{n}.{k}', p)
        parts = {n: (p[:, :2] * SCALE - imlp(p, networks[n], s[n])).norm(dim=1).mean() for n, p in points.items()}
        return sum(parts.values()), {'losses': {n: v.item() for n, v in parts.items()}}

    sidecar['pretraining'] = five_steps('pretraining', fixture, networks, [p for n in NAMES[:2] for p in networks[n].values()], grid_loss)
    fixture.save(sidecar)
    if args.lna: compare(args.lna, draws[0], clip, weights, s)


def compare(path, pixels, clip, weights, s):
    """The published loss functions in float64. They take frames as [H, W, 3, T] and pixels as (x, y, t) columns."""
    sys.path.insert(0, path)
    import loss_utils as published
    ours = losses_at(pixels, clip, weights, s, 0, 'reference')
    nets = {n: (lambda p, n=n: imlp(rounded(p.double()), weights[n], s[n])) for n in NAMES}
    jif = pixels.T[:, :, None]
    movie = lambda x: x.permute(1, 2, 3, 0)
    base = normalised(*(pixels[:, i].double() for i in range(3)))
    uv = {n: nets[n](base) for n in ('foreground', 'background')}
    alpha = opacity_of(nets['opacity'](base))
    colour = alpha * .5 * (nets['atlas'](.5 * uv['foreground'] + .5) + 1) + (1 - alpha) * .5 * (nets['atlas'](.5 * uv['background'] - .5) + 1)
    flows = {d: movie(clip[d])[..., None] for d in ('forward', 'backward')}
    valid = {d: clip[f'{d}.valid'].permute(1, 2, 0)[..., None].double() for d in ('forward', 'backward')}
    theirs = {'gradient': published.get_gradient_loss(movie(clip['right']), movie(clip['below']), jif, nets['foreground'], nets['background'], nets['atlas'], colour, 'cpu', WIDTH,
                                                      FRAMES, nets['opacity']),
              'flowOpacity': published.get_optical_flow_alpha_loss(nets['opacity'], jif, alpha, flows['backward'], valid['backward'], LONGER, FRAMES, flows['forward'],
                                                                   valid['forward'], 'cpu')}
    for n, suffix, weight in (('foreground', 'Foreground', alpha), ('background', 'Background', 1 - alpha)):
        theirs['rigidity' + suffix] = published.get_rigidity_loss(jif, 1, LONGER, FRAMES, nets[n], uv[n], 'cpu', uv_mapping_scale=SCALE)
        theirs['globalRigidity' + suffix] = published.get_rigidity_loss(jif, GLOBAL_STEP, LONGER, FRAMES, nets[n], uv[n], 'cpu', uv_mapping_scale=SCALE)
        theirs['flow' + suffix] = published.get_optical_flow_loss(jif, uv[n], flows['backward'], valid['backward'], LONGER, FRAMES, nets[n], flows['forward'], valid['forward'],
                                                                  SCALE, 'cpu', use_alpha=True, alpha=weight)
    for n, v in theirs.items(): print(f'{n}: ours {ours[n].item():.9f}, published {v.item():.9f}, difference {abs(ours[n] - v).item():.1e}')


if __name__ == '__main__':
    main()
