import { describe, expect, it } from 'vitest'
import { evaluate } from '../../test/support/evaluate.js'
import { readFixtureJson, readFixtureTensors } from '../../test/support/readFixture.js'
import { Graph } from '../engine/graph.js'
import { createNodeRuntime } from '../engine/node/createNodeRuntime.js'
import { madgrad, madgradLambda, vectorNorm } from './madgrad.js'

/** Each entry relative to its own size: the sums are a few float32 roundings. */
const SUM_TOLERANCE = 2e-6
/** Of the way from x0 to z: the cube root, exp(log(nu) / 3), costs some digits where nu is tiny. */
const PARAMETER_TOLERANCE = 1e-6
/** Rounding of the parameter itself. */
const FLOAT32_EPS = 2 ** -23
const EPS = 1e-6

interface Fixture {
  settings: { weightDecay: number; momentum: number }
  parameter: string
  steps: { step: number; lr: number; gradient: string; parameter: string; s: string; nu: string }[]
}

const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const fixture = readFixtureJson<Fixture>('madgrad')
const tensor = readFixtureTensors('madgrad')

describe('MADGRAD', () => {
  it('makes the five updates of the published optimizer, from gradients of 1e-7 to 10 and from zeros', async () => {
    const start = tensor(fixture.parameter)
    const { shape } = start
    const graph = new Graph()
    const update = madgrad(
      graph.input('parameters', shape),
      graph.input('gradient', shape),
      {
        initial: graph.input('initial', shape),
        gradientSum: graph.input('gradientSum', shape),
        squareSum: graph.input('squareSum', shape),
      },
      graph.input('lambda', []),
      fixture.settings,
    )
    let state: Record<'parameters' | 'gradientSum' | 'squareSum', Float32Array> = {
      parameters: start.data,
      gradientSum: new Float32Array(start.data.length),
      squareSum: new Float32Array(start.data.length),
    }
    expect(fixture.steps).toHaveLength(5)
    const outputs = {
      newParameters: update.parameters,
      newGradientSum: update.gradientSum,
      newSquareSum: update.squareSum,
    }
    for (const step of fixture.steps) {
      const vector = (data: Float32Array) => ({ shape, data })
      const result = await evaluate(runtime, graph, outputs, {
        parameters: vector(state.parameters),
        gradient: tensor(step.gradient),
        initial: start,
        gradientSum: vector(state.gradientSum),
        squareSum: vector(state.squareSum),
        lambda: { shape: [], data: Float32Array.of(madgradLambda(step.lr, step.step)) },
      })
      state = {
        parameters: result.newParameters!,
        gradientSum: result.newGradientSum!,
        squareSum: result.newSquareSum!,
      }
      const [s, nu, p] = [tensor(step.s).data, tensor(step.nu).data, tensor(step.parameter).data]
      const worst = { s: 0, nu: 0, p: 0 }
      for (let i = 0; i < p.length; i++) {
        // Gradients of both signs may cancel: the rounding is that of the terms, the last of which is at most sqrt(nu
        // lambda).
        const terms = Math.abs(s[i]!) + Math.sqrt(nu[i]! * madgradLambda(step.lr, step.step))
        const way = terms / (Math.cbrt(nu[i]!) + EPS)
        const beyondRounding = Math.max(
          0,
          Math.abs(state.parameters[i]! - p[i]!) - 4 * FLOAT32_EPS * Math.abs(start.data[i]!),
        )
        worst.s = Math.max(worst.s, relative(state.gradientSum[i]! - s[i]!, terms))
        worst.nu = Math.max(worst.nu, relative(state.squareSum[i]! - nu[i]!, nu[i]!))
        worst.p = Math.max(worst.p, relative(beyondRounding, way))
      }
      expect(worst.s, `s after step ${step.step}`).toBeLessThan(SUM_TOLERANCE)
      expect(worst.nu, `nu after step ${step.step}`).toBeLessThan(SUM_TOLERANCE)
      expect(worst.p, `parameters after step ${step.step}`).toBeLessThan(PARAMETER_TOLERANCE)
      if (step.step === 0)
        expect([...state.parameters.slice(0, 2)], 'nothing moves what has no gradient').toEqual([0, 0])
    }
  })

  it('takes no logarithm of 0', async () => {
    const graph = new Graph()
    const vector = (name: string) => graph.input(name, [3])
    const update = madgrad(
      vector('parameters'),
      vector('gradient'),
      { initial: vector('initial'), gradientSum: vector('gradientSum'), squareSum: vector('squareSum') },
      graph.input('lambda', []),
      { ...fixture.settings, weightDecay: 0 },
    )
    const logarithm = graph.nodes.find(({ op }) => op === 'Log')!.outputs[0]!
    const [zeros, start] = [new Float32Array(3), Float32Array.of(1, -2, 0)]
    const found = await evaluate(
      runtime,
      graph,
      { logarithm, next: update.parameters },
      {
        parameters: start,
        initial: start,
        gradientSum: zeros,
        squareSum: zeros,
        lambda: Float32Array.of(0.0025),
        // The square of the last one is less than float32 has.
        gradient: Float32Array.of(0, 0, 1e-25),
      },
    )
    expect([...found.logarithm!].every(Number.isFinite)).toBe(true)
    const { momentum } = fixture.settings
    expect([...found.next!.slice(0, 2)]).toEqual([1, -2])
    expect(found.next![2]! / ((-(1 - momentum) * 0.0025 * 1e-25) / EPS)).toBeCloseTo(1, 5)
  })

  it('weighs step k by (lr + eps) sqrt(k + 1)', () => {
    expect(madgradLambda(2.5e-3, 0)).toBeCloseTo(2.501e-3, 15)
    expect(madgradLambda(2.5e-3, 3)).toBeCloseTo(5.002e-3, 15)
  })

  it('shows the length of a vector, and a NaN in it', async () => {
    const graph = new Graph()
    const length = vectorNorm(graph.input('x', [3]))
    const of = async (...data: number[]) =>
      (await evaluate(runtime, graph, { length }, { x: { shape: [3], data: Float32Array.from(data) } })).length![0]
    expect(await of(3, 0, -4)).toBe(5)
    expect(await of(3, NaN, -4)).toBeNaN()
    expect(await of(3, Infinity, -4)).toBe(Infinity)
  })
})

function relative(difference: number, size: number): number {
  return difference === 0 ? 0 : Math.abs(difference) / size
}
