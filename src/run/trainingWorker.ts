// The training thread: answers one request at a time with the trainer it holds.
import { parentPort } from 'node:worker_threads'
import { Text2LiveError } from '../errors.js'
import { buildTrainer } from './buildTrainer.js'
import type { Trainer } from './trainerContract.js'
import { transferables, type CallName, type WorkerCalls, type WorkerFailure, type WorkerReply, type WorkerRequest } from './workerMessages.js'

if (parentPort === null) throw new Text2LiveError('INTERNAL', 'trainingWorker runs in a worker thread; use editImage.')
const port = parentPort
const opening = new AbortController()
let trainer: Trainer | null = null

async function answer(request: WorkerRequest): Promise<WorkerCalls[CallName]['answer']> {
  if (request.call === 'open') {
    trainer = await buildTrainer(request.argument as WorkerCalls['open']['argument'], (notice) => post({ notice }), opening.signal)
    return { step: trainer.step, steps: trainer.steps, device: trainer.device }
  }
  if (request.call === 'dispose') {
    await trainer?.dispose()
    trainer = null
    return null
  }
  if (trainer === null) throw new Text2LiveError('INTERNAL', `The training worker was asked to ${request.call} before it had a trainer.`)
  return await trainer[request.call]()
}

function failure(error: unknown): WorkerFailure {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error))
  return { code: error instanceof Text2LiveError ? error.code : null, message, stack }
}

function post(reply: WorkerReply, transfer: ArrayBuffer[] = []): void {
  port.postMessage(reply, transfer)
}

port.on('message', (request: WorkerRequest) => {
  if (request.call === 'dispose') opening.abort()
  answer(request).then(
    (value) => post({ id: request.id, answer: value }, transferables(value)),
    (error: unknown) => post({ id: request.id, failure: failure(error) }),
  ).finally(() => {
    // Closing lets the thread end by itself: ending it from outside while ONNX Runtime is at work can abort the process.
    if (request.call === 'dispose') port.close()
  })
})
