import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Tolerance, findBitDifference, findMismatch } from '../../../test/ops/compare.js'
import { readSafetensors } from '../../formats/safetensors.js'
import { gradients } from '../gradients.js'
import { Graph } from '../graph.js'
import { createNodeRuntime } from '../node/createNodeRuntime.js'
import { integerProductsAreExact, quantizeMatrix, quantizedLinear } from './quantized.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })
const file = (name: string) => readFileSync(new URL(`../../../test/fixtures/${name}`, import.meta.url))
const { cases } = JSON.parse(file('quantized.json').toString()) as { cases: string[] }
const { tensors } = readSafetensors(new Uint8Array(file('quantized.safetensors')), 'quantized.safetensors')

/** Products of codes are exact; what is left is the rounding of the scales and of the sum with the bias. */
const EXACT_SUMS: Tolerance = { name: 'exact sums', absolute: 5e-6, relative: 5e-6 }

function stored(name: string) {
  const { shape, bytes, dtype } = tensors.get(name)!
  const { buffer } = bytes.slice()
  return { shape, data: dtype === 'I8' ? new Int8Array(buffer) : new Float32Array(buffer) }
}
const floats = (name: string) => stored(name) as { shape: readonly number[]; data: Float32Array }

async function product(x: Float32Array, shape: readonly [number, number], of: string) {
  const graph = new Graph()
  const { codes, scales } = { codes: stored(`${of}.codes`), scales: floats(`${of}.scales`) }
  const input = graph.input('x', shape)
  const y = quantizedLinear(
    input,
    graph.input('codes', codes.shape, 'int8'),
    graph.input('scales', scales.shape),
    graph.input('bias', scales.shape),
  )
  const [slope] = gradients(y, [input], graph.input('cotangent', y.shape))
  const program = await runtime.compile(graph, { y, slope: slope! })
  const { Tensor } = runtime
  const run = () =>
    program.run({
      x,
      codes: new Tensor('int8', codes.data as Int8Array, codes.shape),
      scales: scales.data,
      bias: floats(`${of}.bias`).data,
      cotangent: new Tensor('float32', floats(`${of}.cotangent`).data.slice(0, y.shape[0]! * y.shape[1]!), y.shape),
    })
  try {
    return [await run(), await run()] as const
  } finally {
    await program.release()
  }
}

const exact = await integerProductsAreExact(runtime)

describe('a linear layer of weights in 8 bits', () => {
  it('has cases', () => {
    expect(cases.length).toBeGreaterThanOrEqual(5)
  })

  it.each(cases)('rounds the weights of "%s" as PyTorch does', (name) => {
    const { shape, data } = floats(`${name}.weight`)
    const { codes, scales } = quantizeMatrix(data, shape as [number, number])
    expect([...codes]).toEqual([...stored(`${name}.codes`).data])
    expect(findMismatch(scales, [scales.length], floats(`${name}.scales`).data, [scales.length], EXACT_SUMS)).toBeNull()
  })

  it.runIf(exact).each(cases)('gives the output and the gradient of "%s", the same bits again', async (name) => {
    const { shape, data } = floats(`${name}.x`)
    const [first, second] = await product(data, shape as [number, number], name)
    for (const [got, wanted] of [
      ['y', 'output'],
      ['slope', 'gradient'],
    ] as const) {
      const expected = floats(`${name}.${wanted}`)
      const found = first[got]!.data as Float32Array
      expect(findMismatch(found, first[got]!.dims, expected.data, expected.shape, EXACT_SUMS)).toBeNull()
      expect(findBitDifference(found, second[got]!.data as Float32Array)).toBeNull()
    }
  })

  it('keeps zeros of a matrix of zeros', () => {
    const { codes, scales } = quantizeMatrix(new Float32Array(6), [2, 3])
    expect([...codes, ...scales]).toEqual(new Array(8).fill(0))
  })

  // What went wrong before it must be seen behind it: the step's check of its numbers reads the losses alone. In a
  // tower a norm stands before it, which spreads what is not finite over its row.
  it.runIf(exact).each([NaN, Infinity])('passes a row of %s on', async (bad) => {
    const { data } = floats('small.x')
    const [{ y }] = await product(
      Float32Array.from(data, (value, i) => (Math.floor(i / 5) === 1 ? bad : value)),
      [3, 5],
      'small',
    )
    const rows = Array.from({ length: 3 }, (_, row) => [...(y!.data as Float32Array).slice(4 * row, 4 * row + 4)])
    expect(rows.map((row) => row.every(Number.isFinite))).toEqual([true, false, true])
  })

  it('refuses shapes that do not multiply', () => {
    const graph = new Graph()
    const inputs = [graph.input('scales', [3]), graph.input('bias', [3])] as const
    const codes = graph.input('codes', [5, 3], 'int8')
    expect(() => quantizedLinear(graph.input('x', [2, 4]), codes, ...inputs)).toThrow(/do not multiply/)
    expect(() => quantizedLinear(graph.input('z', [2, 5]), graph.input('w', [5, 3]), ...inputs)).toThrow(/float32/)
    expect(() => quantizedLinear(graph.input('v', [2, 5]), codes, graph.input('few', [2]), inputs[1])).toThrow(
      /scales and bias \[3\]/,
    )
  })
})
