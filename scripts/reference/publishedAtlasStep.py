"""Times steps of the fit of the published layered-neural-atlases, its networks and loss functions from a checkout, in the order of its training loop: for bench/neuralAtlas.mjs.

Pixels, colours, flow and masks are random; time does not depend on them. Prints one line of JSON.
"""
import argparse
import json
import resource
import sys
import time

import torch


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--lna', required=True)
    for name, default in (('width', 768), ('height', 432), ('frames', 10), ('steps', 3), ('threads', 2), ('batch', 10000)):
        parser.add_argument(f'--{name}', type=int, default=default)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    sys.path.insert(0, args.lna)
    import loss_utils as losses
    from implicit_neural_networks import IMLP
    torch.manual_seed(1)
    h, w, t, n = args.height, args.width, args.frames, args.batch
    longer, scale, device = max(w, h), .8, 'cpu'
    mapping1 = IMLP(3, 2, 256, False, 4, [], 6, verbose=False)
    mapping2 = IMLP(3, 2, 256, False, 2, [], 4, verbose=False)
    atlas = IMLP(2, 3, 256, True, 10, [4, 7], 8, verbose=False)
    alpha_net = IMLP(3, 1, 256, True, 5, [], 8, verbose=False)
    optimizer = torch.optim.Adam([{'params': list(m.parameters())} for m in (mapping1, mapping2, alpha_net, atlas)], lr=1e-4)
    video, dx, dy = torch.rand(h, w, 3, t), torch.rand(h, w, 3, t), torch.rand(h, w, 3, t)
    masks = torch.full((h, w, t), .5)
    flow, back = torch.rand(h, w, 2, t, 1) * 4 - 2, torch.rand(h, w, 2, t, 1) * 4 - 2
    valid, valid_back = torch.ones(h, w, t, 1), torch.ones(h, w, t, 1)
    valid[:, :, -1], valid_back[:, :, 0] = 0, 0

    def step():
        jif = torch.stack([torch.randint(m, (n, 1)) for m in (w, h, t)])
        colour = video[jif[1], jif[0], :, jif[2]].squeeze(1)
        mask = masks[jif[1], jif[0], jif[2]].squeeze(1).unsqueeze(-1)
        xyt = torch.cat((jif[0] / (longer / 2) - 1, jif[1] / (longer / 2) - 1, jif[2] / (t / 2.0) - 1), 1)
        uv1, uv2 = mapping1(xyt), mapping2(xyt)
        alpha = .5 * (alpha_net(xyt) + 1.0) * .99 + .001
        front, behind = (atlas(uv1 * .5 + .5) + 1) * .5, (atlas(uv2 * .5 - .5) + 1) * .5
        rebuilt = front * alpha + behind * (1 - alpha)
        gradient = losses.get_gradient_loss(dx, dy, jif, mapping1, mapping2, atlas, rebuilt, device, w, t, alpha_net)
        rgb = (torch.norm(rebuilt - colour, dim=1) ** 2).mean()
        sparsity = (torch.norm(front * (1 - alpha), dim=1) ** 2).mean()
        rigid = sum(losses.get_rigidity_loss(jif, 1, longer, t, m, uv, device, uv_mapping_scale=scale) for m, uv in ((mapping1, uv1), (mapping2, uv2)))
        moving = sum(losses.get_optical_flow_loss(jif, uv, back, valid_back, longer, t, m, flow, valid, scale, device, use_alpha=True, alpha=a)
                     for m, uv, a in ((mapping1, uv1, alpha), (mapping2, uv2, 1 - alpha)))
        opacity = losses.get_optical_flow_alpha_loss(alpha_net, jif, alpha, back, valid_back, longer, t, flow, valid, device)
        bootstrap = torch.mean(-mask * torch.log(alpha) - (1 - mask) * torch.log(1 - alpha))
        loss = rigid + 5000 * rgb + 5 * moving + 2000 * bootstrap + 49 * opacity + 1000 * sparsity + 1000 * gradient
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    measured = []
    for _ in range(args.steps + 1):
        start, cpu = time.perf_counter(), time.process_time()
        step()
        measured.append({'seconds': time.perf_counter() - start, 'cpuSeconds': time.process_time() - cpu})
    print(json.dumps({'first': measured[0], 'steps': measured[1:], 'peakBytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, 'torch': torch.__version__}))


if __name__ == '__main__':
    main()
