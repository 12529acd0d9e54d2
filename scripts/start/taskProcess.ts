// One process of the training: makes the first steps of an edit from given weights, and answers what became of them.
import { createNodeRuntime } from '../../src/engine/node/createNodeRuntime.js'
import { crop } from '../../src/media/crop.js'
import { resize } from '../../src/media/resample.js'
import { createTrainer } from '../../src/method/trainer.js'
import { embedTexts, meanRow } from '../../src/method/textTargets.js'
import { loadGuidance } from '../../src/models/loadGuidance.js'
import type { LearnedStart } from '../../src/models/learnedStart.js'
import { folderSource } from '../../src/models/node/folderSource.js'
import { loadOutline } from '../../src/models/outline.js'
import { unit } from '../../src/models/phraseReading.js'
import { resolveSettings } from '../../src/options/resolveSettings.js'
import { PairFolder } from '../starter/pairs.js'
import { decodeJpeg } from '../starter/renderView.js'
import type { Task } from './tasks.js'

export interface TaskRequest {
  readonly task: Task
  readonly start: LearnedStart
  readonly steps: number
}

/** Null for a picture without an object that the words name. */
export type TaskReply = {
  readonly parameters: Float32Array
  /** [D], of length 1. */
  readonly direction: Float32Array
  /** Total loss of the first and the last step, bootstrap and sparsity left out. */
  readonly losses: readonly [number, number]
} | null

const [, , pairs = ''] = process.argv
const folder = new PairFolder(pairs, 'train')
const runtime = createNodeRuntime({ device: 'cpu', threads: 1 })
const outline = await loadOutline(await folderSource('models/outline'))
const guidance = await loadGuidance(await folderSource('models/starter'), runtime, { positions: 'fixed' })

async function solve({ task, start, steps }: TaskRequest): Promise<TaskReply> {
  const { prompt, source, region, seed } = task
  const settings = resolveSettings([{ preset: 'preview', prompt, source, region, seed, steps }], () => 0)
  const full = await decodeJpeg(folder.jpeg(folder.pairs[task.pair]!))
  const side = Math.min(full.width, full.height)
  const square = crop(
    full,
    Math.round(task.place * (full.width - side)),
    Math.round(task.place * (full.height - side)),
    side,
    side,
  )
  const photo = resize(square, settings.size, settings.size, { filter: 'bicubic', antialias: true, round8: true })
  const notes: string[] = []
  const trainer = await createTrainer({
    runtime,
    guidance: [guidance],
    photo,
    settings,
    outline,
    start,
    texts: { prompt: [prompt], screen: [prompt], source: [source], region: [region] },
    onNote: (message) => void notes.push(message),
  })
  try {
    if (!notes.some((message) => message.includes('with the outline'))) return null
    const seen: number[] = []
    while (trainer.step < steps) {
      const { losses } = await trainer.train()
      seen.push(losses['composition']! + losses['directional']! + losses['screen']!)
    }
    const { tensors } = await trainer.state()
    const { direction } = await embedTexts(
      guidance,
      { prompt: [prompt], screen: [prompt], source: [source], region: [] },
      false,
    )
    return {
      parameters: tensors['parameters']!.data,
      direction: unit(meanRow(direction)),
      losses: [seen[0]!, seen.at(-1)!],
    }
  } finally {
    await trainer.dispose()
  }
}

process.on('message', (request: TaskRequest) => {
  solve(request).then(
    (reply) => process.send!({ reply }),
    (error: unknown) => process.send!({ error: String(error instanceof Error ? error.stack : error) }),
  )
})
process.send!({ ready: true })
