import { Text2LiveError } from '../../errors.js'
import { type Value, show, sizeOf } from '../graph.js'
import { reshape } from './broadcasting.js'
import { conv2d } from './convolution.js'
import { add, cast, clip, floor, mul, step, sub } from './elementwise.js'
import { matmul, swapLast } from './linear.js'
import { pad, scatterAdd, slice } from './shape.js'

/** Twice the size, bilinear, half-pixel centres (align_corners false): [N, C, H, W] -> [N, C, 2H, 2W]. */
export function upsample2x(x: Value): Value {
  const [n, c, height, width] = imageShape('upsample2x', x)
  const graph = x.graph
  return graph.apply({
    op: 'Resize',
    inputs: [x, graph.constant([], [0]), graph.constant([1, 1, 2, 2], [4])],
    shape: [n, c, 2 * height, 2 * width],
    attributes: { mode: 'linear', coordinate_transformation_mode: 'half_pixel' },
    // The transposed interpolation: taps (1, 3, 3, 1) / 4 with stride 2; repeating the border returns what clamping
    // took.
    gradient: (g) => [
      () =>
        conv2d(
          pad(
            g,
            [
              [0, 0],
              [0, 0],
              [1, 1],
              [1, 1],
            ],
            'edge',
          ),
          tentKernel(x, c),
          { stride: 2, groups: c },
        ),
      null,
      null,
    ],
  })
}

function tentKernel(x: Value, channels: number): Value {
  const taps = [0.25, 0.75, 0.75, 0.25]
  const kernel = new Float32Array(channels * 16).map((_, i) => taps[i % 4]! * taps[Math.floor(i / 4) % 4]!)
  return x.graph.constant(kernel, [channels, 1, 4, 4])
}

/**
 * Separable linear resampling with one pair of matrices per view: x [1 or V, C, H, W], rows [V, h, H], columns [V, w,
 * W] -> [V, C, h, w]. Crop, flip and resize of a view are such matrices, and its gradient is two products as well.
 */
export function resampleSeparable(x: Value, rows: Value, columns: Value): Value {
  const [, , height, width] = imageShape('resampleSeparable', x)
  const [views, h, rowLength] = rows.shape
  const [, w, columnLength] = columns.shape
  if (
    rowLength !== height ||
    columnLength !== width ||
    columns.shape[0] !== views ||
    h === undefined ||
    w === undefined
  ) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `resampleSeparable: ${show(x.shape)} does not fit rows ${show(rows.shape)}, columns ${show(columns.shape)}`,
    )
  }
  const across = matmul(x, reshape(swapLast(columns), [views!, 1, width, w])) // [V, C, H, w]
  return matmul(reshape(rows, [views!, 1, h, height]), across) // [V, C, h, w]
}

/**
 * Bilinear sampling at normalised positions, zeros outside (torch.nn.functional.grid_sample, align_corners false):
 * x [V, C, H, W], grid [V, h, w, 2] with (x, y) in [-1, 1] -> [V, C, h, w]. No gradient for the grid.
 */
export function gridSample(x: Value, grid: Value): Value {
  const [v, c] = imageShape('gridSample', x)
  const [views, h, w, two] = grid.shape
  if (views !== v || h === undefined || w === undefined || two !== 2) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `gridSample: grid ${show(grid.shape)} does not fit input ${show(x.shape)}`,
    )
  }
  return x.graph.apply({
    op: 'GridSample',
    inputs: [x, grid],
    shape: [v, c, h, w],
    attributes: { mode: 'bilinear', padding_mode: 'zeros', align_corners: 0 },
    gradient: (g) => [() => scatterTaps(g, x, grid), null],
  })
}

/** Adds every sample's cotangent to the four pixels that it was interpolated from. */
function scatterTaps(g: Value, x: Value, grid: Value): Value {
  const [v, c, height, width] = x.shape as [number, number, number, number]
  const samples = sizeOf(g.shape.slice(2))
  const cotangent = reshape(g, [v, c, samples])
  const planes = x.graph.constant(
    Array.from({ length: v * c }, (_, i) => i * height * width),
    [v, c, 1],
    'int32',
  )
  const zeros = x.graph.zeros([sizeOf(x.shape)])
  const taps = samplingTaps(grid, height, width)
  const sum = taps.reduce((base, { weight, index }) => {
    const indices = add(reshape(index, [v, 1, samples]), planes)
    const updates = mul(cotangent, reshape(weight, [v, 1, samples]))
    return scatterAdd(base, reshape(indices, [v * c * samples]), reshape(updates, [v * c * samples]), 0)
  }, zeros)
  return reshape(sum, x.shape)
}

/**
 * How much of each sample of `gridSample` lies inside the image: 1 inside, 0 outside, between at the border. [V, 1, h,
 * w]
 */
export function gridCoverage(grid: Value, height: number, width: number): Value {
  const [v, h, w] = grid.shape as [number, number, number]
  const total = samplingTaps(grid, height, width).reduce<Value | null>(
    (sum, { weight }) => (sum ? add(sum, weight) : weight),
    null,
  )
  return reshape(total!, [v, 1, h, w])
}

interface Tap {
  /** [V, samples]: bilinear weight, 0 outside the image. */
  weight: Value
  /** [V, samples], int32 (WebGPU has no int64): row * width + column, clamped into the image. */
  index: Value
}

function samplingTaps(grid: Value, height: number, width: number): Tap[] {
  const samples = grid.shape[1]! * grid.shape[2]!
  const v = grid.shape[0]!
  // x and y apart at once: a slice of the last axis costs the CPU ten times as much as one of rows.
  const planes = swapLast(reshape(grid, [v, samples, 2]))
  const axis = (k: number, n: number) => {
    const position = reshape(slice(planes, { axes: [1], starts: [k], ends: [k + 1] }), [v, samples])
    const pixel = sub(mul(add(position, 1), n / 2), 0.5)
    const low = floor(pixel)
    const fraction = sub(pixel, low)
    return [0, 1].map((offset) => {
      const at = offset === 0 ? low : add(low, 1)
      const inside = mul(step(add(at, 0.5)), step(sub(n - 0.5, at)))
      return { weight: mul(offset === 0 ? sub(1, fraction) : fraction, inside), at: clip(at, 0, n - 1) }
    })
  }
  const columns = axis(0, width)
  const rows = axis(1, height)
  return rows.flatMap((row) =>
    columns.map((column) => ({
      weight: mul(row.weight, column.weight),
      index: cast(add(mul(row.at, width), column.at), 'int32'),
    })),
  )
}

/**
 * Projective warp as torchvision's affine and perspective do it: output pixel (x, y) samples the input where
 * `inverse` [V, 3, 3] sends (x + 1/2, y + 1/2, 1), both in pixels; what lies outside takes `fill`.
 * x [V, C, H, W] -> [V, C, H, W].
 */
export function warp(x: Value, inverse: Value, fill: number): Value {
  const [v, , height, width] = imageShape('warp', x)
  const grid = warpGrid(inverse, v, height, width)
  const inside = gridCoverage(grid, height, width)
  return add(mul(gridSample(x, grid), inside), mul(sub(1, inside), fill))
}

function warpGrid(inverse: Value, views: number, height: number, width: number): Value {
  const graph = inverse.graph
  const pixels = new Float32Array(3 * height * width)
  for (let i = 0; i < height * width; i++) {
    pixels[i] = (i % width) + 0.5
    pixels[height * width + i] = Math.floor(i / width) + 0.5
    pixels[2 * height * width + i] = 1
  }
  const sent = matmul(inverse, graph.constant(pixels, [3, height * width])) // [V, 3, samples]
  const row = (k: number) => slice(sent, { axes: [1], starts: [k], ends: [k + 1] })
  const normalised = (k: number, n: number) => sub(mul(divide(row(k), row(2)), 2 / n), 1)
  return reshape(interleave(normalised(0, width), normalised(1, height), views, height * width), [
    views,
    height,
    width,
    2,
  ])
}

function divide(a: Value, b: Value): Value {
  return a.graph.apply({ op: 'Div', inputs: [a, b], shape: a.shape })
}

function interleave(a: Value, b: Value, views: number, samples: number): Value {
  const column = (value: Value) => reshape(value, [views, samples, 1])
  return a.graph.apply({
    op: 'Concat',
    inputs: [column(a), column(b)],
    shape: [views, samples, 2],
    attributes: { axis: 2 },
  })
}

function imageShape(op: string, x: Value): readonly [number, number, number, number] {
  if (x.shape.length !== 4)
    throw new Text2LiveError('SHAPE_MISMATCH', `${op}: expected an image [N, C, H, W], came ${show(x.shape)}`)
  return x.shape as unknown as readonly [number, number, number, number]
}
