"""What the starter model's head is trained with: fixture `contrastive`, the losses with their gradients, and fixture `adamw`, five updates."""
import torch
import torch.nn.functional as F

from fixture import Fixture, normal, rng, uniform

N, D = 7, 5
BETAS, EPS, DECAY = (.9, .98), 1e-8, .1


def contrastive(images, texts, positives, ignored, weights, scale):
    """Mean over an image's texts of -log softmax among the texts that are not ignored, and likewise for texts; weighted over rows, half of each."""
    logits = (scale * images @ texts.T).masked_fill(ignored.bool(), float('-inf'))

    def towards(rows, mask):
        each = -torch.log_softmax(rows, 1).masked_fill(~mask.bool(), 0)
        return (weights * each.sum(1) / mask.sum(1)).sum()

    return .5 * (towards(logits, positives) + towards(logits.T, positives.T))


def rival(images, texts, rivals, scale):
    """softplus of (other's logit - own), from an image to texts and from a text to images, half of each."""
    logits = scale * images @ texts.T
    own = logits.diagonal()
    return .5 * sum((rivals * F.softplus(logits - x)).sum() for x in (own[:, None], own[None, :]))


def losses():
    g, fixture = rng(31), Fixture('contrastive')
    inputs = {'images': normal(g, N, D), 'texts': normal(g, N, D), 'scale': torch.tensor(14.25)}
    positives = torch.eye(N)
    positives[0, 3] = positives[3, 0] = positives[0, 5] = 1   # one text of three images, another of two
    ignored = torch.zeros(N, N)
    ignored[1, 2] = ignored[4, 0] = 1
    ignored[6, :6] = ignored[:6, 6] = 1                        # an image and a text that are not there
    weights = uniform(g, N)
    weights[6] = 0
    for x in inputs.values(): x.requires_grad_()
    unit = lambda x: F.normalize(x, dim=1)
    loss = contrastive(unit(inputs['images']), unit(inputs['texts']), positives, ignored, weights, inputs['scale'])
    loss.backward()
    for name, x in (('positives', positives), ('ignored', ignored), ('weights', weights), ('contrastive', loss)): fixture.put(name, x)
    for name, x in inputs.items():
        fixture.put(name, x)
        fixture.put(f'{name}.gradient', x.grad)

    inputs = {'regions': normal(g, N, D), 'regionTexts': normal(g, N, D), 'rivalScale': torch.tensor(30.)}
    rivals = uniform(g, N, N) * (1 - torch.eye(N))
    rivals[2] = 0
    for x in inputs.values(): x.requires_grad_()
    loss = rival(unit(inputs['regions']), unit(inputs['regionTexts']), rivals, inputs['rivalScale'])
    loss.backward()
    for name, x in (('rivals', rivals), ('rival', loss)): fixture.put(name, x)
    for name, x in inputs.items():
        fixture.put(name, x)
        fixture.put(f'{name}.gradient', x.grad)
    fixture.save()


def adamw():
    """torch.optim.AdamW: a matrix with decay, a vector without; gradients from 1e-9 to 10, some zero."""
    g, fixture, steps = rng(32), Fixture('adamw'), []
    matrix, vector = normal(g, 9, 11).requires_grad_(), normal(g, 23).requires_grad_()
    fixture.put('matrix', matrix)
    fixture.put('vector', vector)
    optimizer = torch.optim.AdamW([{'params': [matrix], 'weight_decay': DECAY}, {'params': [vector], 'weight_decay': 0.}], lr=1e-3, betas=BETAS, eps=EPS)
    for k, lr in enumerate((2.5e-4, 5e-4, 1e-3, 9e-4, 3e-4)):
        for group in optimizer.param_groups: group['lr'] = lr
        for name, p in (('matrix', matrix), ('vector', vector)):
            p.grad = normal(g, *p.shape) * 10. ** torch.linspace(-9, 1, p.numel()).reshape(p.shape)
            p.grad = p.grad.to(torch.float32).to(torch.float64)
            p.grad.view(-1)[:2] = 0
            fixture.put(f'{name}.gradient{k}', p.grad)
        optimizer.step()
        for name, p in (('matrix', matrix), ('vector', vector)): fixture.put(f'{name}{k}', p)
        steps.append({'lr': lr})
    fixture.save({'betas': BETAS, 'eps': EPS, 'decay': DECAY, 'steps': steps})


def main():
    losses()
    adamw()


if __name__ == '__main__':
    main()
