"""Five updates of MADGRAD: fixture `madgrad`.

`--madgrad PATH` (a checkout of facebookresearch/madgrad) also runs the published optimizer on the same numbers and demands equality to 1e-12.
"""
import argparse
import math

import torch

from fixture import Fixture, normal, rng

EPS, DECAY, MOMENTUM = 1e-6, .01, .9


def fresh(parameter):
    """State before the first update: the start point, the weighted gradient sum s and the weighted squared-gradient sum nu."""
    return {'x0': parameter.clone(), 's': torch.zeros_like(parameter), 'nu': torch.zeros_like(parameter)}


def update(parameter, gradient, state, k, lr, decay=DECAY, momentum=MOMENTUM, eps=EPS):
    """Update number k (from 0). Returns (parameter, state). eps enters twice: added to lr, and to the cube root."""
    weight = (lr + eps) * math.sqrt(k + 1)
    gradient = gradient + decay * parameter
    state = {'x0': state['x0'], 's': state['s'] + weight * gradient, 'nu': state['nu'] + weight * gradient ** 2}
    z = state['x0'] - state['s'] / (state['nu'] ** (1 / 3) + eps)
    return momentum * parameter + (1 - momentum) * z, state


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--madgrad')
    path = p.parse_known_args()[0].madgrad
    g, fixture = rng(21), Fixture('madgrad')
    parameter = normal(g, 97)
    scale = 10.0 ** torch.linspace(-7, 1, 97)             # gradients from far below eps to large
    parameter[:3] = 0
    state, lr, steps = fresh(parameter), 2.5e-3, []
    published = parameter.clone().requires_grad_()
    optimizer = published_madgrad(path)([published], lr=lr, weight_decay=DECAY, momentum=MOMENTUM) if path else None
    fixture.put('parameter', parameter)
    for k in range(5):
        gradient = (normal(g, 97) * scale).to(torch.float32).to(torch.float64)
        if k == 0: gradient[:2] = 0                       # nothing to divide by: s = nu = 0
        parameter, state = update(parameter, gradient, state, k, lr)
        if optimizer:
            optimizer.param_groups[0]['lr'] = lr
            published.grad = gradient.clone()
            optimizer.step()
            assert (published.detach() - parameter).abs().max() < 1e-12, 'the published optimizer differs'
        steps.append({'step': k, 'lr': lr, 'gradient': fixture.put(f'gradient{k}', gradient), 'parameter': fixture.put(f'parameter{k}', parameter),
                      's': fixture.put(f's{k}', state['s']), 'nu': fixture.put(f'nu{k}', state['nu'])})
        lr = max(1e-5, .99 * lr)
    if optimizer: print('  agrees with the published optimizer to 1e-12')
    fixture.save({'about': 'parameterN, sN, nuN: after update N (from 0); x0 is the initial parameter. gradient excludes weight decay.',
                  'settings': {'eps': EPS, 'weightDecay': DECAY, 'momentum': MOMENTUM, 'lrDecay': .99, 'minLr': 1e-5}, 'parameter': 'parameter', 'steps': steps})


def published_madgrad(path):
    """The published optimizer class, from a checkout."""
    import importlib.util
    spec = importlib.util.spec_from_file_location('published_madgrad', f'{path}/madgrad/madgrad.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MADGRAD


if __name__ == '__main__':
    main()
