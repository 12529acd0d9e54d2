import { integerProductsAreExact, quantizeMatrix } from '../engine/ops/quantized.js'
import type { Runtime } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import type { FrozenTensor, WeightTensor } from './guidance.js'

/**
 * What the products of a frozen transformer are computed in: float32, or integers of 8 bits (`quantizedLinear`), which
 * processors with instructions for them multiply several times faster.
 */
export type Precision = 'float32' | 'int8'

/** @throws PRECISION_UNAVAILABLE where integer products would be wrong, or slower than float32 */
export async function requireIntegerProducts(runtime: Runtime): Promise<void> {
  const remedy = 'Use --precision float32'
  if (runtime.device !== 'cpu') {
    throw new Text2LiveError(
      'PRECISION_UNAVAILABLE',
      `The precision int8 is for the CPU; the models run on ${runtime.device}. ${remedy}, or --device cpu.`,
    )
  }
  if (!runtime.native) {
    throw new Text2LiveError(
      'PRECISION_UNAVAILABLE',
      `The precision int8 needs a processor's own instructions, which a browser's WebAssembly does not reach. ${remedy}.`,
    )
  }
  if (!(await integerProductsAreExact(runtime))) {
    throw new Text2LiveError(
      'PRECISION_UNAVAILABLE',
      `The precision int8 needs a processor that adds products of bytes without loss (x86 with VNNI or AMX, ARM); this one's sums come out ` +
        `too small. ${remedy}.`,
    )
  }
}

/** The refusal of a guidance model whose image part is no transformer. */
export function withoutTransformer(model: string): Text2LiveError {
  return new Text2LiveError(
    'PRECISION_UNAVAILABLE',
    `The precision int8 is for the image transformer of a CLIP; the guidance ${model} has none. Use --precision float32, or name a CLIP with ` +
      '--guidance.',
  )
}

/** The weights of a block with its matrices as codes, and their scales as `<layer>.scales`. */
export function quantizeBlock(folded: ReadonlyMap<string, WeightTensor>): Promise<Map<string, FrozenTensor>> {
  const kept = new Map<string, FrozenTensor>()
  for (const [name, tensor] of folded) {
    const [out, into] = tensor.shape
    if (out === undefined || into === undefined) kept.set(name, tensor)
    else {
      const { codes, scales } = quantizeMatrix(tensor.data, [out, into])
      kept
        .set(name, { shape: [into, out], data: codes })
        .set(name.replace(/weight$/, 'scales'), { shape: [out], data: scales })
    }
  }
  return Promise.resolve(kept)
}
