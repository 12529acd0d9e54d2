import { Text2LiveError } from '../../errors.js'
import { type Value, show, sizeOf } from '../graph.js'
import { expand, reshape } from './broadcasting.js'
import { add, cast, clip, floor, mul, sub } from './elementwise.js'
import { scatterAdd, slice } from './shape.js'

/**
 * Bilinear sampling at positions in pixels, the border repeated outside: planes [C, H, W] (H, W at least 2), position
 * [2, h, w], x then y; pixel k covers [k, k + 1) -> [C, h, w]. As torch.nn.functional.grid_sample with padding
 * 'border', align_corners false. Differentiable in both.
 */
export function sampleBilinear(planes: Value, position: Value): Value {
  const [channels, height, width] = planes.shape
  const [two, h, w] = position.shape
  if (
    planes.shape.length !== 3 ||
    position.shape.length !== 3 ||
    two !== 2 ||
    height! < 2 ||
    width! < 2 ||
    height! * width! > 2 ** 24
  ) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `sampleBilinear: expected planes [C, H, W] and positions [2, h, w], came ${show(planes.shape)} and ${show(position.shape)}`,
    )
  }
  const axis = (k: number, n: number) => {
    const pixel = clip(
      sub(reshape(slice(position, { axes: [0], starts: [k], ends: [k + 1] }), [1, h! * w!]), 0.5),
      0,
      n - 1,
    )
    const low = clip(floor(pixel), 0, n - 2)
    return { low, fraction: sub(pixel, low) }
  }
  const x = axis(0, width!)
  const y = axis(1, height!)
  const flat = reshape(planes, [channels!, height! * width!])
  const corner = cast(reshape(add(mul(y.low, width!), x.low), [h! * w!]), 'int32')
  const tap = (offset: number) =>
    pick(flat, offset === 0 ? corner : add(corner, corner.graph.constant([offset], [1], 'int32')))
  const between = (a: Value, b: Value, fraction: Value) => add(a, mul(fraction, sub(b, a)))
  const top = between(tap(0), tap(1), x.fraction)
  const bottom = between(tap(width!), tap(width! + 1), x.fraction)
  return reshape(between(top, bottom, y.fraction), [channels!, h!, w!])
}

/** Columns of `x` [C, n] at `indices` [k] (int32) -> [C, k]. */
function pick(x: Value, indices: Value): Value {
  const shape = [x.shape[0]!, sizeOf(indices.shape)]
  return x.graph.apply({
    op: 'Gather',
    inputs: [x, indices],
    shape,
    attributes: { axis: 1 },
    gradient: (g) => [
      () => scatterAdd(x.graph.zeros(x.shape), expand(reshape(indices, [1, shape[1]!]), shape), g, 1),
      null,
    ],
  })
}
