import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Text2LiveError } from '../errors.js'
import type { ImageSettings } from '../options/imageOptions.js'
import type { VideoSettings } from '../options/videoOptions.js'
import { readEvents } from '../run/eventLog.js'
import { probeHere } from '../run/probeDevice.js'
import { isRunFolder, lookIn } from '../run/runFolder.js'
import { runFiles } from '../session/runFiles.js'
import { readRunSettings } from '../session/savedRun.js'
import { isClipRun, readVideoSettings } from '../session/video/savedClip.js'
import { jobSettings, type JobSettings } from './jobSettings.js'
import type { StandingJob } from './standingJobs.js'

/** About how long a batch takes. */
export interface BatchEstimate {
  /** Null where nothing is known of some job. */
  readonly seconds: number | null
  /** What it rests on, a sentence each. */
  readonly basis: readonly string[]
}

/**
 * Training steps of a photo on the CPU, in small training steps as `text2live doctor` times them: measured on the
 * example photo, at the size that each preset has. The others were not measured.
 */
const probesPerStep: Readonly<Record<string, number>> = { fast: 28, preview: 9 }

/** Runs of the folder that are looked at, the latest first. */
const looked = 200

/** What a run of this machine tells. */
interface Measured {
  readonly key: string
  readonly device: string
  readonly secondsPerStep: number
  /** Made in one go up to its end: its outputs, and all that was done before the first step, are in its seconds. */
  readonly isWhole: boolean
}

/**
 * From what the runs in the folder of the batch took, of this list or not: of the same kind, preset, size and device
 * those that were made in one go, else for photos the steps of the others; where there are none, for photos from a
 * small training step that is timed now.
 * @param left the jobs that are to be done
 * @param out the folder of the batch
 * @param atOnce how many are at work at a time
 */
export async function estimateBatch(left: readonly StandingJob[], out: string, atOnce: number): Promise<BatchEstimate> {
  const measured = left.length === 0 ? [] : await measuredIn(out)
  const basis = new Set<string>()
  let probe: number | null = null
  let total = 0
  let unknown = 0
  for (const { job, standing } of left) {
    const asked = await jobSettings(job)
    const own = like(asked, measured)
    let perStep: number
    if (own.length > 0) {
      perStep = own.reduce((sum, { secondsPerStep }) => sum + secondsPerStep, 0) / own.length
      basis.add(ofRuns(own, perStep))
    } else {
      const probes = asked.kind === 'photo' ? probesPerStep[asked.settings.preset] : undefined
      if (probes !== undefined) probe ??= await timedProbe()
      if (probes === undefined || probe === null) {
        unknown++
        continue
      }
      perStep = probe * probes
      basis.add(
        `a small training step timed now on the CPU (${(1000 * probe).toFixed(0)} ms), of which a step of a photo (${asked.settings.preset}) takes about ${probes}`,
      )
    }
    total += perStep * Math.max(0, stepsOf(asked) - standing.step)
  }
  if (unknown > 0) basis.add(`nothing for ${unknown} of them: no run like it is finished here yet`)
  return { seconds: unknown > 0 ? null : total / Math.max(1, atOnce), basis: [...basis] }
}

/** Those that tell the most of a job: whole runs, or the steps of others. */
function like({ kind, settings }: JobSettings, measured: readonly Measured[]): readonly Measured[] {
  const key = keyOf(kind, settings)
  const alike = measured.filter(
    (each) => each.key === key && (settings.device === 'auto' || settings.device === each.device),
  )
  const whole = alike.filter(({ isWhole }) => isWhole)
  // Most of the time of a clip is not in its steps.
  return whole.length > 0 || kind === 'clip' ? whole : alike
}

function ofRuns(own: readonly Measured[], perStep: number): string {
  const [{ key, isWhole }] = own as readonly [Measured]
  const devices = [...new Set(own.map(({ device }) => device))].join(', ')
  const runs = `${own.length} ${isWhole ? 'finished ' : ''}${own.length === 1 ? 'run' : 'runs'} in this folder`
  return `${runs} (${key}, ${devices}): ${perStep.toPrecision(2)} s a step, ${isWhole ? 'all included' : 'without the outputs'}`
}

async function measuredIn(out: string): Promise<Measured[]> {
  const names = await readdir(out).catch(() => [])
  const folders = await Promise.all(
    names
      .map((name) => join(out, name))
      .filter((path) => isRunFolder(path))
      .map(async (path) => ({ path, changed: (await stat(path)).mtimeMs })),
  )
  const latest = folders.sort((a, b) => b.changed - a.changed).slice(0, looked)
  const found: Measured[] = []
  for (const { path } of latest) {
    const measured = await measuredOf(path)
    if (measured !== null) found.push(measured)
  }
  return found
}

/** Null for a run without steps, and for one that cannot be read. */
async function measuredOf(path: string): Promise<Measured | null> {
  try {
    const run = lookIn(path)
    const key = (await isClipRun(run))
      ? keyOf('clip', await readVideoSettings(run))
      : keyOf('photo', (await readRunSettings(run)).settings)
    const events = readEvents(join(path, runFiles.events))
    const steps = events.filter((event) => event.type === 'step')
    const last = steps.at(-1)
    if (last === undefined) return null
    const done = events.findLast((event) => event.type === 'done')
    const isWhole = done !== undefined && !events.some(({ type }) => type === 'resumed')
    const secondsPerStep = isWhole ? done.seconds / steps.length : median(steps.map(({ seconds }) => seconds))
    return { key, device: last.device, secondsPerStep, isWhole }
  } catch (error) {
    if (error instanceof Text2LiveError) return null
    throw error
  }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

const stepsOf = (asked: JobSettings): number =>
  asked.settings.steps * (asked.kind === 'photo' ? asked.seeds : asked.settings.layer === 'both' ? 2 : 1)

const keyOf = (kind: JobSettings['kind'], { preset, size }: ImageSettings | VideoSettings): string =>
  `${kind}, ${preset}, ${size === 0 ? 'full size' : `${size} px`}`

/** Seconds; null where the CPU does not work. */
async function timedProbe(): Promise<number | null> {
  const probe = await probeHere('cpu')
  return probe.works ? probe.milliseconds / 1000 : null
}
