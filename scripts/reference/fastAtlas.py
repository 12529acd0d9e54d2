"""One layer of one frame of the fast layered atlas: each loss of a mapping, three steps of Gauss and Newton, solved whole: fixture `fastAtlas`."""
import torch
import torch.nn.functional as F

from fixture import Fixture, normal, rng, rounded, uniform

WEIGHTS = {'reconstruction': 5000, 'gradient': 1000, 'rigidity': 1, 'flow': 5, 'bending': 5}


def sample(planes, position):
    """planes [C,H,W] at positions [2,h,w] in px, pixel k covering [k, k+1), border repeated."""
    _, height, width = planes.shape
    grid = torch.stack([position[0] * 2 / width - 1, position[1] * 2 / height - 1], -1)
    return F.grid_sample(planes[None], grid[None], mode='bilinear', padding_mode='border', align_corners=False)[0]


def spline(positions, length, spacing, derivative=False):
    """[positions, control points]: the uniform cubic B-spline, from its truncated powers."""
    count = -(-length // spacing) + 3
    x = positions.clamp(0, length)[:, None] / spacing - (torch.arange(count) - 1) + 2
    if not derivative:
        return sum(c * (x - k).clamp(min=0) ** 3 for k, c in enumerate((1, -4, 6, -4, 1))) / 6
    return sum(c * (x - k).clamp(min=0) ** 2 for k, c in enumerate((1, -4, 6, -4, 1))) / 2 / spacing


def losses(lattice, d):
    surface = lambda rows, columns: rows @ lattice @ columns.T
    position = (surface(d['rows'], d['columns']) - d['origin']) * d['scale']
    residual = d['share'] * sample(d['texture'], position) - d['target']
    mean = lambda x: (x ** 2).sum() * d['perPixel']
    jacobian = torch.stack([surface(d['rigidRows'], d['rigidColumnSlopes']), surface(d['rigidRowSlopes'], d['rigidColumns'])], -1)  # [2,h,w,2]
    j = jacobian.permute(1, 2, 0, 3) / d['zoom']
    g = j.transpose(-1, -2) @ j
    inverse = torch.linalg.inv(g + .001 * torch.eye(2))
    distance = ((surface(d['flowRows'], d['flowColumns']) - d['targets']) ** 2).sum(1, keepdim=True).add(.01).sqrt()
    bend = lambda x: (x ** 2).sum()
    across, down = lattice.diff(dim=2), lattice.diff(dim=1)
    return {
        'reconstruction': mean(residual),
        'gradient': mean(residual.diff(dim=2)) + mean(residual.diff(dim=1)),
        'rigidity': ((g.flatten(2).norm(dim=-1) + inverse.flatten(2).norm(dim=-1)) * d['rigidWeights']).sum() - 2 * 2 ** .5,
        'flow': (distance * d['flowWeights']).sum(),
        'bending': (bend(across.diff(dim=2)) + bend(down.diff(dim=1)) + 2 * bend(across.diff(dim=1))) / (lattice[0].numel() * d['spacing'] ** 2),
    }


def curvature(lattice, d, spacing):
    """[unknowns, unknowns]: squares that lie above each loss, the gradient loss as four times squares of single pixels, and a fiftieth of the mean diagonal."""
    n = lattice.numel()
    of = lambda f: torch.autograd.functional.jacobian(f, lattice).reshape(-1, n)
    squares = lambda rows, weight: rows.T @ (rows * weight.flatten()[:, None])
    place = lambda rows, columns: lambda x: d[rows] @ x @ d[columns].T
    colour = lambda x: d['share'] * sample(d['texture'], (place('rows', 'columns')(x) - d['origin']) * d['scale'])
    pixels = of(colour)
    distance = ((place('flowRows', 'flowColumns')(lattice) - d['targets']) ** 2).sum(1).add(.01).sqrt()
    drift = WEIGHTS['flow'] * (d['flowWeights'][:, 0] / distance).sum(0)
    jacobian = torch.stack([place('rigidRows', 'rigidColumnSlopes')(lattice), place('rigidRowSlopes', 'rigidColumns')(lattice)], -1).permute(1, 2, 0, 3) / d['zoom']
    inverse = torch.linalg.inv(jacobian.transpose(-1, -2) @ jacobian + .001 * torch.eye(2)).flatten(2).norm(dim=-1)
    strain = WEIGHTS['rigidity'] * 8 * 2 ** .5 * (inverse ** 2 / 2).clamp(min=1) * d['rigidWeights'] / d['zoom'] ** 2
    both = lambda weight: torch.stack([weight, weight])
    total = squares(pixels, torch.full((len(pixels),), 2 * d['perPixel'].item() * (WEIGHTS['reconstruction'] + 4 * WEIGHTS['gradient'])))
    total = total + squares(of(place('flowRows', 'flowColumns')), both(drift))
    total = total + squares(of(place('rigidRows', 'rigidColumnSlopes')), both(strain)) + squares(of(place('rigidRowSlopes', 'rigidColumns')), both(strain))
    bending = WEIGHTS['bending'] / (lattice[0].numel() * spacing ** 2)
    damping = .02 * (total.diagonal().mean() + 40 * bending)
    bend = lambda x: losses(x, d | {'spacing': spacing})['bending'] * WEIGHTS['bending']
    return total + torch.autograd.functional.hessian(bend, lattice).reshape(n, n) + damping * torch.eye(n)


def main():
    g, fixture = rng(2601), Fixture('fastAtlas')

    width, height, spacing, pixel = 41, 30, 8, 2
    columns, rows = -(-width // spacing) + 3, -(-height // spacing) + 3
    centres = lambda count, first: (torch.arange(count) + first + .5) * pixel
    h, w = 11, 14
    grid_x, grid_y = torch.arange(5) * 8 + 4.5, torch.arange(3) * 8 + 4.5
    knots = torch.stack(torch.meshgrid((torch.arange(rows) - 1.) * spacing, (torch.arange(columns) - 1.) * spacing, indexing='ij')[::-1])
    lattice = rounded(knots * 1.1 + normal(g, 2, rows, columns, scale=.7))
    data = {
        'rows': spline(centres(h, 2), height, spacing), 'columns': spline(centres(w, 4), width, spacing),
        'flowRows': spline(grid_y, height, spacing), 'flowColumns': spline(grid_x, width, spacing),
        'rigidRows': spline(grid_y, height, spacing), 'rigidColumns': spline(grid_x, width, spacing),
        'rigidRowSlopes': spline(grid_y, height, spacing, True), 'rigidColumnSlopes': spline(grid_x, width, spacing, True),
        'texture': uniform(g, 3, 20, 26), 'target': uniform(g, 3, h, w), 'share': uniform(g, 1, h, w), 'origin': rounded(torch.tensor([-3.3, -1.7]).reshape(2, 1, 1)),
        'scale': rounded(torch.tensor(.5)), 'perPixel': rounded(torch.tensor(1 / 77)), 'zoom': rounded(torch.tensor(1.08)),
        'targets': rounded(torch.stack([torch.stack(torch.meshgrid(grid_y, grid_x, indexing='ij')[::-1])] * 2) * 1.1 + normal(g, 2, 2, 3, 5)),
        'flowWeights': uniform(g, 2, 1, 3, 5), 'rigidWeights': uniform(g, 3, 5),
    }
    data = {name: rounded(x / x.sum() if name.endswith('Weights') else x) for name, x in data.items()}
    inputs = {name: fixture.put(name, x) for name, x in data.items()} | {'lattice': fixture.put('lattice', lattice)}
    each, found = {}, losses(lattice.requires_grad_(), data | {'spacing': spacing})
    for name, value in found.items():
        gradient, = torch.autograd.grad(value, lattice, retain_graph=True)
        each[name] = {'value': value.item(), 'gradient': fixture.put(f'{name}.gradient', gradient)}

    lattice, steps = lattice.detach(), []
    for k in range(1, 4):
        lattice = lattice.detach().requires_grad_()
        now = losses(lattice, data | {'spacing': spacing})
        gradient, = torch.autograd.grad(sum(WEIGHTS[name] * x for name, x in now.items()), lattice)
        lattice = lattice - torch.linalg.solve(curvature(lattice.detach(), data, spacing), gradient.flatten()).reshape(lattice.shape)
        steps.append({'lattice': fixture.put(f'step{k}.lattice', lattice), 'losses': {name: x.item() for name, x in now.items()}})

    fixture.save({'size': {'width': width, 'height': height, 'spacing': spacing, 'pixel': pixel, 'first': [4, 2], 'window': [w, h]},
                  'weights': WEIGHTS, 'inputs': inputs, 'losses': each, 'steps': steps})


if __name__ == '__main__':
    main()
