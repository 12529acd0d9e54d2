import { join } from 'node:path'
import { readEvents } from '../run/eventLog.js'
import { probeHere } from '../run/probeDevice.js'
import { runFiles } from '../session/runFiles.js'
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
 * Training steps of a photo on the CPU, in small training steps as `text2live doctor` times them: measured on the example
 * photo, at the size that each preset has. The others were not measured.
 */
const probesPerStep: Readonly<Record<string, number>> = { fast: 28, preview: 9 }

/**
 * From runs of this batch that are finished, where there are some like it; else, for photos, from a small training step
 * that is timed now.
 * @param jobs those of the list
 * @param left those of them that are to be done
 * @param atOnce how many are at work at a time
 */
export async function estimateBatch(
  jobs: readonly StandingJob[],
  left: readonly StandingJob[],
  atOnce: number,
): Promise<BatchEstimate> {
  const measured = new Map<string, number[]>()
  for (const each of jobs.filter(({ standing }) => standing.state === 'finished')) {
    const seconds = secondsPerStep(each)
    if (seconds === null) continue
    const key = keyOf(await jobSettings(each.job))
    measured.set(key, [...(measured.get(key) ?? []), seconds])
  }
  const basis = new Set<string>()
  let probe: number | null = null
  let total = 0
  let unknown = 0
  for (const { job, standing } of left) {
    const asked = await jobSettings(job)
    const key = keyOf(asked)
    const own = measured.get(key)
    let perStep: number
    if (own !== undefined) {
      perStep = own.reduce((sum, seconds) => sum + seconds, 0) / own.length
      basis.add(
        `${own.length} finished ${own.length === 1 ? 'run' : 'runs'} of this batch (${key}): ${perStep.toPrecision(2)} s a step, all included`,
      )
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

const stepsOf = (asked: JobSettings): number =>
  asked.settings.steps * (asked.kind === 'photo' ? asked.seeds : asked.settings.layer === 'both' ? 2 : 1)

const keyOf = ({ kind, settings: { preset, size } }: JobSettings): string =>
  `${kind}, ${preset}, ${size === 0 ? 'full size' : `${size} px`}`

/** Of a run that was made in one go; null for others. */
function secondsPerStep({ path }: StandingJob): number | null {
  const events = readEvents(join(path, runFiles.events))
  const done = events.findLast((event) => event.type === 'done')
  const steps = events.filter(({ type }) => type === 'step').length
  return done === undefined || steps === 0 || events.some(({ type }) => type === 'resumed')
    ? null
    : done.seconds / steps
}

/** Seconds; null where the CPU does not work. */
async function timedProbe(): Promise<number | null> {
  const probe = await probeHere('cpu')
  return probe.works ? probe.milliseconds / 1000 : null
}
