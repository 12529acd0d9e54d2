import { Text2LiveError } from '../../errors.js'
import { type Value, show } from '../graph.js'
import { mul, step, sub } from './elementwise.js'

/**
 * The largest of each 2x2 pixels: [N, C, H, W] -> [N, C, H/2, W/2], H and W even. Where several are the largest, each
 * takes the whole cotangent; PyTorch gives it to the first of them.
 */
export function maxPool2(x: Value): Value {
  const [n, c, height, width] = x.shape
  if (x.shape.length !== 4 || height! % 2 !== 0 || width! % 2 !== 0) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `MaxPool: expected an image [N, C, H, W] of even height and width, came ${show(x.shape)}`,
    )
  }
  return x.graph.apply({
    op: 'MaxPool',
    inputs: [x],
    shape: [n!, c!, height! / 2, width! / 2],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    gradient: (g, y) => [() => mul(repeatPixels(g, 2), sub(1, step(sub(repeatPixels(y, 2), x))))],
  })
}

/**
 * Each pixel as a square of side `times`: [N, C, h, w] -> [N, C, h * times, w * times]. Inside gradients only: it has
 * none of its own.
 */
export function repeatPixels(x: Value, times: number): Value {
  const [n, c, height, width] = x.shape as [number, number, number, number]
  const { graph } = x
  return graph.apply({
    op: 'Resize',
    inputs: [x, graph.constant([], [0]), graph.constant([1, 1, times, times], [4])],
    shape: [n, c, height * times, width * times],
    attributes: { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
  })
}
