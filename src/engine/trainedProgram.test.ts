import { describe, expect, it } from 'vitest'
import { deviceRuntime } from '../../test/support/deviceRuntime.js'
import { Text2LiveError } from '../errors.js'
import { Graph } from './graph.js'
import { createNodeRuntime } from './node/createNodeRuntime.js'
import { add, div, mul } from './ops.js'
import { TrainedProgram, nextState, stateInputs } from './trainedProgram.js'

const cpu = createNodeRuntime({ device: 'cpu', threads: 1 })
const shape = [2]
const rows = (...data: number[]) => ({ shape: [data.length], data: Float32Array.from(data) })

/** p <- p + slope x, s <- s / x; 'first' never changes. */
function stepGraph() {
  const graph = new Graph()
  const state = stateInputs(graph, { p: shape, s: shape, first: shape })
  const x = graph.input('x', shape)
  const p = add(state.p, mul(graph.input('slope', shape), x))
  return { graph, outputs: { ...nextState({ p, s: div(state.s, x) }), report: add(p, state.first), left: mul(p, 2) } }
}

function trained(held = 0) {
  const runtime = deviceRuntime(cpu)
  const state = { p: rows(1, 2), s: rows(8, 8), first: rows(0, 0) }
  return { runtime, program: new TrainedProgram({ runtime, held, state, frozen: { slope: rows(10, 100) } }) }
}

const fault = (found: string) => new Text2LiveError('LOSS_NOT_FINITE', found)

async function step({ program }: ReturnType<typeof trained>, x: number) {
  const compiled = await program.program('step', stepGraph, ['left'])
  await program.pass(async (pass) => {
    const after = await pass.run(compiled, { x: Float32Array.of(x, x) })
    await pass.finite(after['report']!, ['first', 'second'], fault)
    pass.becomeState(after)
  })
}

describe('a trained program', () => {
  it('goes from step to step on the device, and frees all but its state', async () => {
    const all = trained()
    await step(all, 2)
    expect(all.runtime.alive.size, 'p and s').toBe(2)
    await step(all, 4)
    expect(all.runtime.alive.size).toBe(2)
    expect(await all.program.vectors()).toEqual({
      p: Float32Array.of(61, 602),
      s: Float32Array.of(1, 1),
      first: Float32Array.of(0, 0),
    })
    await all.program.dispose()
    expect(all.runtime.alive.size).toBe(0)
  })

  it('keeps the state of before a step whose numbers are not finite, names them, and frees what the step made', async () => {
    const all = trained()
    await step(all, 2)
    await expect(step(all, Infinity)).rejects.toMatchObject({
      code: 'LOSS_NOT_FINITE',
      message: 'first, second are not a number or infinite',
    })
    expect(all.runtime.alive.size).toBe(2)
    expect((await all.program.vectors()).p).toEqual(Float32Array.of(21, 202))
    await all.program.dispose()
  })

  it('frees early what a step no longer reads', async () => {
    const all = trained()
    const compiled = await all.program.program('step', stepGraph, ['left'])
    await all.program.pass(async (pass) => {
      const { left } = await pass.run(compiled, { x: Float32Array.of(1, 1) })
      expect(await pass.values(left!)).toEqual(Float32Array.of(22, 204))
      expect(all.runtime.alive.size).toBe(3)
      pass.free(left!)
      expect(all.runtime.alive.size).toBe(2)
    })
    expect(all.runtime.alive.size, 'a look leaves the state as it was').toBe(0)
    expect((await all.program.vectors()).p).toEqual(Float32Array.of(1, 2))
    await all.program.dispose()
  })

  it('starts a part of its state anew', async () => {
    const all = trained()
    await step(all, 2)
    all.program.restart({ s: rows(3, 3) })
    expect(all.runtime.alive.size, 'p').toBe(1)
    expect(await all.program.vectors()).toMatchObject({ p: Float32Array.of(21, 202), s: Float32Array.of(3, 3) })
    await all.program.dispose()
  })

  it('refuses numbers that do not fill their input', async () => {
    const { program } = trained()
    const compiled = await program.program('step', stepGraph)
    await expect(program.pass((pass) => pass.run(compiled, { x: Float32Array.of(1) }))).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      message: 'run: the input "x" expects shape [2], came 1 numbers',
    })
    await program.dispose()
  })
})
