"""The losses, each on its own with its gradients: fixture `losses`."""
import torch
import torch.nn.functional as F

from clip import relevancy_map, self_similarity
from fixture import Fixture, normal, rng, rounded, uniform
from views import resize


def spherical(embeddings, targets):
    """mean over views [v,D] and targets [k,D] of 2 asin(|a - b| / 2)^2 with a, b of unit length."""
    a, b = F.normalize(embeddings, dim=-1)[:, None], F.normalize(targets, dim=-1)[None]
    return (2 * torch.asin((a - b).norm(dim=-1) / 2) ** 2).mean()


def directional(before, after, directions):
    """mean over views of 1 - cos(after - before, direction): before, after [v,D], directions [k,D]."""
    return (1 - F.cosine_similarity((after - before)[:, None], directions[None], dim=-1, eps=1e-8)).mean()


def colour(composite, first, cover):
    """(hue + shading / 4, hue, shading): where the start's layer covers, the MSE of the chroma [1,3,h,w] (each channel
    less the luma, BT.601) and the variance of what the luma differs by; a cover of less than a twentieth counts as that.
    No gradient to what the start made."""
    luma = lambda x: (x * x.new_tensor([0.299, 0.587, 0.114])[None, :, None, None]).sum(1, keepdim=True)
    first, cover = first.detach(), cover.detach()
    chroma = (composite - luma(composite)) - (first - luma(first))
    lighter = luma(composite) - luma(first)
    level = (lighter * cover).sum() / cover.sum()
    over = lambda x: (x * cover).sum() / max(cover.sum().item(), .05 * cover.numel())
    hue, shading = over((chroma ** 2).mean(1, keepdim=True)), over((lighter - level) ** 2)
    return hue + shading / 4, hue, shading


def structure(tokens, original_tokens):
    """MSE of self-similarities; no gradient to the original."""
    return ((self_similarity(tokens) - self_similarity(original_tokens).detach()) ** 2).mean()


def sparsity(alpha, l1_weight, l0_weight):
    """(weighted sum, l1, pseudo l0): mean alpha, and mean of 2 sigmoid(5 alpha) - 1."""
    l1, l0 = alpha.mean(), (2 * torch.sigmoid(5 * alpha) - 1).mean()
    return l1_weight * l1 + l0_weight * l0, l1, l0


def bootstrap(alpha, relevancy):
    """MSE of alpha [1,1,h,w], resized to 224x224 without keeping its aspect, and a relevancy map [1,1,224,224]."""
    return ((resize(alpha, 224, 224) - relevancy.detach()) ** 2).mean()


def main():
    g, fixture, cases = rng(91), Fixture('losses'), []

    def case(loss, inputs, compute, settings=None, wrt=()):
        name = f'{loss}.{sum(c["loss"] == loss for c in cases)}'
        leaves = {k: v.clone().requires_grad_(k in wrt) for k, v in inputs.items()}
        value = compute(**leaves)
        parts = value[1:] if isinstance(value, tuple) else ()
        value = value[0] if isinstance(value, tuple) else value
        gradients = torch.autograd.grad(value, [leaves[k] for k in wrt])
        cases.append({'name': name, 'loss': loss, 'settings': settings or {}, 'inputs': {k: fixture.put(f'{name}.{k}', v) for k, v in inputs.items()},
                      'value': value.item(), 'parts': [p.item() for p in parts],
                      'gradients': {k: fixture.put(f'{name}.{k}.gradient', d) for k, d in zip(wrt, gradients)}})

    for views, targets, scale in [(4, 1, 1.0), (6, 5, 12.0), (1, 3, .1)]:
        case('spherical', {'embeddings': normal(g, views, 16, scale=scale), 'targets': normal(g, targets, 16)}, spherical, wrt=('embeddings',))
        case('directional', {'before': normal(g, views, 16), 'after': normal(g, views, 16, scale=scale), 'directions': normal(g, targets, 16)}, directional,
             wrt=('before', 'after'))
    near = normal(g, 1, 16)
    case('spherical', {'embeddings': rounded(near + .01 * normal(g, 3, 16)), 'targets': near}, spherical, wrt=('embeddings',))
    for t, d in [(9, 12), (50, 8)]:
        tokens = normal(g, t, d)
        case('structure', {'tokens': tokens, 'original_tokens': rounded(tokens + normal(g, t, d, scale=.5))}, structure, wrt=('tokens',))
    for l1, l0 in [(.01, .01), (.1, .05)]:
        case('sparsity', {'alpha': uniform(g, 1, 1, 9, 13)}, lambda alpha: sparsity(alpha, l1, l0), {'l1': l1, 'l0': l0, 'parts': ['l1', 'l0']}, wrt=('alpha',))
    for h, w in [(60, 50), (33, 71)]:
        raw = uniform(g, 1, 1, 7, 7)
        case('bootstrap', {'alpha': uniform(g, 1, 1, h, w), 'raw': raw}, lambda alpha, raw: bootstrap(alpha, relevancy_map(raw)),
             {'note': 'raw: relevancy of the 7x7 cells before the resize to 224x224 and the min-max'}, wrt=('alpha',))
    raw = uniform(g, 1, 1, 7, 7)
    pictures = rng(93)
    for share in (1, .04):
        case('colour', {'composite': uniform(pictures, 1, 3, 5, 7), 'first': uniform(pictures, 1, 3, 5, 7), 'cover': rounded(share * uniform(pictures, 1, 1, 5, 7))},
             colour, wrt=('composite',))
    fixture.put('relevancyMap.raw', raw)
    fixture.put('relevancyMap.map', relevancy_map(raw))
    fixture.save({'about': 'value and its gradients, per loss. Min-max of a constant map is 0/0 in the published code: to be guarded.', 'cases': cases,
                  'relevancyMap': {'raw': 'relevancyMap.raw', 'map': 'relevancyMap.map'}})


if __name__ == '__main__':
    main()
