// The training process: answers one request at a time with the trainer it holds, and ends when it is told to or left
// alone.
import { Text2LiveError } from '../errors.js'
import { buildTrainer } from './buildTrainer.js'
import type { Trainer } from '../session/trainerContract.js'
import type { CallName, WorkerCalls, WorkerFailure, WorkerReply, WorkerRequest } from './workerMessages.js'

if (process.send === undefined)
  throw new Text2LiveError('INTERNAL', 'trainingWorker runs in a process of its own; use editImage.')
const opening = new AbortController()
let trainer: Trainer | null = null

/** Milliseconds for a download to be put away when the process is no longer needed. */
const leaveWithin = 2_000

async function answer(request: WorkerRequest): Promise<WorkerCalls[CallName]['answer']> {
  if (request.call === 'open') {
    trainer = await buildTrainer(
      request.argument as WorkerCalls['open']['argument'],
      (notice) => post({ notice }),
      opening.signal,
    )
    return { step: trainer.step, steps: trainer.steps, device: trainer.device, learned: trainer.learned === true }
  }
  if (request.call === 'dispose') {
    await trainer?.dispose()
    trainer = null
    return null
  }
  if (trainer === null)
    throw new Text2LiveError('INTERNAL', `The training worker was asked to ${request.call} before it had a trainer.`)
  if (request.call === 'train') return { ...(await trainer.train()), memory: process.memoryUsage.rss() }
  if (request.call === 'setMask') {
    await trainer.setMask(request.argument as WorkerCalls['setMask']['argument'])
    return null
  }
  return await trainer[request.call]()
}

function failure(error: unknown): WorkerFailure {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error))
  return { code: error instanceof Text2LiveError ? error.code : null, message, stack }
}

/** @param sent called once the reply is on its way, or the other side has gone */
function post(reply: WorkerReply, sent: () => void = () => undefined): void {
  if (process.connected) process.send?.(reply, undefined, undefined, sent)
  else sent()
}

process.on('message', (request: WorkerRequest) => {
  const last = request.call === 'dispose'
  if (last) opening.abort()
  // Without the channel nothing keeps the process, which then ends by itself.
  const sent = last
    ? () => {
        if (process.connected) process.disconnect()
      }
    : undefined
  answer(request).then(
    (value) => post({ id: request.id, answer: value }, sent),
    (error: unknown) => post({ id: request.id, failure: failure(error) }, sent),
  )
})
process.on('disconnect', () => {
  opening.abort()
  // What a library left open must not keep a process that nobody waits for.
  setTimeout(() => process.exit(), leaveWithin).unref()
})
