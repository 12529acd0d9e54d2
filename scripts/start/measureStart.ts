import { Graph } from '../../src/engine/graph.js'
import { abs, mul, reduceMean, sub } from '../../src/engine/ops.js'
import { ProgramCache } from '../../src/engine/programCache.js'
import type { Program, Runtime } from '../../src/engine/runtime.js'
import { LUMA } from '../../src/media/luma.js'
import { generator, splitParameters } from '../../src/models/generator.js'
import { type LearnedStart, readTexts, startParameters } from '../../src/models/learnedStart.js'
import { type Lesson, compositeOf } from './teachStart.js'

/** How far the start's first pictures are from what lessons show. */
export interface StartError {
  readonly look: string
  readonly lessons: number
  /** Absolute difference from what was painted, as a share of what painting changed. */
  readonly left: number
  /** How far the brightness is off as a whole, as the same share. */
  readonly level: number
}

/** The errors of a start, look by look, the looks in the order of their names. */
export async function measureStart(
  start: LearnedStart,
  lessons: AsyncIterable<Lesson>,
  runtime: Runtime,
): Promise<StartError[]> {
  const programs = new ProgramCache(2 ** 32)
  const found = new Map<string, { lessons: number; left: number; level: number; changed: number }>()
  try {
    for await (const { look, size, photo, seen, target, object, direction } of lessons) {
      const program = await programs.get(`${size}`, () => errorProgram(start, size, runtime))
      const parameters = startParameters(start, readTexts(start, direction))
      const picture = [1, 3, size, size]
      const { left, level, changed } = await program.run({
        photo: new runtime.Tensor('float32', photo, picture),
        seen: new runtime.Tensor('float32', seen, picture),
        target: new runtime.Tensor('float32', target, picture),
        object: new runtime.Tensor('float32', object, [1, 1, size, size]),
        parameters: new runtime.Tensor('float32', parameters, [parameters.length]),
      })
      const sum = found.get(look) ?? { lessons: 0, left: 0, level: 0, changed: 0 }
      found.set(look, {
        lessons: sum.lessons + 1,
        left: sum.left + scalar(left!),
        level: sum.level + scalar(level!),
        changed: sum.changed + scalar(changed!),
      })
    }
  } finally {
    await programs.clear()
  }
  return [...found]
    .map(([look, { lessons: count, left, level, changed }]) => ({
      look,
      lessons: count,
      left: left / changed,
      level: level / changed,
    }))
    .sort((a, b) => (a.look < b.look ? -1 : 1))
}

const scalar = ({ data }: { readonly data: unknown }): number => (data as Float32Array)[0]!

async function errorProgram({ shape, parameters }: LearnedStart, size: number, runtime: Runtime): Promise<Program> {
  const graph = new Graph()
  const photo = graph.input('photo', [1, 3, size, size])
  const target = graph.input('target', [1, 3, size, size])
  const layer = generator(
    graph.input('seen', [1, 3, size, size]),
    splitParameters(graph.input('parameters', [parameters.length]), shape),
    shape,
  )
  const composite = compositeOf(layer, photo, graph.input('object', [1, 1, size, size]))
  const off = sub(composite, target)
  // The mean is over three channels.
  const luma = graph.constant(
    LUMA.map((share) => 3 * share),
    [1, 3, 1, 1],
  )
  return await runtime.compile(graph, {
    left: reduceMean(abs(off)),
    level: abs(reduceMean(mul(off, luma))),
    changed: reduceMean(abs(sub(photo, target))),
  })
}
