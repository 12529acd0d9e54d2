import type { ChildProcess } from 'node:child_process'
import { Text2LiveError } from '../errors.js'
import { registeredModules } from '../models/guidanceRegistry.js'
import type { Job } from '../session/job.js'
import { interrupted } from '../session/interrupted.js'
import { passOn, type RunControl } from '../session/runControl.js'
import type { RunEvent } from '../session/events.js'
import type { EmitAny } from '../session/queue/queueMachine.js'
import type { Emit } from '../session/trainRun.js'
import { type EditResult, receivedResult, type SentResult } from './editResult.js'
import { endedByItself, forkProcess } from './forkProcess.js'
import type { ImageJob } from './imageJob.js'
import { type JobReply, type JobRequest, keepModels, type ProcessResult } from './processJob.js'
import { assertKind } from './runKind.js'
import type { ClipJob, VideoJobResult } from './video/videoJob.js'
import type { EmitVideo } from '../session/video/clipSession.js'
import type { VideoEvent } from '../session/videoEvents.js'
import { reviveFailure } from './workerFailure.js'

/**
 * Does a job in a process of its own, which is gone when this resolves: from the photo to the outputs all is there, and
 * this one stays free. A step blocks the thread that runs it for as long as it takes; and only the end of a process
 * gives all of its memory back. When `signal` aborts, the step at hand is finished and the outputs of the state reached
 * are written. Where this process ends first, the other one finishes the step at hand, keeps it, and ends too.
 * @throws all that the run throws, INTERRUPTED, OUT_OF_MEMORY, DEVICE_FAILED
 */
export async function runInProcess(
  job: ImageJob,
  signal: AbortSignal,
  emit: Emit,
  control?: RunControl,
): Promise<EditResult> {
  if (job.kind !== 'image') await assertKind(job.run, 'image')
  const result = await askProcess(job, signal, (event) => emit(event as RunEvent), control)
  return receivedResult(result as SentResult)
}

/** The same for a job on a clip. @throws as `runInProcess` */
export async function runClipInProcess(
  job: ClipJob,
  signal: AbortSignal,
  emit: EmitVideo,
  control?: RunControl,
): Promise<VideoJobResult> {
  if (job.kind === 'resume' || job.kind === 'render') await assertKind(job.run, 'video')
  const result = await askProcess(job, signal, (event) => emit(event as VideoEvent), control)
  return result as VideoJobResult
}

/** The same for any job of such a process. */
export async function askProcess<Asked extends Job>(
  job: Asked,
  signal: AbortSignal,
  emit: EmitAny,
  control?: RunControl,
): Promise<ProcessResult<Asked['kind']>> {
  const process = new JobProcess()
  try {
    return await process.ask(job, signal, emit, control)
  } finally {
    await process.end()
  }
}

/** The same for a job that nobody follows or stops. */
export async function askAlone<Asked extends Job>(job: Asked): Promise<ProcessResult<Asked['kind']>> {
  return await askProcess(job, new AbortController().signal, () => undefined)
}

/** A process that does jobs, one at a time; one that is gone is followed by another at the next job. */
export class JobProcess {
  readonly #keepsModels: boolean
  readonly #environment: Readonly<Record<string, string>>
  #worker: { readonly child: ChildProcess; readonly ended: Promise<void> } | null = null

  /**
   * @param keepsModels engine and models stay open from one job to the next
   * @param environment variables that it has besides those of this process
   */
  constructor({
    keepsModels = false,
    environment = {},
  }: { readonly keepsModels?: boolean; readonly environment?: Readonly<Record<string, string>> } = {}) {
    this.#keepsModels = keepsModels
    this.#environment = environment
  }

  /** @throws as `runInProcess` */
  async ask<Asked extends Job>(
    job: Asked,
    signal: AbortSignal,
    emit: EmitAny,
    control?: RunControl,
  ): Promise<ProcessResult<Asked['kind']>> {
    if (signal.aborted) throw interrupted()
    const worker = this.#started()
    const send = (request: JobRequest): void => {
      // Where the process has gone, its `exit` event says so.
      if (worker.connected) worker.send(request, () => undefined)
    }
    let hear: (reply: JobReply) => void = () => undefined
    let fail: (error: Error) => void = () => undefined
    const gone = (code: number | null, by: NodeJS.Signals | null): void =>
      fail(endedByItself('that worked on the run', code, by))
    const answer = new Promise<ProcessResult<Asked['kind']>>((resolve, reject) => {
      fail = reject
      hear = (reply) => {
        if ('event' in reply) emit(reply.event)
        else if ('failure' in reply) reject(reviveFailure(reply.failure))
        // Of the kind that was asked for: it does one job at a time.
        else resolve(reply.result as ProcessResult<Asked['kind']>)
      }
    })
    worker.on('message', hear).on('error', fail).on('exit', gone)
    let end = (): void => undefined
    try {
      sendPlain(send, { job, modules: registeredModules() })
      end = passOn((ask) => send({ ask }), signal, control)
      return await answer
    } finally {
      end()
      worker.off('message', hear).off('error', fail).off('exit', gone)
    }
  }

  /** Ends the process when it is at no job; it is gone when this resolves. */
  async end(): Promise<void> {
    const worker = this.#worker
    if (worker?.child.connected === true) worker.child.disconnect()
    await worker?.ended
  }

  #started(): ChildProcess {
    if (this.#worker?.child.connected === true) return this.#worker.child
    const words = this.#keepsModels ? [keepModels] : []
    const child = forkProcess(new URL('./jobProcess.js', import.meta.url), words, this.#environment)
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => resolve())
      child.once('error', () => {
        if (child.pid === undefined) resolve()
      })
    })
    this.#worker = { child, ended }
    return child
  }
}

/** @throws OPTION_INVALID for what cannot be sent */
function sendPlain(send: (request: JobRequest) => void, request: JobRequest): void {
  try {
    send(request)
  } catch (cause) {
    throw new Text2LiveError(
      'OPTION_INVALID',
      `Expected options of plain data: texts, numbers, bytes of pictures. ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}
