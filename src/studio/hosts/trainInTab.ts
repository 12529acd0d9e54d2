import { Text2LiveError } from '../../errors.js'
import { afterStep, keptBytes } from '../../session/eventLog.js'
import { eventLine } from '../../session/events.js'
import type { EmitAny, QueuedJob } from '../../session/queue/queueMachine.js'
import { readStoredRun } from '../../session/queue/readStoredRun.js'
import type { RunControl } from '../../session/runControl.js'
import type { AnyRunEvent } from '../../session/runHost.js'
import { runFiles } from '../../session/runFiles.js'
import type { OpfsRuns } from '../../session/web/opfsStore.js'
import { askWorker } from '../../session/web/runWorker.js'
import { type Engine, type Engines, isOfDevice } from './engines.js'

/** Milliseconds for a worker that was ended to let a run go. */
const patience = 60_000

/**
 * Does jobs of a queue in workers of this tab, each job in one of its own, which ends with it and gives its memory
 * back. Where the device fails in the middle, the run goes on from its checkpoint on the CPU, and says so.
 */
export const trainInTab =
  (engines: Engines, runs: OpfsRuns) =>
  async (job: QueuedJob, signal: AbortSignal, emit: EmitAny, control: RunControl): Promise<void> => {
    const { settings } = await readStoredRun(await runs.look(job.run))
    const notes: string[] = []
    const tellNotes = async (): Promise<void> => {
      for (const message of notes.splice(0)) {
        const event = { type: 'note', message } as const
        if (job.kind === 'paint') emit(event)
        else await tellRun(runs, job.run, event, emit)
      }
    }
    let engine = await engines.openFor(settings, (message) => notes.push(message), signal)
    for (;;) {
      const { device, end } = engine
      try {
        await tellNotes()
        await workOn(engine, job, signal, emit, control)
        return
      } catch (error) {
        end()
        if (device === 'cpu' || !isOfDevice(error)) throw withAdvice(error)
        const reason = error instanceof Error ? error.message : String(error)
        notes.push(`device: cpu, on from the checkpoint, since ${device} failed: ${reason}`)
        engine = await engines.open('cpu', signal, settings.threads)
      } finally {
        end()
      }
    }
  }

async function workOn(
  engine: Engine,
  job: QueuedJob,
  signal: AbortSignal,
  emit: EmitAny,
  control: RunControl,
): Promise<void> {
  const placed: QueuedJob = job.kind !== 'resume' ? job : { ...job, options: { ...job.options, device: engine.device } }
  await askWorker(engine.worker, placed, { onEvent: emit, onClipEvent: emit }, signal, control, engine.broken)
}

/** Tells something of a run that nobody holds, and writes it to its log, behind what its checkpoint has done. */
async function tellRun(runs: OpfsRuns, name: string, event: AnyRunEvent, emit: EmitAny): Promise<void> {
  const store = await runs.open(name, patience)
  try {
    const { kind, step } = await readStoredRun(store)
    // A clip's run takes back what is beyond the checkpoint of each layer itself.
    const beyond = kind === 'clip' ? (): boolean => false : afterStep(step)
    const log = await store.openLog(runFiles.events, keptBytes(await store.read(runFiles.events), beyond))
    try {
      log.append(eventLine(event))
    } finally {
      log.close()
    }
  } finally {
    store.release()
  }
  emit(event)
}

/** WebAssembly says it in many ways that memory has run out. */
function withAdvice(error: unknown): unknown {
  const reason = error instanceof Error ? error.message : String(error)
  if (!/bad_alloc|out of memory|allocation failed|memory access out of bounds/i.test(reason)) return error
  return new Text2LiveError(
    'OUT_OF_MEMORY',
    `The memory that a tab can have ran out (${reason}). Use a smaller size or fewer views, or the command line with the same settings.`,
    { cause: error },
  )
}
