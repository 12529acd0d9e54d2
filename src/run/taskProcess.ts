// A process that does one task, and ends: decoding a large photo, looking at it and packing it block the thread that
// does it, and who asked may not want to know any more.
import { Text2LiveError } from '../errors.js'
import { photoPreview, type PictureSource } from '../media/imageCodec.js'
import { checksHere } from '../session/queue/checksHere.js'
import type { QueueChecks } from '../session/queue/queueMachine.js'
import type { LocateRequest } from '../session/locatePhoto.js'
import type { LocatedMap } from '../session/runHost.js'
import { nodeMachine } from './nodeMachine.js'
import { clipMachine } from './video/clipMachine.js'
import { failureOf, type WorkerFailure } from './workerFailure.js'

/** What it can be asked, and the answers. */
export interface Tasks {
  locate: { argument: LocateRequest; answer: LocatedMap }
  /** The photo as a run reads it, as a PNG of 8 bits that any browser shows. */
  preview: { argument: PictureSource; answer: Uint8Array }
  prepare: { argument: Parameters<QueueChecks['prepare']>; answer: Awaited<ReturnType<QueueChecks['prepare']>> }
  prepareClip: {
    argument: Parameters<QueueChecks['prepareClip']>
    answer: Awaited<ReturnType<QueueChecks['prepareClip']>>
  }
  brought: { argument: Parameters<QueueChecks['brought']>; answer: Awaited<ReturnType<QueueChecks['brought']>> }
}

export type TaskName = keyof Tasks
export type TaskRequest = {
  [Name in TaskName]: { readonly task: Name; readonly argument: Tasks[Name]['argument'] }
}[TaskName]
export type TaskReply = { readonly answer: Tasks[TaskName]['answer'] } | { readonly failure: WorkerFailure }

if (process.send === undefined)
  throw new Text2LiveError('INTERNAL', 'taskProcess runs in a process of its own; use taskInProcess.')

const reply = (message: TaskReply): void =>
  void process.send?.(message, undefined, undefined, () => process.disconnect())

process.once('message', (request: TaskRequest) => {
  answer(request).then(
    (given) => reply({ answer: given }),
    (error: unknown) => reply({ failure: failureOf(error) }),
  )
})
process.on('disconnect', () => process.exit())

async function answer(request: TaskRequest): Promise<Tasks[TaskName]['answer']> {
  const { codec } = nodeMachine
  const checks = checksHere({ codec, clips: clipMachine })
  if (request.task === 'prepare') return await checks.prepare(...request.argument)
  if (request.task === 'prepareClip') return await checks.prepareClip(...request.argument)
  if (request.task === 'brought') return await checks.brought(...request.argument)
  if (request.task === 'preview') return await photoPreview(request.argument, codec)
  const [{ locatePhoto }, { nodePlace }] = await Promise.all([
    import('../session/locatePhoto.js'),
    import('./buildTrainer.js'),
  ])
  const { map, share, notes } = await locatePhoto(request.argument, { ...nodePlace, codec })
  return { map, share, notes }
}
