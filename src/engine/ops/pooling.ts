import { Text2LiveError } from '../../errors.js'
import { type Value, show } from '../graph.js'
import { mul, step, sub } from './elementwise.js'

/**
 * The largest of each 2x2 pixels: [N, C, H, W] -> [N, C, H/2, W/2], H and W even. Where several are the largest, each takes the whole cotangent; PyTorch gives it
 * to the first of them.
 */
export function maxPool2(x: Value): Value {
  const [n, c, height, width] = x.shape
  if (x.shape.length !== 4 || height! % 2 !== 0 || width! % 2 !== 0) {
    throw new Text2LiveError('SHAPE_MISMATCH', `MaxPool: expected an image [N, C, H, W] of even height and width, came ${show(x.shape)}`)
  }
  return x.graph.apply({
    op: 'MaxPool', inputs: [x], shape: [n!, c!, height! / 2, width! / 2], attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    gradient: (g, y) => [() => mul(repeat2x(g), sub(1, step(sub(repeat2x(y), x))))],
  })
}

/** Each pixel four times: [N, C, h, w] -> [N, C, 2h, 2w]. */
function repeat2x(x: Value): Value {
  const [n, c, height, width] = x.shape as [number, number, number, number]
  const { graph } = x
  return graph.apply({
    op: 'Resize', inputs: [x, graph.constant([], [0]), graph.constant([1, 1, 2, 2], [4])], shape: [n, c, 2 * height, 2 * width],
    attributes: { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
  })
}
