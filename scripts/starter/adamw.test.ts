import { describe, expect, it } from 'vitest'
import { Graph } from '../../src/engine/graph.js'
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { evaluate } from '../../test/support/evaluate.js'
import { readFixtureJson, readFixtureTensors } from '../../test/support/readFixture.js'
import { adamw } from './adamw.js'

/** Of the learning rate, which bounds a step: float32 rounding of five steps. */
const STEP_TOLERANCE = 2e-5
/** Rounding of the parameter itself. */
const FLOAT32_EPS = 2 ** -23

interface Fixture {
  betas: [number, number]
  eps: number
  decay: number
  steps: { lr: number }[]
}

const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const fixture = readFixtureJson<Fixture>('adamw')
const tensor = readFixtureTensors('adamw')

describe('AdamW', () => {
  it.each([
    ['matrix', fixture.decay],
    ['vector', 0],
  ])('makes the five updates of torch.optim.AdamW on a %s with decay %d', async (name, decay) => {
    const { shape, data } = tensor(name)
    const graph = new Graph()
    const input = (key: string) => graph.input(key, shape)
    const scalar = (key: string) => graph.input(key, [])
    const next = adamw(
      input('parameter'),
      input('gradient'),
      { mean: input('mean'), square: input('square') },
      {
        learningRate: scalar('learningRate'),
        meanCorrection: scalar('meanCorrection'),
        squareCorrection: scalar('squareCorrection'),
      },
      { betas: fixture.betas, eps: fixture.eps, decay },
    )
    let state: Record<'parameter' | 'mean' | 'square', Float32Array> = {
      parameter: data,
      mean: new Float32Array(data.length),
      square: new Float32Array(data.length),
    }
    expect(fixture.steps).toHaveLength(5)
    for (const [k, { lr }] of fixture.steps.entries()) {
      const [b1, b2] = fixture.betas
      const of = (x: number) => ({ shape: [], data: Float32Array.of(x) })
      const before = state.parameter
      const result = await evaluate(
        runtime,
        graph,
        { p: next.parameter, m: next.mean, v: next.square },
        {
          parameter: { shape, data: state.parameter },
          mean: { shape, data: state.mean },
          square: { shape, data: state.square },
          gradient: tensor(`${name}.gradient${k}`),
          learningRate: of(lr),
          meanCorrection: of(1 - b1 ** (k + 1)),
          squareCorrection: of(1 - b2 ** (k + 1)),
        },
      )
      state = { parameter: result.p!, mean: result.m!, square: result.v! }
      const wanted = tensor(`${name}${k}`).data
      let moved = 0
      state.parameter.forEach((x, i) => {
        const allowed = STEP_TOLERANCE * lr + 4 * (k + 1) * FLOAT32_EPS * Math.abs(data[i]!)
        expect(
          Math.abs(x - wanted[i]!),
          `${name} ${i} after step ${k}: came ${x}, expected ${wanted[i]}`,
        ).toBeLessThanOrEqual(allowed)
        moved = Math.max(moved, Math.abs(x - before[i]!))
      })
      expect(moved, 'the step moves something by about the learning rate').toBeGreaterThan(lr / 2)
    }
  })
})
